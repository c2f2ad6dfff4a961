/** `falco-pipe validate` of rules files. */

import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launcher, Program } from '../e2e/program.ts';
import { bad, folder, good, pipelineFile, run, write } from './rules-folder.ts';

const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

describe('validate of rules files', () => {
  test('one that is right', async () => {
    const { code, stdout, stderr } = await run('validate', good);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'good.yaml: ok (1 rule, 1 macro, 1 list)\n',
      stderr: '',
    });
  });

  test('a folder without any is an error, and hides no other', async () => {
    mkdirSync(join(folder, 'none.d'));
    write('none.d/only.test.yaml', 'tests: []');
    const none = 'There are no rules files (*.yaml, *.yml) in none.d\n';
    expect(await run('validate', 'none.d')).toMatchObject({ code: 78, stdout: '', stderr: none });
    expect(await run('validate', 'none.d', good)).toMatchObject({
      code: 78,
      stdout: 'good.yaml: ok (1 rule, 1 macro, 1 list)\n',
      stderr: none,
    });
    expect(await run('rules', 'list', 'none.d')).toMatchObject({ code: 78, stderr: none });
  });

  test('of a folder that may not be read it is said that it may not', async () => {
    mkdirSync(join(folder, 'closed.d/rules'), { recursive: true });
    write(
      'closed.yaml',
      `sources: { past: { type: replay, files: events.jsonl } }
operators: { detect: { type: rules, from: past, files: [closed.d, closed.d/rules] } }
sinks: { out: { type: stdout, from: detect } }
`,
    );
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'closed.d'), 0);
    // To root a mode of 000 is nothing.
    const args = ['validate', 'closed.d', 'closed.d/rules', 'closed.yaml'];
    const { code, stderr } =
      process.getuid?.() === 0
        ? await Program.run([...AS_NOBODY, launcher, ...args], { command: 'setpriv', cwd: folder })
        : await run(...args);
    chmodSync(join(folder, 'closed.d'), 0o700);
    expect(code).toBe(78);
    for (const path of ['closed.d', 'closed.d/rules']) {
      expect(stderr).toContain(`Cannot read the pipeline ${path}: EACCES`);
      expect(stderr).toContain(`error: Cannot read ${path}: EACCES`);
    }
  });

  test('of a folder the files in it are taken, by name', async () => {
    mkdirSync(join(folder, 'rules.d'), { recursive: true });
    write(
      'rules.d/2.yaml',
      '- rule: second\n  desc: d\n  condition: evt.type = open and m\n  output: o\n  priority: INFO\n',
    );
    write('rules.d/1.yml', '- macro: m\n  condition: proc.name = cat\n');
    write('rules.d/2.test.yaml', 'tests: []');
    write('rules.d/notes.txt', 'not: rules');
    const { stdout, stderr } = await run('validate', 'rules.d');
    expect({ stdout, stderr }).toEqual({
      stdout: 'rules.d/1.yml, rules.d/2.yaml: ok (1 rule, 1 macro, 0 lists)\n',
      stderr: '',
    });
    expect((await run('rules', 'list', 'rules.d')).stdout).toContain('second');
    const pipeline = (files: string) =>
      write(
        'folder.yaml',
        `sources: { past: { type: replay, files: events.jsonl } }
operators: { detect: { type: rules, from: past, files: ${files} } }
sinks: { out: { type: stdout, from: detect } }
`,
      );
    expect((await run('validate', pipeline('rules.d'))).stdout).toContain('folder.yaml: ok');
    expect((await run('rules', 'list', 'folder.yaml')).stdout).toContain('second');
    const { stderr: said } = await run('validate', pipeline("'rules.d/*.yaml'"));
    expect(said).toContain('folder.yaml:2:56');
    expect(said).toContain('Patterns are not taken; a folder of rules stands for the files in it');
  });

  test('what is wrong is shown at its place in a folded text, with the way there', async () => {
    const { code, stdout, stderr } = await run('validate', good, bad);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toBe(
      [
        'bad.yaml:4:5: error: unknown field proc.nmae (event source syscall)',
        '      proc.nmae = dog',
        '      ^^^^^^^^^',
        '  in macro m, defined at bad.yaml:1:3',
        "  in rule 'R', defined at bad.yaml:5:3",
        '  Did you mean proc.name?',
        'bad.yaml has an error',
        '',
      ].join('\n'),
    );
  });

  test('a list whose items are wrong is the matter of the rules file that names it', async () => {
    write('login.html', '<!DOCTYPE html><html><body>Log in</body></html>\n');
    const condition = 'evt.type = open and fd.name in (far)';
    const list = write(
      'far.yaml',
      `- list: far\n  items_from: { file: login.html }\n- rule: Far\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`,
    );
    const { code, stderr } = await run('validate', list);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^login\.html:1:1: error: .*\nfar\.yaml has an error\n$/s);
    expect((await run('validate', good, list)).stderr).toMatch(/\nThe rules have an error\n$/);
  });

  test('files are loaded together, in order', async () => {
    const more = write('more.yaml', '- list: shells\n  items: [fish]\n  override: {items: append}\n');
    expect(await run('validate', good, more)).toMatchObject({ code: 0 });
    const { code, stderr } = await run('validate', more, good);
    expect(code).toBe(78);
    expect(stderr).toContain("more.yaml:1:3: error: List uses 'append'");
  });

  test('a file of comments alone, as Falco ships one for local rules, is rules among rules', async () => {
    const local = write('local.yaml', '# Your rules.\n\n  # None yet.\n');
    const { code, stderr } = await run('validate', good, local);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const listed = await run('rules', 'list', local, good);
    expect(listed.code).toBe(0);
    expect(listed.stdout).toContain('Shell with a terminal');
    const alone = await run('validate', local);
    expect(alone).toMatchObject({ code: 0, stdout: 'local.yaml: ok (0 rules, 0 macros, 0 lists)\n', stderr: '' });
    // A pipeline that was cut short must not pass for one that is right.
    expect(await run('validate', write('nothing.yaml', ''))).toMatchObject({ code: 78, stdout: '' });
  });

  test('a file of nothing, and one that is no text, are neither rules nor a pipeline', async () => {
    write('nothing.yaml', '\n');
    write('program.yaml', '\u007fELF\u0002\u0001\u0000\u0000');
    const { code, stderr } = await run('validate', 'nothing.yaml', 'program.yaml');
    expect(code).toBe(78);
    expect(stderr).toBe(`nothing.yaml has nothing in it: it is neither a pipeline nor a rules file
program.yaml:1:1: error: This file is no text: it has bytes that are zero
  Pipelines and rules files are YAML.
program.yaml has an error
`);
  });

  test('a warning does not fail', async () => {
    const { code, stdout, stderr } = await run('validate', 'doubtful.yaml');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'doubtful.yaml: ok, 1 warning (0 rules, 0 macros, 1 list)\n' });
    expect(stderr).toContain('doubtful.yaml:1:3: warning: List not referred to');
  });

  test("-o json is Falco's shape in one line", async () => {
    const { code, stdout } = await run('validate', 'doubtful.yaml', bad, '-o', 'json');
    expect(code).toBe(78);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const { falco_load_results: results, diagnostics } = JSON.parse(stdout);
    expect(results[0]).toMatchObject({
      ...{ name: 'doubtful.yaml', successful: true, schema_valid: true, schema_warnings: [], errors: [] },
      warnings: [{ code: 'LOAD_UNUSED_LIST', codedesc: 'Unused list' }],
    });
    expect(results[1]).toMatchObject({ name: 'bad.yaml', successful: false });
    const [error] = results[1].errors;
    expect(Object.keys(error)).toEqual(['code', 'codedesc', 'message', 'context']);
    expect(error).toMatchObject({ code: 'LOAD_ERR_COMPILE_CONDITION', codedesc: 'Error compiling condition' });
    expect(error.context.locations.map(({ item_type }: { item_type: string }) => item_type)).toEqual([
      'rules content',
      'rule',
      'rule condition',
      'condition expression',
    ]);
    expect(error.context.locations[1]).toEqual({
      ...{ item_type: 'rule', item_name: 'R' },
      position: { name: 'bad.yaml', line: 4, column: 2, offset: 72 },
    });
    expect(error.context.snippet).toContain('^');
    // Falco's places in conditions are no places of the file; these are.
    expect(diagnostics.at(0)?.at).toMatchObject({ file: 'bad.yaml', line: 4, column: 5 });
  });

  test('how many items a list from elsewhere has, not what may be a secret in its address', async () => {
    const server = createServer((_, answer) => answer.end('10.0.0.0/8\n192.0.2.0/24\n203.0.113.0/24\n'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/nets`;
    const condition = 'evt.type = connect and fd.snet in (near, far)';
    write('near.txt', '198.51.100.0/24\n');
    write(
      'lists.yaml',
      `- { list: near, items_from: { file: near.txt } }
- { list: far, items_from: { url: '${at}?key=secret' } }
- { rule: R, desc: d, condition: '${condition}', output: o, priority: INFO }
`,
    );
    write('lists-pipeline.yaml', readFileSync(join(folder, pipelineFile), 'utf8').replace('good.yaml', 'lists.yaml'));
    const lines = `  the list near: 1 item, from near.txt\n  the list far: 3 items, from ${at}?…\n`;
    const lists = [
      { list: 'near', from: 'near.txt', items: 1 },
      { list: 'far', from: `${at}?…`, items: 3 },
    ];
    for (const file of ['lists.yaml', 'lists-pipeline.yaml']) {
      const { stdout } = await run('validate', file);
      expect(stdout.slice(stdout.indexOf('\n') + 1)).toBe(lines);
      expect(JSON.parse((await run('validate', file, '-o', 'json')).stdout)).toMatchObject({ lists });
    }
    server.close();
  });

  test('a file that cannot be read', async () => {
    const { code, stdout } = await run('validate', good, 'nowhere.yaml', '-o', 'json');
    expect(code).toBe(78);
    const [, failed] = JSON.parse(stdout).falco_load_results;
    expect(failed).toMatchObject({ name: 'nowhere.yaml', successful: false, errors: [{ code: 'LOAD_ERR_FILE_READ' }] });
    const text = await run('validate', good, 'nowhere.yaml');
    expect(text.code).toBe(78);
    expect(text.stderr).toContain('nowhere.yaml:1:1: error: Cannot read nowhere.yaml: ENOENT');
  });

  test.each([
    ['a mapping that was meant to be a list', 'rule: R\ndesc: d\n', 'Rules content is not yaml array of objects'],
    ['after a comment and a document mark', '# why\n---\n- rule: R\n', "Item has no mapping for key 'enabled'"],
    ['a rule that is only a name', '- rule: R\n', 'A rule has condition, output, desc and priority;'],
    ['no YAML', '- rule: [', 'error: '],
  ])('%s is a rules file', async (_, text, said) => {
    const { code, stderr } = await run('validate', write('odd.yaml', text));
    expect(code).toBe(78);
    expect(stderr).toContain('odd.yaml:');
    expect(stderr).toContain(said);
  });

  test('pipelines and rules files in one go: each is checked', async () => {
    const { code, stdout, stderr } = await run('validate', pipelineFile, bad);
    expect(code).toBe(78);
    expect(stdout).toMatch(/^pipeline.yaml: ok, 1 warning \(1 source, 1 operator, 1 sink, sha256:[0-9a-f]{64}\)\n$/);
    expect(stderr).toContain('bad.yaml:4:5');
    const broken = write('broken.yaml', 'sources: {}\n');
    const both = await run('validate', broken, bad, good);
    expect(both.code).toBe(78);
    expect(both.stderr).toContain('broken.yaml');
    expect(both.stderr).toContain('bad.yaml:4:5');
  });

  test('--set needs a pipeline', async () => {
    expect(await run('validate', good, '--set', 'a=b')).toMatchObject({ code: 2, stdout: '' });
  });
});

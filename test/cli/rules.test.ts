/** The verbs that look at rules, through the built program: validate, rules list, show, explain. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launcher, Program, repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}
const run = (...args: string[]) => Program.run(args, { cwd: folder });

const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

const good = write(
  'good.yaml',
  `- list: shells
  items: [bash, sh]
- macro: shell
  condition: proc.name in (shells)
- rule: Shell with a terminal
  desc: A person has started a shell.
  condition: >
    evt.type in (execve, execveat)
    and shell and proc.tty != 0
  output: shell %proc.name %thread.cpu
  priority: NOTICE
  tags: [people]
  exceptions:
    - name: known
      fields: [user.name]
      values: [[alice]]
`,
);
const bad = write(
  'bad.yaml',
  `- macro: m
  condition: >
    proc.name = cat and
    proc.nmae = dog
- rule: R
  desc: d
  condition: evt.type = execve and m
  output: o
  priority: INFO
`,
);
write('doubtful.yaml', '- list: unused\n  items: [a]\n');
const pipelineFile = write(
  'pipeline.yaml',
  `sources: { past: { type: replay, files: events.jsonl } }
operators: { detect: { type: rules, from: past, files: good.yaml, select: [{ disable: { tag: people } }] } }
sinks: { out: { type: stdout, from: detect } }
`,
);
const event = (fields: object, source = 'syscall', type = 'execve') =>
  JSON.stringify({ source, time: 1, type, fields: { 'proc.tty': 5, 'user.name': 'bob', ...fields } });
write('events.jsonl', `${event({ 'proc.name': 'bash' })}\n\n${event({ 'proc.name': 'cat' })}\n${event({}, 'aws')}\n`);
write('one.jsonl', event({ 'proc.name': 'sh', 'user.name': 'alice' }));

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

describe('rules list', () => {
  test("by itself: the program's own rules", async () => {
    const { code, stdout, stderr } = await Program.run(['rules', 'list']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Scheduled job changed +Warning +syscall +enabled +T1053/m);
    const elsewhere = await run('rules', 'list');
    expect(elsewhere.stdout).toBe(stdout);
  });

  test('of a pipeline: as its operator has them', async () => {
    const { code, stdout } = await run('rules', 'list', pipelineFile);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Shell with a terminal  Notice  syscall  disabled  people\n' });
  });

  test("-o json is Falco's shape", async () => {
    const { json } = await run('rules', 'list', good, '-o', 'json');
    expect(json).toHaveLength(1);
    const described = json[0]?.falco_describe_results as Record<string, { info: object; details: object }[]>;
    expect(Object.keys(described)).toEqual([
      'required_engine_version',
      'required_plugin_versions',
      'rules',
      'macros',
      'lists',
    ]);
    expect(described.rules?.[0]?.info).toMatchObject({ name: 'Shell with a terminal', priority: 'Notice' });
    expect(described.macros?.[0]?.details).toMatchObject({ used: true, lists: ['shells'] });
    expect(described.lists?.[0]?.info).toEqual({ name: 'shells', items: ['bash', 'sh'] });
  });

  test('rules that do not load, and a pipeline beside rules', async () => {
    expect(await run('rules', 'list', bad)).toMatchObject({ code: 78, stdout: '' });
    const mixed = await run('rules', 'list', pipelineFile, good);
    expect(mixed).toMatchObject({ code: 2, stdout: '' });
    expect(mixed.stderr).toContain('Name rules files, or one pipeline');
  });
});

describe('rules show', () => {
  test('what a rule consists of', async () => {
    const { code, stdout } = await run('rules', 'show', 'Shell with a terminal', good);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Shell with a terminal\ngood.yaml:5 · Notice · source syscall · enabled · tags people\n/);
    expect(stdout).toContain('Condition\n  evt.type in (execve, execveat) and shell and proc.tty != 0\n');
    expect(stdout).toContain('Exceptions\n  known\n');
    expect(stdout).toContain('proc.name in (bash, sh)');
  });

  test('as JSON', async () => {
    const { json } = await run('rules', 'show', 'Shell with a terminal', good, '-o', 'json');
    const { rules } = (json[0] as { falco_describe_results: { rules: { details: object }[] } }).falco_describe_results;
    expect(rules).toHaveLength(1);
    expect(rules[0]?.details).toMatchObject({ events: ['execve', 'execveat'], macros: ['shell'] });
  });

  test('a name that is not quite right', async () => {
    const { code, stderr } = await run('rules', 'show', 'shell with a terminal', good);
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean "Shell with a terminal"?');
    expect((await run('rules', 'show', 'zzz', good)).stderr).toContain("'rules list' names them");
  });
});

describe('rules explain', () => {
  const name = 'Shell with a terminal';

  test('where each part comes from, and what is needed', async () => {
    const { code, stdout } = await run('rules', 'explain', name, good);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +macro shell +at good.yaml:9:9$/m);
    expect(stdout).toMatch(
      /^ +proc.name in \(bash, sh\) +at good.yaml:4:14, in list shells, defined at good.yaml:1:3$/m,
    );
    expect(stdout).toMatch(/^ +not user.name = alice +at good.yaml:15:16, in exception known$/m);
    expect(stdout).toContain('  emitted by ebpf: execve, execveat\n');
    expect(stdout).toContain('Fields of the condition\n  filled by ebpf: evt.type, proc.name, proc.tty, user.name\n');
    expect(stdout).toContain('What the kernel can test before anything is copied\n');
  });

  test('what the kernel tests of lists that are read again is by what they hold now', async () => {
    write(
      'listed.yaml',
      `- { list: far, items_from: { file: far.txt, refresh: 1h } }
- { list: away, items_from: { file: away.txt, refresh: 1h, optional: true } }
- { rule: far, desc: d, condition: 'evt.type = open and fd.name in (far, away)', output: o, priority: INFO }
- { rule: away, desc: d, condition: 'evt.type = open and fd.name in (away)', output: o, priority: INFO }
`,
    );
    write('far.txt', Array.from({ length: 100 }, (_, n) => `/srv/${n % 7}/${n}\n/opt/x/${n}\n`).join(''));
    const { stdout } = await run('rules', 'explain', 'far', 'listed.yaml');
    expect(stdout).toContain('  open: path begins with /opt/x/, /srv/0/, /srv/1/, /srv/2/');
    expect(stdout).toContain('Lists that are read again: what it tests is by what they hold now\n  far, away\n');
    write('far.txt', Array.from({ length: 40 }, (_, n) => `/srv/${n}\n`).join(''));
    expect((await run('rules', 'explain', 'far', 'listed.yaml')).stdout).toContain('/srv/29 and 10 more\n');
    expect((await run('rules', 'explain', 'away', 'listed.yaml')).stdout).toContain('  open: nothing passes\n');
    const { json } = await run('rules', 'explain', 'far', 'listed.yaml', '-o', 'json');
    expect(json[0]).toMatchObject({ explanation: { refreshed_lists: ['far', 'away'] } });
  });

  test('what no source fills is said', async () => {
    const { stdout } = await run('rules', 'explain', name, good);
    expect(stdout).toContain('  not filled by any source here: thread.cpu\n');
    const ofPipeline = await run('rules', 'explain', name, pipelineFile);
    expect(ofPipeline.stdout).toContain('  filled by past: proc.name, thread.cpu\n');
    expect(ofPipeline.stdout).toContain('As the operator detect has it, which past feeds.\n');
  });

  test('as JSON', async () => {
    const { json } = await run('rules', 'explain', name, good, '-o', 'json');
    expect(json[0]).toMatchObject({
      falco_describe_results: { rules: [{ info: { name } }] },
      explanation: {
        event_types: { execve: ['ebpf'], execveat: ['ebpf'] },
        output_fields: { 'proc.name': ['ebpf'], 'thread.cpu': [] },
        condition: { kind: 'and' },
      },
    });
  });

  test('why an event does not match: the exception', async () => {
    const { code, stdout } = await run('rules', 'explain', name, good, '--event', 'one.jsonl');
    expect(code).toBe(0);
    expect(stdout).toContain('It does not match the execve of one.jsonl:1.');
    expect(stdout.match(/^> (?:true|false|absent) +.*/gm)).toEqual([
      '> false   and',
      '> false     not',
      expect.stringMatching(/^> true +user.name = alice +at good.yaml:15:16, in exception known$/),
    ]);
    expect(stdout).toMatch(/^ +user.name is "alice"$/m);
  });

  test('many events: which match, then one of them', async () => {
    const overview = await run('rules', 'explain', name, pipelineFile, '--event', 'events.jsonl');
    expect(overview.stdout).toBe('Of 3 events in events.jsonl 1 match: 1.\nExplain one with --event-line N.\n');
    const second = await run('rules', 'explain', name, pipelineFile, '--event', 'events.jsonl', '--event-line', '3');
    expect(second.stdout).toContain('does not match the execve of events.jsonl:3. The rule is disabled');
    expect(second.stdout).toMatch(/^> false +proc.name in \(bash, sh\)/m);
    const aws = ['rules', 'explain', name, good, '--event', 'events.jsonl', '--event-line', '4'];
    expect((await run(...aws)).stdout).toContain('the event is of the source aws, and the rule judges syscall events');
    const [json] = (await run(...aws, '-o', 'json')).json;
    expect(json).toMatchObject({ rule: name, line: 4, matches: false });
  });

  test('as JSON, with the values', async () => {
    const { json } = await run('rules', 'explain', name, good, '--event', 'one.jsonl', '-o', 'json');
    const { matches, condition } = json[0] as { matches: boolean; condition: { items: { items: object[] }[] } };
    expect(matches).toBe(false);
    expect(condition.items[1]?.items[0]).toMatchObject({
      ...{ kind: 'check', text: 'user.name = alice', mark: 'true', decides: true },
      values: { 'user.name': 'alice' },
    });
  });

  test.each([
    [['--event-line', '1'], 2, '--event-line goes with --event'],
    [['--event', 'events.jsonl', '--event-line', '2'], 2, 'has no event there'],
    [['--event', 'events.jsonl', '--event-line', 'x'], 2, 'has no event there'],
    [['--event', 'nowhere.jsonl'], 69, 'Cannot read events from nowhere.jsonl'],
    [['--event', 'good.yaml'], 78, 'good.yaml:1:'],
  ])('%o is refused', async (args, status, said) => {
    const { code, stdout, stderr } = await run('rules', 'explain', name, good, ...args);
    expect({ code, stdout }).toEqual({ code: status, stdout: '' });
    expect(stderr).toContain(said);
  });

  test('every rule of the program is explained without anything missing', async () => {
    const { stdout } = await Program.run(['rules', 'list', '-o', 'json']);
    const { rules } = JSON.parse(stdout).falco_describe_results as { rules: { info: { name: string } }[] };
    const names = rules.map(({ info }) => info.name);
    expect(names.length).toBeGreaterThan(30);
    const explained = await Promise.all(names.slice(0, 4).map((each) => Program.run(['rules', 'explain', each])));
    for (const { code, stdout: text } of explained) {
      expect(code).toBe(0);
      expect(text).not.toContain('not filled by');
    }
  });
});

test('nothing of this is said with a stack', async () => {
  const { stderr } = await Program.run(['rules', 'explain'], { cwd: repository });
  expect(stderr).toContain("missing required argument 'name'");
});

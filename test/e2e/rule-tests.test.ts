/** `falco-pipe test` on recorded events: exit statuses, reports, coverage, watching; and that a test which should fail does. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runIn } from '../cli/in-process.ts';
import { scratch } from '../scratch.ts';
import { Program, repository } from './program.ts';

const run = (...args: readonly string[]) => runIn(repository, ['test', ...args]);

/** What the first test of a wrong password expects. */
const LOGIN = /alerts: \[{rule: VCD login failed}]/;

/** Rules and tests in a folder of their own; what `changes` names is replaced. */
function copied(changes: readonly (readonly [RegExp, string])[] = [], ofRules: typeof changes = []): string {
  const folder = scratch();
  const copy = (name: string, edits: typeof changes) => {
    let text = readFileSync(join(repository, 'rules', name), 'utf8');
    for (const [pattern, replacement] of edits) {
      expect(text).toMatch(pattern);
      text = text.replace(pattern, replacement);
    }
    writeFileSync(join(folder, name), text);
  };
  copy('vcloud.yaml', ofRules);
  copy('vcloud.test.yaml', changes);
  return folder;
}

test('the tests of our rules and pipelines pass', async () => {
  const { code, stdout, stderr } = await Program.run(['test', 'rules/', 'pipelines/']);
  expect(stdout + stderr).toMatch(/^\d{3} passed, 0 failed, 0 skipped\n$/);
  expect(code).toBe(0);
}, 60_000);

describe('a test that should fail does: exit 1', () => {
  test.each<[string, () => string]>([
    ['its rule is another one', () => copied([[LOGIN, 'alerts: [{rule: VCD user made or brought in}]']])],
    [
      'a field is another one',
      () => copied([[LOGIN, 'alerts: [{rule: VCD login failed, fields: {vcd.user.name: nobody}}]']]),
    ],
    ['it expects nothing', () => copied([[LOGIN, 'none: true']])],
    ['what raises the alert is taken away', () => copied([[/session\/login, eventStatus: FAILURE/, 'session/login']])],
    ['the rule does not fire any more', () => copied([], [[/\(session\/login, /g, '(session/other, ']])],
  ])('%s', async (_what, folder) => {
    const { code, stdout } = await run(folder());
    expect(stdout).toMatch(/^FAIL /);
    expect(stdout).toMatch(/\d+ passed, [1-9]\d* failed, 0 skipped\n$/);
    expect(code).toBe(1);
  });
});

describe('files that cannot be used: exit 2, and nothing runs', () => {
  const file = (text: string, name = 'a.test.yaml') => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'a.yaml'),
      '[{ rule: R, desc: d, condition: evt.type = openat, output: x, priority: INFO }]',
    );
    writeFileSync(join(folder, name), text);
    return folder;
  };
  const rule = (event: string) => `tests: [{ rule: R, name: n, events: [${event}], none: true }]`;

  test.each<[string, () => readonly string[], string]>([
    ['a rule that is not there', () => [file(rule('{ type: openat }').replace('R', 'Q'))], 'There is no rule "Q"'],
    [
      'a field that is not there',
      () => [file(rule('{ type: openat, fields: { fd.nam: x } }'))],
      'is no field of syscall events',
    ],
    [
      'no form of tests',
      () => [file('tests: [{}]')],
      'is no file of tests; there are event-generator scenarios, rule tests, pipeline tests',
    ],
    ['a key of the file that is misspelt', () => [file('name: x\ntets: [{}]')], ':2:1: error: There is no key `tests`'],
    ['a key of a test that is misspelt', () => [file('tests:\n  - rule: R\n    evnets: []')], 'Did you mean "events"?'],
    ['its place', () => [file('tests:\n  - rule: R\n    evnets: []')], ':3:5: error: A test of rules has'],
    [
      'a pipeline that is not there',
      () => [file('pipeline: x.yaml\ntests: [{ name: n, events: [{ into: a, type: b }], expect: { c: none } }]')],
      'Cannot read the pipeline',
    ],
    [
      'a page that cannot be written',
      () => ['--coverage-html', '/nonexistent/page.html', 'rules/vcloud.test.yaml'],
      'Cannot write the coverage',
    ],
    [
      'watching with a report for machines',
      () => ['--watch', '-o', 'json', 'rules/vcloud.test.yaml'],
      '--watch prints text',
    ],
    ['watching with coverage', () => ['--watch', '--coverage', 'rules/vcloud.test.yaml'], '--watch prints text'],
  ])('%s', async (_what, args, said) => {
    const { code, stderr } = await run(...args());
    expect(stderr).toContain(said);
    expect(code).toBe(2);
  });
});

test('coverage: as text, as data, as a page', async () => {
  const tests = 'rules/vcloud.test.yaml';
  const page = join(scratch(), 'page.html');
  const [text, data, html, tap] = [
    await run('--coverage', tests),
    await run('--coverage', '-o', 'json', tests),
    await run('--coverage-html', page, tests),
    await run('--coverage', '-o', 'tap', tests),
  ];
  const lines = text.stdout.trimEnd().split('\n');
  expect(lines.at(-2)).toMatch(
    /^coverage: (\d+) of \1 rules raised, \1 with a positive and a negative test, \d+ of \d+ checks/,
  );
  const { coverage } = JSON.parse(data.stdout) as {
    coverage: { gaps: readonly string[]; checks: number; decided: number };
  };
  expect(coverage.gaps).toEqual(lines.slice(0, -2));
  expect(coverage.gaps.length).toBe(coverage.checks - coverage.decided);
  expect(html.stdout.split('\n')).toEqual([...lines.slice(-2), '']);
  expect(readFileSync(page, 'utf8')).toContain(lines.at(-2));
  expect(tap.stderr).toBe(text.stdout);
});

test('watching: a change of a rule runs again what it touches', async () => {
  const folder = copied();
  const program = Program.start(['test', '--watch', folder]);
  await program.until(({ stdout }) => stdout.includes(' 0 failed, 0 skipped\n'));
  const path = join(folder, 'vcloud.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('(session/login, ', '(session/other, '));
  await program.until(({ stdout, stderr }) => /tests run again\nFAIL [\s\S]*skipped\n$/.test(stdout + stderr));
  expect(await program.stop('SIGINT')).toBe(0);
}, 60_000);

test('a component of one’s own takes part in tests of its pipeline; what it cannot do fails them', async () => {
  const folder = scratch();
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write(
    'mine.ts',
    `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'mine', summary: 's', config: z.strictObject({}), examples: [], reads: ['fd.name'], types: ['openat'],
  create: () => where((event) => {
    if (event.get('fd.name') === '/oh') throw new Error('oh');
    return event.get('fd.name') === '/x';
  }),
});
`,
  );
  write(
    'p.yaml',
    'components: [./mine.ts]\nsources: { node: { type: ebpf } }\noperators: { mine: { type: mine, from: node } }\nsinks: { out: { type: stdout, from: mine } }\n',
  );
  const each = (name: string, path: string, expected: string) =>
    `- { name: ${name}, events: [{ into: node, type: openat, fields: { fd.name: ${path} } }], expect: { out: ${expected} } }\n`;
  write(
    'p.test.yaml',
    `pipeline: p.yaml\ntests:\n${each('a', '/x', '[{ type: openat }]')}${each('b', '/y', 'none')}${each('c', '/oh', 'none')}`,
  );
  const { code, stdout } = await Program.run(['test', join(folder, 'p.test.yaml')]);
  expect(stdout.replaceAll(`${folder}/`, '')).toBe(
    'FAIL p.test.yaml:5 p: c\n    mine: mine failed on an event of type openat: oh\n2 passed, 1 failed, 0 skipped\n',
  );
  expect(code).toBe(1);
});

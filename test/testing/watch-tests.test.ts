/** What runs again when something changes. */

import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadTests } from '../../src/testing/run-tests.ts';
import { touchedOf, watchTests } from '../../src/testing/watch-tests.ts';
import { Files } from './runs.ts';

const RULE = '- { rule: A, desc: d, condition: evt.type = openat, output: x, priority: NOTICE }\n';
const OTHER = RULE.replace('rule: A', 'rule: B').replace('openat', 'close');
const TEST = 'tests: [{ rule: A, name: n, events: [{ type: openat }], alerts: [{ rule: A }] }]\n';
const SCENARIOS = `tests:
- { name: a, runner: HostRunner, rule: A }
- { name: b, runner: HostRunner, rule: B }
- { name: c, runner: HostRunner, rule: B, expectedOutcome: { sequence: [{ rule: A }] } }
- { name: d, runner: HostRunner, rule: B, expectedOutcome: { only: true } }
`;

const PIPELINE = `sources: { node: { type: ebpf } }
operators: { detect: { type: rules, from: node, files: r.yaml } }
sinks: { out: { type: stdout, from: detect } }
`;
const OF_PIPELINE =
  'pipeline: p.yaml\ntests: [{ name: n, events: [{ into: node, type: openat }], expect: { detect: [{ rule: A }] } }]\n';

describe('after a change', () => {
  const names = ['t.yaml', 's.yaml', 'pt.yaml'];

  /** How many tests of each file run again when files become others. */
  async function again(change: Readonly<Record<string, string>>): Promise<number[]> {
    const files = new Files({
      'r.yaml': RULE + OTHER,
      't.yaml': TEST,
      's.yaml': SCENARIOS,
      'p.yaml': PIPELINE,
      'pt.yaml': OF_PIPELINE,
    });
    const load = () =>
      loadTests(
        names.map((name) => files.path(name)),
        () => [files.path('r.yaml')],
      );
    const before = await load();
    for (const [name, text] of Object.entries(change)) files.write(name, text);
    return (await load()).map((file) => touchedOf(file, before)?.suite.count ?? 0);
  }

  it.each<[string, Readonly<Record<string, string>>, number[]]>([
    ['of nothing', {}, [0, 0, 0]],
    ['of a comment in the rules', { 'r.yaml': `# c\n${RULE}${OTHER}` }, [0, 0, 1]],
    ['of a rule', { 'r.yaml': RULE.replace('openat', 'open') + OTHER }, [1, 3, 1]],
    ['of another rule', { 'r.yaml': RULE + OTHER.replace('NOTICE', 'ERROR') }, [1, 3, 1]],
    ['of a file of tests', { 't.yaml': `${TEST}# c\n` }, [1, 0, 0]],
    ['of a pipeline', { 'p.yaml': `${PIPELINE}# c\n` }, [0, 0, 1]],
  ])('%s', async (_what, change, counts) => {
    expect(await again(change)).toEqual(counts);
  });
});

it('runs all, then what is touched; says what is wrong and goes on when it is mended; until it is stopped', async () => {
  const files = new Files({ 'r.yaml': RULE, 't.yaml': TEST });
  const stop = new AbortController();
  const said: string[] = [];
  const steps: (() => void)[] = [
    () => files.write('r.yaml', RULE.replace('openat', 'dup')),
    () => files.write('r.yaml', RULE.replace('openat', 'opennat')),
    () => files.write('r.yaml', RULE),
    () => stop.abort(),
  ];
  const next = () => steps.shift()?.();
  await watchTests([files.path('t.yaml')], {
    parallel: 1,
    engine: undefined,
    signal: stop.signal,
    rulesOf: () => [files.path('r.yaml')],
    again: (count, of) => said.push(`${count} of ${of} again`),
    wrong: (error) => {
      said.push((error as Error).message.replace(files.folder, ''));
      next();
    },
    reporter: () => ({
      begin() {},
      result: ({ status }) => said.push(status),
      end: next,
    }),
  });
  expect(said).toEqual([
    'passed',
    '1 of 1 again',
    'failed',
    'The tests have an error: nothing was run',
    '1 of 1 again',
    'passed',
  ]);
}, 20_000);

it('finds files of tests that come into a folder, and into those below it, old and new', async () => {
  const files = new Files({ 'r.yaml': RULE, 't.test.yaml': TEST });
  mkdirSync(files.path('old'));
  const stop = new AbortController();
  const said: string[] = [];
  const steps: (() => void)[] = [
    () => files.write('u.test.yaml', TEST.replace('name: n', 'name: another')),
    () => files.write('old/v.test.yaml', TEST.replace('name: n', 'name: below')),
    () => {
      mkdirSync(files.path('new'));
      files.write('new/w.test.yaml', TEST.replace('name: n', 'name: in a new one'));
    },
    () => stop.abort(),
  ];
  await watchTests([files.folder], {
    parallel: 1,
    engine: undefined,
    signal: stop.signal,
    rulesOf: () => [files.path('r.yaml')],
    again: (count, of) => said.push(`${count} of ${of} again`),
    // It may be seen before all of it is written.
    wrong: () => {},
    reporter: () => ({ begin() {}, result: ({ name }) => said.push(name), end: () => steps.shift()?.() }),
  });
  expect(said).toEqual([
    'n',
    ...['1 of 2 again', 'another'],
    ...['1 of 3 again', 'below'],
    ...['1 of 4 again', 'in a new one'],
  ]);
}, 20_000);

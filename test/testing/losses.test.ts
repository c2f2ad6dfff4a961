/** Where events were lost, what says that nothing came is not believed: scenarios before a detector that loses some. */

import { expect, test } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import { GroupRun, type Place } from '../../src/testing/scenarios/group-run.ts';
import type { Scenario } from '../../src/testing/scenarios/load.ts';
import { scenarioShape } from '../../src/testing/scenarios/schema.ts';
import type { TestResult } from '../../src/testing/test-kind.ts';

function scenario(name: string, expectedOutcome: object): Scenario {
  const shape = scenarioShape.parse({ name, runner: 'HostRunner', rule: 'R', expectedOutcome });
  return { ...shape, file: { path: 'tests.yaml' }, line: 1 } as unknown as Scenario;
}

const alert = makeAlert(0n, {
  rule: 'R',
  priority: 'Notice',
  tags: [],
  hostname: 'node1',
  output: 'R!',
  source: 'syscall',
  outputFields: {},
});

/** Runs tests one by one: those whose name has `alert` in it raise one, `losing` is what is lost in total after each. */
async function resultsOf(tests: readonly Scenario[], losing: readonly number[], atTheEnd = losing.at(-1) ?? 0) {
  const results: TestResult[] = [];
  const reported: string[] = [];
  let lost = 0;
  let count = 0;
  const detector = {
    rules: [],
    get lost() {
      return lost;
    },
    watch() {
      const { name } = tests[count % tests.length] as Scenario;
      lost = losing[count++] ?? lost;
      const alerts = name.includes('alert') ? [{ alert, at: 0 }] : [];
      return { alerts, events: [], over: Promise.resolve() };
    },
    forget: () => {},
    keepEvents: async () => {},
    warningsOf: () => [],
  };
  const stage = { folder: '/tmp/stage', run: async () => [], cancel: () => {} };
  const report = (result: TestResult) => void results.push(result);
  const context = { parallel: 1, engine: undefined, signal: new AbortController().signal, report };
  const run = new GroupRun(tests, { stage, detector, context } as unknown as Place);
  await run.run();
  reported.push(...results.map(({ name }) => name));
  lost = atTheEnd;
  run.settle();
  return { reported, results: results.map(({ name, status, because }) => [name, status, ...because]) };
}

const doubt = (count: number) => `${count} events were lost meanwhile: whether more was raised is not known`;

test('nothing was lost: all hold, those that expect nothing more at the end', async () => {
  const tests = [scenario('none', { none: true }), scenario('an alert', {}), scenario('one alert', { count: 1 })];
  expect(await resultsOf(tests, [])).toEqual({
    reported: ['an alert'],
    results: [
      ['an alert', 'passed'],
      ['none', 'passed'],
      ['one alert', 'passed'],
    ],
  });
});

test('what is lost after the test began, also if it is counted later, leaves it open', async () => {
  const tests = [
    scenario('none', { none: true }),
    scenario('an alert', {}),
    scenario('one alert', { count: 1 }),
    scenario('the only alert', { only: true }),
  ];
  const { results } = await resultsOf(tests, [0, 0, 2, 2], 5);
  expect(results).toEqual([
    ['an alert', 'passed'],
    ['none', 'failed', doubt(5)],
    ['one alert', 'failed', doubt(5)],
    ['the only alert', 'failed', doubt(3)],
  ]);
});

test('what was lost before does not matter', async () => {
  const tests = [scenario('an alert', {}), scenario('none', { none: true })];
  expect((await resultsOf(tests, [7, 7])).results).toEqual([
    ['an alert', 'passed'],
    ['none', 'passed'],
  ]);
});

test('an alert that did not come may be among what was lost', async () => {
  const { results } = await resultsOf([scenario('nothing', {})], [3, 3]);
  expect(results).toEqual([['nothing', 'failed', '"R" was not raised', '3 events were lost meanwhile']]);
});

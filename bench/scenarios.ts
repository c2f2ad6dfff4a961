/**
 * What a scenario takes: its processes alone, as the actor performs them, and through the tester with the kernel source and
 * rules, one at a time and several; ms a test, and ratios to the first. Needs root and BTF.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rulesUnderTest } from '../src/testing/rules-under-test.ts';
import { loadScenarios } from '../src/testing/scenarios/load.ts';
import { planOf } from '../src/testing/scenarios/plan.ts';
import { runScenarios } from '../src/testing/scenarios/run.ts';
import { openHostStage } from '../src/testing/scenarios/stage.ts';
import { readTestFile } from '../src/testing/test-files.ts';
import { scratch } from './shared/scratch.ts';

const TESTS = Number(process.argv[2] ?? 300);
/** The budget of one test, in ms. */
const BUDGET = 300;
const folder = scratch();

const test = {
  name: 'opens a file',
  runner: 'HostRunner',
  rule: 'Password file read',
  context: { processes: [{ name: 'bash' }, { name: 'cat' }] },
  steps: [{ type: 'syscall', name: 'o', syscall: 'openat', args: { pathname: '/etc/shadow', flags: 'O_RDONLY' } }],
  cases: [{ strategy: 'matrix', values: { n: Array.from({ length: TESTS }, (_, index) => index) } }],
};
const path = join(folder, 'tests.yaml');
writeFileSync(path, JSON.stringify({ tests: [test] }));
const file = readTestFile(path, () => [join(import.meta.dirname, '../rules/host.yaml')]);
const scenarios = loadScenarios(file, (await rulesUnderTest(file)).rules);

async function alone(): Promise<number> {
  const stage = await openHostStage();
  const began = performance.now();
  for (const [index, scenario] of scenarios.entries()) {
    const errors = await stage.run(String(index), planOf(scenario, String(index), stage.folder));
    if (errors.length > 0) throw new Error(errors.join('; '));
  }
  const took = performance.now() - began;
  await stage.close();
  return took / TESTS;
}

/** All of it, with opening the sensor and loading the rules. */
async function tested(parallel: number): Promise<number> {
  let passed = 0;
  const began = performance.now();
  await runScenarios(scenarios, {
    parallel,
    engine: undefined,
    signal: new AbortController().signal,
    report: ({ status }) => void (passed += Number(status === 'passed')),
  });
  if (passed !== TESTS) throw new Error(`${passed} of ${TESTS} tests passed`);
  return (performance.now() - began) / TESTS;
}

if (process.getuid?.() !== 0) {
  console.log('skipped: not root');
} else {
  const bare = await alone();
  const rows: [string, number][] = [
    ['its processes alone', bare],
    ['tested, one at a time', await tested(1)],
    ['tested, four at a time', await tested(4)],
  ];
  for (const [what, ms] of rows) {
    console.log(`${what.padEnd(26)} ${ms.toFixed(1).padStart(6)} ms  ${(ms / bare).toFixed(2)}x`);
  }
  const worst = Math.max(...rows.map(([, ms]) => ms));
  console.log(`${worst <= BUDGET ? 'ok' : 'OVER'}: at most ${BUDGET} ms a test`);
  if (worst > BUDGET) process.exitCode = 1;
}

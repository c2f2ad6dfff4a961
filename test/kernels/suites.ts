/** The tests that trace the kernel, run inside a machine with another one. */

import type { System } from './system.ts';

/** What is run on every kernel. */
export const SUITES = [
  ...['calls', 'filter', 'filter-sockets', 'perf', 'processes', 'roles', 'sensor'].map(
    (name) => `test/native/${name}.test.ts`,
  ),
  ...['calls', 'uring', 'state', 'live', 'lists', 'long', 'cgroup', 'overlay', 'flood'].map(
    (name) => `test/sources/ebpf/${name}.test.ts`,
  ),
];

/** ms for a single test: in software everything takes some ten times as long. */
const TEST = 300_000;

/** Whether all passed, by what came to the console: a few tests hold from a kernel version on, and are skipped by name. */
export function haveAllPassed(said: string): boolean {
  return /^[1-9]\d* passed, 0 failed(?:, \d skipped)?$/m.test(said);
}

/**
 * Runs tests on a kernel; what came to the console, of which the last line is that of test/reporter.ts. In one
 * process, since each costs half a minute to begin with.
 */
export function runOn(
  system: System,
  kernel: string,
  files: readonly string[],
  ms: number,
  listen?: (text: string) => void,
): Promise<string> {
  const limits = `--testTimeout=${TEST} --hookTimeout=${TEST} --teardownTimeout=${TEST}`;
  const script = `uname -r\nNO_COLOR=1 node node_modules/.bin/vitest run ${files.map((file) => `'${file}'`).join(' ')} \\
  --maxWorkers=1 --no-isolate ${limits} --reporter=verbose --reporter=./test/reporter.ts 2>&1 | cat`;
  return system.run(kernel, script, ms, listen);
}

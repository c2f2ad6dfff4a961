import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { LoopWatch } from '../../src/cli/loop-watch.ts';

let watch: LoopWatch | undefined;
afterEach(() => watch?.close());

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('a turn that takes long is told, whenever it began, with how long it took', async () => {
  const told = await new Promise<number>((resolve) => {
    watch = new LoopWatch(200, resolve);
    setTimeout(() => block(250), 10);
  });
  expect(told).toBeGreaterThanOrEqual(250);
  expect(watch?.turns.max).toBeGreaterThanOrEqual(245e6);
});

test('what the loop sleeps is no part of a turn, and it sleeps on', () => {
  // Alone in its process nothing else has turns; how long they take is for the machine to say.
  const { turns, sum, active } = alone(`
    const { performance } = await import('node:perf_hooks');
    const before = performance.eventLoopUtilization();
    const watch = new LoopWatch(200, () => {});
    setTimeout(() => {
      const { active } = performance.eventLoopUtilization(before);
      const { count: turns, mean } = watch.turns;
      console.log(JSON.stringify({ turns, sum: (turns * mean) / 1e6, active }));
    }, 300);
  `) as { turns: number; sum: number; active: number };
  // To two digits, and what was before the first.
  expect(sum).toBeLessThanOrEqual(active * 1.02 + 1);
  // The end of its module, the timer, and what may come of either: a loop that does not sleep has thousands.
  expect(turns).toBeLessThan(20);
});

test('it keeps no program alive', () => {
  alone('new LoopWatch(1, () => {}); console.log(true);');
});

/** Runs a program that has the class in a process of its own, to its end. Returns the JSON that it prints. */
function alone(program: string): unknown {
  const module = JSON.stringify(new URL('../../src/cli/loop-watch.ts', import.meta.url));
  const text = `const { LoopWatch } = await import(${module}); ${program}`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', text];
  return JSON.parse(execFileSync(process.execPath, flags, { timeout: 20_000, encoding: 'utf8' }));
}

import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { LoopWatch } from '../../../src/cli/run/loop-watch.ts';

let watch: LoopWatch | undefined;
afterEach(() => watch?.close());

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const WITHOUT_ADDON = '';
const WITH_ADDON = `(await import(${JSON.stringify(new URL('../../../native/locate.ts', import.meta.url))})).loadAddon();`;
const ways = [
  ['by the addon', WITH_ADDON],
  ['without it', WITHOUT_ADDON],
] as const;

test('a turn that takes long is told, whenever it began, with how long it took', async () => {
  const told = await new Promise<number>((resolve) => {
    watch = new LoopWatch(200, resolve);
    setTimeout(() => block(250), 10);
  });
  expect(told).toBeGreaterThanOrEqual(250);
  expect(watch?.turns.max).toBeGreaterThanOrEqual(245e6);
});

test.each(ways)('%s: what the loop sleeps is no part of a turn, and it sleeps on', (_, way) => {
  // Alone in its process nothing else has turns; how long they take is for the machine to say.
  const { turns, sum, active, longest } = alone(
    way,
    `
    const { performance } = await import('node:perf_hooks');
    const before = performance.eventLoopUtilization();
    const watch = new LoopWatch(200, () => {});
    setTimeout(() => {
      const until = performance.now() + 40;
      while (performance.now() < until);
    }, 100);
    setTimeout(() => {
      const { active } = performance.eventLoopUtilization(before);
      const { count: turns, mean, max: longest } = watch.turns;
      console.log(JSON.stringify({ turns, sum: (turns * mean) / 1e6, active, longest: longest / 1e6 }));
    }, 300);
  `,
  ) as Record<'turns' | 'sum' | 'active' | 'longest', number>;
  // To two digits, and what was before the first.
  expect(sum).toBeLessThanOrEqual(active * 1.02 + 1);
  // The end of its module, the timer, and what may come of either: a loop that does not sleep has thousands.
  expect(turns).toBeLessThan(20);
  expect(longest).toBeGreaterThan(39);
});

test.each(ways)('%s: of more turns than are kept the longest of all is told', (_, way) => {
  const longest = alone(
    way,
    `
    const watch = new LoopWatch(1e6, () => {});
    let turns = 0;
    const turn = () => {
      if (++turns < 20_000) setImmediate(turn);
      const until = performance.now() + (turns === 19_000 ? 30 : 0);
      while (performance.now() < until);
      if (turns === 20_000) setImmediate(() => console.log(watch.turns.max / 1e6));
    };
    turn();
  `,
  );
  expect(longest).toBeGreaterThan(29);
});

test.each(ways)('%s: it keeps no program alive', (_, way) => {
  alone(way, 'new LoopWatch(1, () => {}); console.log(true);');
});

/** Runs a program that has the class in a process of its own, to its end. Returns the JSON that it prints. */
function alone(way: string, program: string): unknown {
  const module = JSON.stringify(new URL('../../../src/cli/run/loop-watch.ts', import.meta.url));
  const text = `${way} const { LoopWatch } = await import(${module}); ${program}`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', text];
  return JSON.parse(execFileSync(process.execPath, flags, { timeout: 20_000, encoding: 'utf8' }));
}

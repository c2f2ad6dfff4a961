import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
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

test('what the loop sleeps is no part of a turn, and it sleeps on', async () => {
  watch = new LoopWatch(200, () => {});
  await sleep(500);
  expect(watch.turns.count).toBeLessThan(100);
  expect(watch.turns.max).toBeLessThan(400e6);
});

test('it keeps no program alive', () => {
  const module = JSON.stringify(new URL('../../src/cli/loop-watch.ts', import.meta.url));
  const program = `const { LoopWatch } = await import(${module}); new LoopWatch(1, () => {});`;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
  execFileSync(process.execPath, flags, { timeout: 20_000 });
});

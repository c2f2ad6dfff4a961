import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { tidyAtRest } from '../../src/cli/rest.ts';

const given = globalThis.gc;
const collect = vi.fn();
let giveUp = () => {};

beforeEach(() => {
  collect.mockClear();
  globalThis.gc = collect as unknown as NodeJS.GCFunction;
});

afterEach(() => {
  giveUp();
  globalThis.gc = given as NodeJS.GCFunction;
});

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('a busy program is left alone until it has nothing to do; then it is tidied once', {
  timeout: 20_000,
}, async () => {
  giveUp = tidyAtRest();
  block(1500);
  for (let turns = 0; turns < 3; turns++) await turn();
  expect(collect).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(collect).toHaveBeenCalled(), { timeout: 10_000, interval: 200 });
  await new Promise((done) => setTimeout(done, 1200));
  expect(collect).toHaveBeenCalledOnce();
});

test('it can be given up', async () => {
  tidyAtRest()();
  await new Promise((done) => setTimeout(done, 1200));
  expect(collect).not.toHaveBeenCalled();
});

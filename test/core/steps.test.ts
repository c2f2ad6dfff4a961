import { expect, test } from 'vitest';
import { atOnce, inSlices } from '../../src/core/steps.ts';

function* counting(to: number): Generator<void, number> {
  let sum = 0;
  for (let n = 1; n <= to; n++) {
    sum += n;
    yield;
  }
  return sum;
}

test('steps come to the same, however they are taken', async () => {
  expect(atOnce(counting(100))).toBe(5050);
  expect(await inSlices(counting(100))).toBe(5050);
});

test('what waits for the event loop has its turn between slices', async () => {
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  function* waiting(): Generator<void, string> {
    while (!turned) yield;
    return 'turned';
  }
  // Taken at once, these steps would never end.
  expect(await inSlices(waiting())).toBe('turned');
});

test('what a step throws is thrown', async () => {
  // biome-ignore lint/correctness/useYield: it throws before.
  function* failing(): Generator<void, never> {
    throw new Error('no');
  }
  expect(() => atOnce(failing())).toThrow('no');
  await expect(inSlices(failing())).rejects.toThrow('no');
});

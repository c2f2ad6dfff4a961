/** Bodies as a whole. */

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { largeBody, wholeBody } from '../../../src/core/net/whole-body.ts';

const tooLarge = () => new Error('too large');

test.each([wholeBody, largeBody])(
  'a body has its pieces in order, and is refused where they are more than may be: $name',
  async (read) => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(20), async (all, most) => {
        const whole = read(Readable.from(all), most, tooLarge);
        const expected = Buffer.concat(all);
        if (expected.length > most) await expect(whole).rejects.toThrow('too large');
        else expect(expected.equals(await whole)).toBe(true);
      }),
    );
  },
);

test('of a large one the pieces are joined while others have their turn', async () => {
  const all = Array.from({ length: 64 }, (_, n) => Buffer.alloc(128 * 1024, n));
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const whole = await wholeBody(all, Number.POSITIVE_INFINITY, tooLarge);
  isDone = true;
  expect(whole.equals(Buffer.concat(all))).toBe(true);
  expect(turns).toBeGreaterThan(6);
});

test('a large one takes the memory of its bytes, not of all that it might have', async () => {
  const pieces = Array.from({ length: 48 }, (_, n) => Buffer.alloc(64 * 1024, n));
  const before = process.memoryUsage().rss;
  const whole = await largeBody(Readable.from(pieces), 2 ** 30, tooLarge);
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  expect(whole.equals(Buffer.concat(pieces))).toBe(true);
});

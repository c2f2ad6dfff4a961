/** An open is taken for the one before it only when nothing differs that a look at its bytes depends on. */

import { expect, test } from 'vitest';
import { repeatsOpen } from '../../src/events/kernel/repeats.ts';
import { Bench, type Fields } from './slab-writer.ts';

const bench = new Bench();

function repeats(first: Fields, second: Fields): boolean {
  const slab = bench.slab(first, second);
  const event = slab.at(1);
  const answer = event !== undefined && repeatsOpen(event);
  slab.release();
  return answer;
}

// Texts that end at each byte of a word.
test.each([1, 2, 3, 4])('of a path of %i bytes', (length) => {
  const path = 'abcd'.slice(0, length);
  const open: Fields = {
    kind: 'open',
    comm: 'bash',
    nr: 257,
    ret: 3,
    open_flags: 0,
    raw: path,
    base: '/srv',
    real: `/srv/${path}`,
  };
  expect(repeats(open, open)).toBe(true);
  const same: Partial<Fields>[] = [{ ret: 4 }, { time: 7 }, { ino: 7 }, { tid: 7 }];
  for (const change of same) expect(repeats(open, { ...open, ...change }), JSON.stringify(change)).toBe(true);
  const other: Partial<Fields>[] = [
    { ret: -2 },
    { nr: 437 },
    { open_flags: 1 },
    { mode: 7 },
    { resolve: 16 },
    { created: 1 },
    { comm: 'bast' },
    { flags: ['path_partial'] },
    { raw: `${path.slice(0, -1)}x` },
    { raw: `x${path.slice(1)}` },
    { base: '/srw' },
    { real: `/srv/${path.slice(0, -1)}x` },
    { raw: `${path}x`, real: `/srv/${path}`.slice(0, -1) },
  ];
  for (const change of other) {
    expect(repeats(open, { ...open, ...change }), JSON.stringify(change)).toBe(false);
    expect(repeats({ ...open, ...change }, open), JSON.stringify(change)).toBe(false);
  }
  expect(repeats({ ...open, ret: -2 }, { ...open, ret: -13 })).toBe(false);
});

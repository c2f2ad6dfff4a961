/** Hashes of texts, without the texts: says no for certain, yes probably. */

import { spread } from './text-hash.ts';

const LEAST = 1024;

export class HashMarks {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** @param bits of 16 for each hash one of twenty others looks as if it were there; rounded up to a power of two */
  constructor(bits: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(LEAST, bits)));
    this.#words = new Int32Array(size / 32);
    this.#mask = size - 1;
  }

  /** Returns whether none looked like it. */
  add(hash: number): boolean {
    const bit = spread(hash) & this.#mask;
    const before = this.#words[bit >>> 5] as number;
    this.#words[bit >>> 5] = before | (1 << (bit & 31));
    return ((before >>> (bit & 31)) & 1) === 0;
  }

  has(hash: number): boolean {
    const bit = spread(hash) & this.#mask;
    return (((this.#words[bit >>> 5] as number) >>> (bit & 31)) & 1) !== 0;
  }
}

/**
 * Hashes of texts, without the texts: says no for certain, yes probably, and looks at one place only. That a text is a folder
 * is a mark of its own in the same place: to ask for both fetches no more memory.
 */

import { spread } from '../values/text-hash.ts';

const LEAST = 1024;

/** Bits for each hash; of these one of twenty others looks as if it were there. */
const BITS = 8;

export class HashMarks {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** @param count of hashes; the size is the power of two that is next to what they need */
  constructor(count: number) {
    const size = 2 ** Math.round(Math.log2(Math.max(LEAST, count * BITS)));
    this.#words = new Int32Array(size / 32);
    this.#mask = size / 32 - 1;
  }

  add(hash: number): void {
    const mixed = spread(hash);
    this.#set(mixed, pair(mixed));
  }

  has(hash: number): boolean {
    const mixed = spread(hash);
    return this.#isSet(mixed, pair(mixed));
  }

  addFolder(hash: number): void {
    const mixed = spread(hash);
    this.#set(mixed, folderPair(mixed));
  }

  hasFolder(hash: number): boolean {
    const mixed = spread(hash);
    return this.#isSet(mixed, folderPair(mixed));
  }

  #set(mixed: number, bits: number): void {
    const at = mixed & this.#mask;
    this.#words[at] = (this.#words[at] as number) | bits;
  }

  #isSet(mixed: number, bits: number): boolean {
    return ((this.#words[mixed & this.#mask] as number) & bits) === bits;
  }
}

/** Two bits of a word, chosen by the upper bits. */
function pair(mixed: number): number {
  return (1 << (mixed >>> 27)) | (1 << (mixed >>> 22));
}

/** Two others, chosen by all bits. */
function folderPair(mixed: number): number {
  return pair(Math.imul(mixed, 0x9e3779b1));
}

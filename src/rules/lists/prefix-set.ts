/** A set of many networks whose prefixes are equally long: their addresses, 0 behind the prefix, in one table. */

import { hashStart, hashWord, spread } from '../values/text-hash.ts';
import { touch } from './fresh-memory.ts';
import { HashMarks } from './hash-marks.ts';

/** The table is at most so full. */
const LOAD = 0.6;
/** Networks that are kept together until the table is made, and between two chances to do something else. */
const CHUNK = 1024;

export class PrefixSet {
  /** Words of an address that a prefix reaches into, and what is its part of the last one. */
  readonly #width: number;
  readonly #mask: number;
  #chunks: Int32Array[] = [];
  #size = 0;
  /** Addresses; one that is all 0 is a free place. */
  #table = new Int32Array(0);
  #places = 0;
  #hasZero = false;
  #marks = new HashMarks(0);

  constructor(prefix: number) {
    this.#width = Math.max(1, Math.ceil(prefix / 32));
    const bits = prefix - (this.#width - 1) * 32;
    this.#mask = bits === 0 ? 0 : -1 << (32 - bits);
  }

  /** How many networks; until they are finished, those that are alike count each. */
  get size(): number {
    return this.#size;
  }

  /** Adds the network of an address. */
  add(words: Int32Array): void {
    const width = this.#width;
    const at = this.#size++ % CHUNK;
    if (at === 0) this.#chunks.push(new Int32Array(CHUNK * width));
    const chunk = this.#chunks.at(-1) as Int32Array;
    for (let word = 0; word < width; word++) chunk[at * width + word] = this.#part(words, 0, word);
  }

  /** Makes the table, in steps; `isNew` is told the first word of each network once. */
  *finish(isNew?: (first: number) => void): Generator<void, void> {
    const width = this.#width;
    this.#places = 2 ** Math.ceil(Math.log2((this.#size + 1) / LOAD));
    this.#table = new Int32Array(this.#places * width);
    yield* touch(this.#table);
    this.#marks = new HashMarks(this.#size);
    const chunks = this.#chunks;
    this.#chunks = [];
    const added = this.#size;
    this.#size = 0;
    for (let left = added; left > 0; left -= CHUNK) {
      yield;
      const chunk = chunks.shift() as Int32Array;
      for (let n = 0; n < Math.min(left, CHUNK); n++) {
        if (!this.#insert(chunk, n * width)) continue;
        this.#size++;
        isNew?.(chunk[n * width] as number);
      }
    }
  }

  /** Whether the network of an address is one of them. */
  has(words: Int32Array): boolean {
    const hash = this.#hash(words, 0);
    if (!this.#marks.has(hash)) return false;
    return this.#isFree(this.#placeOf(words, 0, hash)) ? this.#hasZero && this.#isZero(words, 0) : true;
  }

  /** Returns whether it is new. */
  #insert(words: Int32Array, from: number): boolean {
    const hash = this.#hash(words, from);
    this.#marks.add(hash);
    if (this.#isZero(words, from)) {
      const isNew = !this.#hasZero;
      this.#hasZero = true;
      return isNew;
    }
    const width = this.#width;
    const place = this.#placeOf(words, from, hash);
    if (!this.#isFree(place)) return false;
    for (let word = 0; word < width; word++) this.#table[place * width + word] = words[from + word] as number;
    return true;
  }

  /** Where a network is, or the free place where it would be. */
  #placeOf(words: Int32Array, from: number, hash: number): number {
    let place = spread(hash) & (this.#places - 1);
    while (!this.#isFree(place) && !this.#isAt(place, words, from)) place = (place + 1) & (this.#places - 1);
    return place;
  }

  #isFree(place: number): boolean {
    const start = place * this.#width;
    for (let word = 0; word < this.#width; word++) if (this.#table[start + word] !== 0) return false;
    return true;
  }

  #isAt(place: number, words: Int32Array, from: number): boolean {
    const start = place * this.#width;
    for (let word = 0; word < this.#width; word++) {
      if (this.#table[start + word] !== this.#part(words, from, word)) return false;
    }
    return true;
  }

  #isZero(words: Int32Array, from: number): boolean {
    for (let word = 0; word < this.#width; word++) if (this.#part(words, from, word) !== 0) return false;
    return true;
  }

  #hash(words: Int32Array, from: number): number {
    let hash = hashStart;
    for (let word = 0; word < this.#width; word++) hash = hashWord(hash, this.#part(words, from, word));
    return hash;
  }

  /** A word of an address as far as it is part of its network. */
  #part(words: Int32Array, from: number, word: number): number {
    const whole = words[from + word] as number;
    return word === this.#width - 1 ? whole & this.#mask : whole;
  }
}

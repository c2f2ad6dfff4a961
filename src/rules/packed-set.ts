/**
 * A set of many texts in few bytes: one buffer of UTF-8 and a table of hashes, neither of which the garbage collector
 * looks at. Most of what is asked for is not there: a filter that is small enough for the caches of the processor says so.
 */

import { randomInt } from 'node:crypto';

/** The table is at most so full. */
const LOAD = 0.6;
/** Bits of the filter for each place of the table: of twenty texts that are not there it lets one pass. */
const FILTER_BITS = 8;

/** The hash of the empty text: another one in each process, so that nobody can choose texts that collide. */
export const hashStart = randomInt(2 ** 31);

/** The hash of a text that goes on with a UTF-16 unit (FNV-1a). */
export function hashNext(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

export class PackedSet {
  #bytes: Buffer;
  /** Where each text ends in the buffer; it begins where the one before ends. */
  #ends: Uint32Array;
  /** Pairs: a hash, and the number of its text from 1; 0 is a free place. */
  #table: Uint32Array;
  #mask: number;
  /** A bit for each hash. */
  #filter: Int32Array;
  #size = 0;

  /** @param expected how many texts there will be; more cost time, not correctness */
  constructor(expected: number, bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(64, bytes));
    this.#ends = new Uint32Array(Math.max(16, expected));
    const places = placesFor(expected);
    this.#table = new Uint32Array(places * 2);
    this.#mask = places - 1;
    this.#filter = new Int32Array((places * FILTER_BITS) / 32);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a text unless it is there. Whoever asks for beginnings gives the hash that hashNext makes of it. */
  add(text: string, hash: number = hashOf(text)): void {
    if (this.hasBeginning(text, text.length, hash)) return;
    if (this.#size + 1 > (this.#mask + 1) * LOAD) this.#grow();
    const start = this.#size === 0 ? 0 : (this.#ends[this.#size - 1] as number);
    this.#reserve(start + text.length * 3);
    if (this.#size === this.#ends.length) this.#ends = larger(this.#ends);
    this.#ends[this.#size++] = start + this.#bytes.write(text, start, 'utf8');
    place(this.#table, this.#mask, hash, this.#size);
    this.#pass(hash);
  }

  has(text: string): boolean {
    return this.hasBeginning(text, text.length, hashOf(text));
  }

  /** Whether the first `length` units of a text are in the set; `hash` is theirs. */
  hasBeginning(text: string, length: number, hash: number): boolean {
    const mixed = spread(hash);
    const bit = mixed & (this.#filter.length * 32 - 1);
    if ((((this.#filter[bit >>> 5] as number) >>> (bit & 31)) & 1) === 0) return false;
    const table = this.#table;
    for (let at = mixed & this.#mask; ; at = (at + 1) & this.#mask) {
      const number = table[at * 2 + 1] as number;
      if (number === 0) return false;
      if (table[at * 2] === hash >>> 0 && this.#isBeginning(number, text, length)) return true;
    }
  }

  /** Gives back what was reserved for more. */
  trim(): void {
    this.#ends = this.#ends.slice(0, Math.max(1, this.#size));
    const bytes = Buffer.allocUnsafeSlow(this.#size === 0 ? 0 : (this.#ends[this.#size - 1] as number));
    this.#bytes.copy(bytes);
    this.#bytes = bytes;
  }

  #isBeginning(number: number, text: string, length: number): boolean {
    const start = number === 1 ? 0 : (this.#ends[number - 2] as number);
    const own = this.#bytes.toString('utf8', start, this.#ends[number - 1] as number);
    return own.length === length && text.startsWith(own);
  }

  #pass(hash: number): void {
    const bit = spread(hash) & (this.#filter.length * 32 - 1);
    this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] as number) | (1 << (bit & 31));
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    const more = Buffer.allocUnsafeSlow(Math.max(bytes, this.#bytes.length * 2));
    this.#bytes.copy(more);
    this.#bytes = more;
  }

  #grow(): void {
    const old = this.#table;
    const mask = (this.#mask + 1) * 2 - 1;
    const table = new Uint32Array((mask + 1) * 2);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) place(table, mask, old[at] as number, old[at + 1] as number);
    }
    this.#table = table;
    this.#mask = mask;
    this.#filter = new Int32Array(((mask + 1) * FILTER_BITS) / 32);
    for (let at = 0; at < table.length; at += 2) if (table[at + 1] !== 0) this.#pass(table[at] as number);
  }
}

/** Hashes of texts, without the texts: says no for certain, yes probably. */
export class HashMarks {
  #table = new Uint32Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(hash: number): void {
    if (this.has(hash)) return;
    if (++this.#size > this.#table.length * LOAD) {
      const old = this.#table;
      this.#table = new Uint32Array(old.length * 2);
      for (const each of old) if (each !== 0) this.#place(each);
    }
    this.#place(valid(hash));
  }

  has(hash: number): boolean {
    const wanted = valid(hash);
    for (let at = spread(hash) & (this.#table.length - 1); ; at = (at + 1) & (this.#table.length - 1)) {
      const found = this.#table[at] as number;
      if (found === wanted) return true;
      if (found === 0) return false;
    }
  }

  #place(hash: number): void {
    let at = spread(hash) & (this.#table.length - 1);
    while (this.#table[at] !== 0) at = (at + 1) & (this.#table.length - 1);
    this.#table[at] = hash;
  }
}

/** 0 is a free place. */
function valid(hash: number): number {
  return hash >>> 0 || 1;
}

/** The hash of a whole text: two units at a time, since each step waits for the one before. */
function hashOf(text: string): number {
  const pairs = text.length & ~1;
  let hash = hashStart ^ text.length;
  for (let index = 0; index < pairs; index += 2) {
    hash = hashNext(hash, text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16));
    hash ^= hash >>> 15;
  }
  return pairs === text.length ? hash : hashNext(hash, text.charCodeAt(pairs));
}

/** The hash of a text, or of its first units, as it grows from unit to unit. */
export function hashByUnit(text: string, length: number = text.length): number {
  let hash = hashStart;
  for (let index = 0; index < length; index++) hash = hashNext(hash, text.charCodeAt(index));
  return hash;
}

/** The low bits of the hash depend on the last units most: all bits are mixed before they choose a place. */
function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

function place(table: Uint32Array, mask: number, hash: number, number: number): void {
  let at = spread(hash) & mask;
  while (table[at * 2 + 1] !== 0) at = (at + 1) & mask;
  table[at * 2] = hash;
  table[at * 2 + 1] = number;
}

function placesFor(size: number): number {
  return 2 ** Math.max(4, Math.ceil(Math.log2((size + 1) / LOAD)));
}

function larger(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(array.length * 2);
  more.set(array);
  return more;
}

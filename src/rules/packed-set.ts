/**
 * A set of many texts in few bytes: one buffer of UTF-8 and a table of hashes, neither of which the garbage collector
 * looks at. Most of what is asked for is not there: marks that are small enough for the caches of the processor say so.
 */

import { HashMarks } from './hash-marks.ts';
import type { Units } from './items-scan.ts';
import { spread } from './text-hash.ts';

/** The table is at most so full. */
const LOAD = 0.6;
/** Marks for each place of the table: of twenty texts that are not there one has its mark. */
const MARKS = 8;
/** Places, and bytes, between two chances to do something else. */
const PLACES = 65_536;
const BYTES = 4 * 1024 * 1024;

export class PackedSet {
  #bytes: Buffer;
  /** Where each text ends in the buffer; it begins where the one before ends. */
  #ends: Uint32Array;
  /** Pairs: a hash, and the number of its text from 1; 0 is a free place. */
  #table: Uint32Array;
  #mask: number;
  /** Of the hashes; before the set is finished there are none. */
  #marks = new HashMarks(1);
  #size = 0;

  /** @param expected how many texts there will be, and in how many bytes; more cost time, not correctness */
  constructor(expected: { readonly items: number; readonly bytes: number }) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(64, expected.bytes));
    this.#ends = new Uint32Array(Math.max(16, expected.items));
    const places = 2 ** Math.max(4, Math.ceil(Math.log2((expected.items + 1) / LOAD)));
    this.#table = new Uint32Array(places * 2);
    this.#mask = places - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a text unless it is there. `hash` is made of it like those that are asked for. */
  add(units: Units, start: number, end: number, hash: number): void {
    if ((this.#size + 1) / LOAD > this.#mask + 1) this.#grow();
    const table = this.#table;
    let at = spread(hash) & this.#mask;
    for (; table[at * 2 + 1] !== 0; at = (at + 1) & this.#mask) {
      if (table[at * 2] === hash >>> 0 && this.#isText(table[at * 2 + 1] as number, units, start, end)) return;
    }
    this.#append(units, start, end);
    table[at * 2] = hash;
    table[at * 2 + 1] = this.#size;
  }

  /** Makes the marks and gives back what was reserved for more, in steps; before that nothing is found. */
  *finish(): Generator<void, void> {
    const used = this.#startOf(this.#size + 1);
    if (used < this.#bytes.length * 0.9) {
      const bytes = Buffer.allocUnsafeSlow(used);
      for (let at = 0; at < used; at += BYTES) {
        this.#bytes.copy(bytes, at, at, Math.min(used, at + BYTES));
        yield;
      }
      this.#bytes = bytes;
    }
    this.#ends = this.#ends.slice(0, this.#size);
    yield;
    const table = this.#table;
    this.#marks = new HashMarks((this.#mask + 1) * MARKS);
    for (let at = 0; at < table.length; at += 2) {
      if (table[at + 1] !== 0) this.#marks.add(table[at] as number);
      if (at % PLACES === 0) yield;
    }
  }

  /** Whether what stands in a text from `from` to `to` is in the set; `hash` is made of it. */
  has(text: string, from: number, to: number, hash: number): boolean {
    if (!this.#marks.has(hash)) return false;
    const table = this.#table;
    for (let at = spread(hash) & this.#mask; ; at = (at + 1) & this.#mask) {
      const number = table[at * 2 + 1] as number;
      if (number === 0) return false;
      if (table[at * 2] === hash >>> 0 && this.#isPart(number, text, from, to)) return true;
    }
  }

  #startOf(number: number): number {
    return number === 1 ? 0 : (this.#ends[number - 2] as number);
  }

  #append(units: Units, start: number, end: number): void {
    const at = this.#startOf(this.#size + 1);
    const most = (end - start) * (units instanceof Uint8Array ? 1 : 3);
    if (at + most > this.#bytes.length) {
      const more = Buffer.allocUnsafeSlow(Math.max(at + most, this.#bytes.length * 2));
      this.#bytes.copy(more);
      this.#bytes = more;
    }
    if (this.#size === this.#ends.length) {
      const ends = new Uint32Array(this.#size * 2);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    const bytes = this.#bytes;
    let to = at;
    if (units instanceof Uint8Array) for (let from = start; from < end; from++) bytes[to++] = units[from] as number;
    else to += bytes.write(textOf(units, start, end), at, 'utf8');
    this.#ends[this.#size++] = to;
  }

  #isText(number: number, units: Units, start: number, end: number): boolean {
    let own = this.#startOf(number);
    const ownEnd = this.#ends[number - 1] as number;
    const bytes = this.#bytes;
    if (!(units instanceof Uint8Array)) return bytes.toString('utf8', own, ownEnd) === textOf(units, start, end);
    if (ownEnd - own !== end - start) return false;
    for (let at = start; at < end; at++) if (bytes[own++] !== units[at]) return false;
    return true;
  }

  #isPart(number: number, text: string, from: number, to: number): boolean {
    const start = this.#startOf(number);
    const end = this.#ends[number - 1] as number;
    const bytes = this.#bytes;
    for (let at = 0; from + at < to && start + at < end; at++) {
      const byte = bytes[start + at] as number;
      if (byte >= 0x80) return bytes.toString('utf8', start, end) === text.slice(from, to);
      if (byte !== text.charCodeAt(from + at)) return false;
    }
    return end - start === to - from;
  }

  #grow(): void {
    const old = this.#table;
    this.#mask = (this.#mask + 1) * 2 - 1;
    const table = new Uint32Array((this.#mask + 1) * 2);
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let at = spread(old[from] as number) & this.#mask;
      while (table[at * 2 + 1] !== 0) at = (at + 1) & this.#mask;
      table[at * 2] = old[from] as number;
      table[at * 2 + 1] = old[from + 1] as number;
    }
    this.#table = table;
  }
}

function textOf(units: Uint16Array, start: number, end: number): string {
  return Buffer.from(units.buffer, units.byteOffset + start * 2, (end - start) * 2).toString('utf16le');
}

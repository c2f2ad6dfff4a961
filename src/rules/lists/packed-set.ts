/**
 * A set of many texts in few bytes: one buffer of UTF-8 and a table of hashes, neither of which the garbage collector
 * looks at.
 */

import { hashNext, hashStart, spread } from '../values/text-hash.ts';
import { touch } from './fresh-memory.ts';
import { textOf, type Units } from './items-scan.ts';

/** The table is at most so full. */
const LOAD = 0.6;
/** Bytes between two chances to do something else. */
const BYTES = 1024 * 1024;
/** Stands behind each text; no UTF-8 has it. */
const END = 0xff;

export class PackedSet {
  #bytes: Buffer;
  #used = 0;
  /** Pairs: a hash, and where its text begins in the buffer, from 1; 0 is a free place. */
  #table: Uint32Array;
  #mask: number;
  #size = 0;

  /** @param expected how many texts there will be, and in how many bytes; more cost time, not correctness */
  constructor(expected: { readonly items: number; readonly bytes: number }) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(64, expected.bytes));
    const places = 2 ** Math.max(4, Math.ceil(Math.log2((expected.items + 1) / LOAD)));
    this.#table = new Uint32Array(places * 2);
    this.#mask = places - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Gets its table ready, in steps; while nothing was added. */
  prepare(): Generator<void, void> {
    return touch(this.#table);
  }

  /** Adds a text unless it is there. */
  add(units: Units, start: number, end: number): void {
    if ((this.#size + 1) / LOAD > this.#mask + 1) this.#grow();
    const table = this.#table;
    let hash = hashStart;
    for (let from = start; from < end; from++) hash = hashNext(hash, units[from] as number);
    let at = spread(hash) & this.#mask;
    for (; table[at * 2 + 1] !== 0; at = (at + 1) & this.#mask) {
      if (table[at * 2] === hash >>> 0 && this.#isText((table[at * 2 + 1] as number) - 1, units, start, end)) return;
    }
    table[at * 2] = hash;
    table[at * 2 + 1] = this.#used + 1;
    this.#append(units, start, end);
    this.#size++;
  }

  /** Gives back what was reserved for more, in steps. */
  *finish(): Generator<void, void> {
    const used = this.#used;
    if (used > this.#bytes.length * 0.9) return;
    const bytes = Buffer.allocUnsafeSlow(used);
    for (let at = 0; at < used; at += BYTES) {
      this.#bytes.copy(bytes, at, at, Math.min(used, at + BYTES));
      yield;
    }
    this.#bytes = bytes;
  }

  /** Whether what stands in a text from `from` to `to` is in the set. */
  has(text: string, from: number, to: number): boolean {
    const table = this.#table;
    let hash = hashStart;
    for (let at = from; at < to; at++) hash = hashNext(hash, text.charCodeAt(at));
    for (let at = spread(hash) & this.#mask; ; at = (at + 1) & this.#mask) {
      const start = table[at * 2 + 1] as number;
      if (start === 0) return false;
      if (table[at * 2] === hash >>> 0 && this.#isPart(start - 1, text, from, to)) return true;
    }
  }

  /** Whether a text may be in the set, of which these are the bytes: of its hash it is certain, and of what is not ASCII nothing. */
  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    const table = this.#table;
    let hash = hashStart;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte >= 0x80) return true;
      hash = hashNext(hash, byte);
    }
    for (let at = spread(hash) & this.#mask; table[at * 2 + 1] !== 0; at = (at + 1) & this.#mask)
      if (table[at * 2] === hash >>> 0) return true;
    return false;
  }

  #append(units: Units, start: number, end: number): void {
    let at = this.#used;
    const most = (end - start) * (units instanceof Uint8Array ? 1 : 3) + 1;
    if (at + most > this.#bytes.length) {
      const more = Buffer.allocUnsafeSlow(Math.max(at + most, this.#bytes.length * 2));
      this.#bytes.copy(more);
      this.#bytes = more;
    }
    const bytes = this.#bytes;
    if (units instanceof Uint8Array) for (let from = start; from < end; from++) bytes[at++] = units[from] as number;
    else at += bytes.write(textOf(units, start, end), at, 'utf8');
    bytes[at] = END;
    this.#used = at + 1;
  }

  #isText(own: number, units: Units, start: number, end: number): boolean {
    if (!(units instanceof Uint8Array)) return this.#textAt(own) === textOf(units, start, end);
    const bytes = this.#bytes;
    for (let at = start; at < end; at++) if (bytes[own + at - start] !== units[at]) return false;
    return bytes[own + end - start] === END;
  }

  #isPart(own: number, text: string, from: number, to: number): boolean {
    const bytes = this.#bytes;
    for (let at = from; at < to; at++) {
      const byte = bytes[own + at - from] as number;
      if (byte >= 0x80) return byte !== END && this.#textAt(own) === text.slice(from, to);
      if (byte !== text.charCodeAt(at)) return false;
    }
    return bytes[own + to - from] === END;
  }

  #textAt(own: number): string {
    return this.#bytes.toString('utf8', own, this.#bytes.indexOf(END, own));
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

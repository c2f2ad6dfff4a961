/** Many networks as sorted ranges of addresses: one look says whether an address lies in any of them. */

import type { Address, Network } from './ip.ts';

/** Words of 32 bits in an address of each family. */
const IPV4 = 1;
const IPV6 = 4;

/** Steps between two chances to do something else. */
const STEPS = 8192;

export class NetworkSet {
  readonly #v4 = new Ranges(IPV4);
  readonly #v6 = new Ranges(IPV6);

  add({ address, prefix }: Network): void {
    if (typeof address === 'number') this.#v4.add([address], prefix);
    else this.#v6.add(wordsOf(address), prefix);
  }

  /** Sorts; before it is done nothing is found. */
  *finish(): Generator<void, void> {
    yield* this.#v4.finish();
    yield* this.#v6.finish();
  }

  has(address: Address): boolean {
    return typeof address === 'number' ? this.#v4.has([address]) : this.#v6.has(wordsOf(address));
  }
}

function wordsOf(groups: readonly number[]): readonly number[] {
  return [0, 2, 4, 6].map((at) => (((groups[at] as number) << 16) | (groups[at + 1] as number)) >>> 0);
}

/** Ranges of addresses: the words of the first one, the words of the last one. */
class Ranges {
  readonly #words: number;
  readonly #width: number;
  #records: Uint32Array;
  #count = 0;
  /** The number of the first range whose first address has at least these upper 16 bits. */
  #index = new Uint32Array(0);

  constructor(words: number) {
    this.#words = words;
    this.#width = words * 2;
    this.#records = new Uint32Array(0);
  }

  add(address: readonly number[], prefix: number): void {
    const at = this.#count++ * this.#width;
    if (at === this.#records.length) {
      const more = new Uint32Array(Math.max(this.#width * 16, at * 2));
      more.set(this.#records);
      this.#records = more;
    }
    for (let word = 0; word < this.#words; word++) {
      const bits = Math.min(32, Math.max(0, prefix - word * 32));
      const mask = bits === 0 ? 0 : -1 << (32 - bits);
      this.#records[at + word] = (address[word] as number) & mask;
      this.#records[at + this.#words + word] = (address[word] as number) | ~mask;
    }
  }

  *finish(): Generator<void, void> {
    yield* this.#sort();
    yield* this.#join();
    const index = new Uint32Array(65_537).fill(this.#count);
    for (let number = this.#count - 1; number >= 0; number--) {
      index[(this.#records[number * this.#width] as number) >>> 16] = number;
    }
    for (let upper = 65_535; upper >= 0; upper--) {
      index[upper] = Math.min(index[upper] as number, index[upper + 1] as number);
    }
    this.#index = index;
  }

  has(address: readonly number[]): boolean {
    if (this.#count === 0 || this.#index.length === 0) return false;
    const upper = (address[0] as number) >>> 16;
    // The last range that begins at or before the address; it may begin below these upper bits.
    let low = Math.max(0, (this.#index[upper] as number) - 1);
    let high = (this.#index[upper + 1] as number) - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#compare(middle * this.#width, address) <= 0) low = middle;
      else high = middle - 1;
    }
    return (
      high >= 0 &&
      this.#compare(low * this.#width, address) <= 0 &&
      this.#compare(low * this.#width + this.#words, address) >= 0
    );
  }

  #compare(at: number, address: readonly number[]): number {
    for (let word = 0; word < this.#words; word++) {
      const difference = (this.#records[at + word] as number) - (address[word] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Merge sort, bottom up. */
  *#sort(): Generator<void, void> {
    const width = this.#width;
    let from = this.#records.slice(0, this.#count * width);
    let to = new Uint32Array(from.length);
    let steps = 0;
    for (let run = 1; run < this.#count; run *= 2) {
      for (let start = 0; start < this.#count; start += run * 2) {
        const middle = Math.min(start + run, this.#count);
        const end = Math.min(start + run * 2, this.#count);
        let left = start;
        let right = middle;
        for (let out = start; out < end; out++) {
          const takesLeft = left < middle && (right >= end || this.#isFirst(from, left * width, right * width));
          const source = (takesLeft ? left++ : right++) * width;
          for (let word = 0; word < width; word++) to[out * width + word] = from[source + word] as number;
          if (++steps % STEPS === 0) yield;
        }
      }
      [from, to] = [to, from];
    }
    this.#records = from;
  }

  /** Of two ranges that begin alike the wider one comes first. */
  #isFirst(records: Uint32Array, a: number, b: number): boolean {
    const order = this.#order(records, a, b);
    return order === 0 ? this.#order(records, a + this.#words, b + this.#words) >= 0 : order < 0;
  }

  #order(records: Uint32Array, a: number, b: number): number {
    for (let word = 0; word < this.#words; word++) {
      const difference = (records[a + word] as number) - (records[b + word] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** A network lies inside another one or apart from it: what begins in a range ends there too. */
  *#join(): Generator<void, void> {
    const width = this.#width;
    const records = this.#records;
    let last = 0;
    for (let number = 1; number < this.#count; number++) {
      if (number % STEPS === 0) yield;
      if (this.#order(records, last * width + this.#words, number * width) >= 0) continue;
      last++;
      records.copyWithin(last * width, number * width, (number + 1) * width);
    }
    this.#count = Math.min(this.#count, last + 1);
    this.#records = records.slice(0, this.#count * width);
  }
}

/** Many networks as sorted ranges of addresses: one look says whether an address lies in any of them. */

import { type Address, type Network, parseCached } from './ip.ts';

/** Words of 32 bits in an address of each family. */
const IPV4 = 1;
const IPV6 = 4;

/** So many are worth a table by 16 bits. */
const MANY = 4096;

/** Values of 16 bits. */
const DIGITS = 65_536;

/** Steps, and values, between two chances to do something else. */
const STEPS = 8192;
const VALUES = 256;

/** A test whether an address, given as text, lies in one of some networks. */
export function anyNetworkTest(networks: readonly Network[]): (text: string) => boolean {
  const set = new NetworkSet();
  for (const network of networks) set.add(network);
  for (const _ of set.finish());
  return (text) => set.hasText(text);
}

export class NetworkSet {
  readonly #v4 = new Ranges(IPV4);
  readonly #v6 = new Ranges(IPV6);

  add({ address, prefix }: Network): void {
    if (typeof address === 'number') this.#v4.add([address], prefix);
    else this.#v6.add(wordsOf(address), prefix);
  }

  /** Sorts, in steps; it cannot be asked before. */
  *finish(): Generator<void, void> {
    yield* this.#v4.finish();
    yield* this.#v6.finish();
  }

  /** Whether an address lies in one of them; what is no address does not. */
  hasText(text: string): boolean {
    const address = parseCached(text);
    return address !== undefined && this.has(address);
  }

  has(address: Address): boolean {
    return typeof address === 'number' ? this.#v4.has([address]) : this.#v6.has(wordsOf(address));
  }
}

function wordsOf(groups: readonly number[]): readonly number[] {
  const word = (at: number) => (((groups[at] as number) << 16) | (groups[at + 1] as number)) >>> 0;
  return [word(0), word(2), word(4), word(6)];
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
    yield* this.#sort(0, this.#count, 0);
    yield* this.#join();
    if (this.#count >= MANY) this.#index = yield* this.#countByDigit(0, this.#count, 0);
  }

  has(address: readonly number[]): boolean {
    // The last range that begins at or before the address; it may begin below these upper bits.
    const upper = (address[0] as number) >>> 16;
    const isIndexed = this.#index.length > 0;
    let low = isIndexed ? Math.max(0, (this.#index[upper] as number) - 1) : 0;
    let high = (isIndexed ? (this.#index[upper + 1] as number) : this.#count) - 1;
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

  /**
   * Of the ranges from `first` to before `last`, by 16 bits of where they begin: how many have less. `digit`: which 16 bits,
   * from 0.
   */
  *#countByDigit(first: number, last: number, digit: number): Generator<void, Uint32Array<ArrayBuffer>> {
    const counts = new Uint32Array(DIGITS + 1);
    for (let number = first; number < last; number++) {
      counts[this.#digitOf(number, digit) + 1]!++;
      if (number % (STEPS * 16) === 0) yield;
    }
    for (let value = 0; value < DIGITS; value++) counts[value + 1]! += counts[value] as number;
    return counts;
  }

  #digitOf(number: number, digit: number): number {
    const word = this.#records[number * this.#width + (digit >>> 1)] as number;
    return (digit & 1) === 0 ? word >>> 16 : word & 0xffff;
  }

  /** First by 16 bits, then those that have the same: few, which the caches of the processor hold. */
  *#sort(first: number, last: number, digit: number): Generator<void, void> {
    if (last - first < MANY || digit === this.#words * 2) {
      yield* this.#sortSome(first, last);
      return;
    }
    const starts = yield* this.#countByDigit(first, last, digit);
    if (starts[this.#digitOf(first, digit) + 1] !== last - first || starts[this.#digitOf(first, digit)] !== 0) {
      yield* this.#scatter(first, last, digit, starts.slice());
    }
    for (let value = 0; value < DIGITS; value++) {
      if (value % VALUES === 0) yield;
      const start = first + (starts[value] as number);
      const end = first + (starts[value + 1] as number);
      if (end - start > 1) yield* this.#sort(start, end, digit + 1);
    }
  }

  /** `next`: by 16 bits, where the next one goes, from `first`. */
  *#scatter(first: number, last: number, digit: number, next: Uint32Array): Generator<void, void> {
    const width = this.#width;
    const from = this.#records;
    const to = new Uint32Array((last - first) * width);
    for (let number = first; number < last; number++) {
      const place = next[this.#digitOf(number, digit)]!++;
      for (let word = 0; word < width; word++) to[place * width + word] = from[number * width + word] as number;
      if (number % STEPS === 0) yield;
    }
    from.set(to, first * width);
  }

  /** Merge sort, bottom up. */
  *#sortSome(first: number, last: number): Generator<void, void> {
    const width = this.#width;
    const count = last - first;
    const records = this.#records.subarray(first * width, last * width);
    let from: Uint32Array = records;
    let to: Uint32Array = new Uint32Array(records.length);
    let steps = 0;
    for (let run = 1; run < count; run *= 2) {
      for (let start = 0; start < count; start += run * 2) {
        const middle = Math.min(start + run, count);
        const end = Math.min(start + run * 2, count);
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
    if (from !== records) records.set(from);
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
    yield;
    this.#count = Math.min(this.#count, last + 1);
    this.#records = records.slice(0, this.#count * width);
  }
}

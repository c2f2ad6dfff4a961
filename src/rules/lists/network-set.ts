/** Many networks of both families: as sets of addresses, one for each length of prefix, for of lengths there are few. */

import type { Scalar } from '../../events/field.ts';
import { type Address, addressOf, type Network } from '../values/ip.ts';
import { PrefixSet } from './prefix-set.ts';

/** Words of 32 bits in an IPv6 address; an IPv4 address is one. */
const WORDS = 4;

/** A test whether an address lies in one of some networks. */
export function anyNetworkTest(networks: readonly Network[]): (value: Scalar) => boolean {
  const set = new NetworkSet();
  for (const network of networks) set.add(network);
  for (const _ of set.finish());
  return (value) => set.hasValue(value);
}

export class NetworkSet {
  /** By the length of their prefixes. */
  readonly #v4 = new Map<number, PrefixSet>();
  readonly #v6 = new Map<number, PrefixSet>();
  /** What is looked at, in words. */
  readonly #words = new Int32Array(WORDS);
  #sets4: readonly PrefixSet[] = [];
  #sets6: readonly PrefixSet[] = [];
  #ranges: Ranges | undefined;

  /** How many networks; until they are finished, those that are alike count each. */
  get size(): number {
    return [...this.#v4.values(), ...this.#v6.values()].reduce((sum, set) => sum + set.size, 0);
  }

  add({ address, prefix }: Network): void {
    const sets = typeof address === 'number' ? this.#v4 : this.#v6;
    let set = sets.get(prefix);
    if (set === undefined) sets.set(prefix, (set = new PrefixSet(prefix)));
    this.#read(address);
    set.add(this.#words);
  }

  /** Makes the sets, in steps; it cannot be asked before. */
  *finish(): Generator<void, void> {
    const largestFirst = (sets: Iterable<PrefixSet>) => [...sets].sort((a, b) => b.size - a.size);
    this.#sets4 = largestFirst(this.#v4.values());
    this.#sets6 = largestFirst(this.#v6.values());
    const count = this.#sets4.reduce((sum, set) => sum + set.size, 0);
    const ranges = count === 0 ? undefined : new Ranges(count, this.#v4.size);
    for (const [prefix, set] of this.#v4) yield* set.finish(ranges && ((first) => ranges.add(first, prefix)));
    for (const set of this.#sets6) yield* set.finish();
    ranges?.finish();
    this.#ranges = ranges;
  }

  /** Whether an address lies in one of them; what is no address does not. */
  hasValue(value: Scalar): boolean {
    const address = addressOf(value);
    return address !== undefined && this.has(address);
  }

  has(address: Address): boolean {
    if (typeof address === 'number' && this.#ranges?.has(address) === false) return false;
    const sets = typeof address === 'number' ? this.#sets4 : this.#sets6;
    if (sets.length === 0) return false;
    this.#read(address);
    for (let index = 0; index < sets.length; index++) if ((sets[index] as PrefixSet).has(this.#words)) return true;
    return false;
  }

  #read(address: Address): void {
    const words = this.#words;
    if (typeof address === 'number') words[0] = address;
    else
      for (let at = 0; at < WORDS; at++)
        words[at] = ((address[at * 2] as number) << 16) | (address[at * 2 + 1] as number);
  }
}

/** Bits for each network. */
const BITS = 8;
/** Addresses in a range, at least and at most, in bits. */
const NARROWEST = 8;
const WIDEST = 22;
/** Of wide ranges there are so few that what is known of them stays near; they are asked first while most have none. */
const WIDE = 12;

/** Which ranges of IPv4 addresses have any of some networks: where there are none one look says so, mostly at what is near. */
class Ranges {
  readonly #narrow: RangeBits | undefined;
  #wide: RangeBits | undefined;

  /**
   * @param count of networks
   * @param lengths of their prefixes: where there is only one, its set says no as soon as narrow ranges would
   */
  constructor(count: number, lengths: number) {
    const within = Math.max(NARROWEST, Math.min(WIDEST, 32 - Math.ceil(Math.log2(count * BITS))));
    if (within >= WIDE || lengths > 1) this.#narrow = new RangeBits(within);
    if (within < WIDE) this.#wide = new RangeBits(WIDE);
  }

  add(first: number, prefix: number): void {
    this.#narrow?.add(first, prefix);
    this.#wide?.add(first, prefix);
  }

  finish(): void {
    if (this.#wide?.isMostlyFull) this.#wide = undefined;
  }

  has(address: number): boolean {
    return this.#wide?.has(address) !== false && this.#narrow?.has(address) !== false;
  }
}

/** A bit for each range of so many addresses. */
class RangeBits {
  /** Bits of an address within its range. */
  readonly #within: number;
  readonly #bits: Int32Array;

  constructor(within: number) {
    this.#within = within;
    this.#bits = new Int32Array(2 ** (32 - within - 5));
  }

  get isMostlyFull(): boolean {
    let set = 0;
    for (let range = 0; range < this.#bits.length * 32; range++) set += this.#isSet(range) ? 1 : 0;
    return set > this.#bits.length * 16;
  }

  add(first: number, prefix: number): void {
    const from = first >>> this.#within;
    const count = 2 ** Math.max(0, 32 - this.#within - prefix);
    if (count >= 32) this.#bits.fill(-1, from >>> 5, (from + count) >>> 5);
    else this.#bits[from >>> 5] = (this.#bits[from >>> 5] as number) | ((2 ** count - 1) << (from & 31));
  }

  has(address: number): boolean {
    return this.#isSet(address >>> this.#within);
  }

  #isSet(range: number): boolean {
    return (((this.#bits[range >>> 5] as number) >>> (range & 31)) & 1) !== 0;
  }
}

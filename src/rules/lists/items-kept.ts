/** The items of a list, kept by how conditions use them. */

import type { FieldType, Scalar } from '../../events/field.ts';
import type { PathSet } from '../../events/necessary.ts';
import { type Constant, clipped, readConstant } from '../values/constants.ts';
import { IPV6_MOST, type Network, parseAddress, parseIpv4, parseIpv6, writeIpv6 } from '../values/ip.ts';
import { isText } from '../values/types.ts';
import type { FoundItem } from './items-scan.ts';
import { NetworkSet } from './network-set.ts';
import { Beginnings, Paths, Texts } from './texts-kept.ts';

/** How a condition uses a list: as values of a type, as networks, as beginnings of texts, as path prefixes of `pmatch`. */
export type Use =
  | { readonly kind: 'values'; readonly type: FieldType }
  | { readonly kind: 'networks' | 'beginnings' | 'paths' };

/** What is kept of a list for one use. */
export interface Kept {
  readonly size: number;
  /** How many of the items, each counted once, a value equals, lies in or begins with; of paths and networks 1 is enough. */
  count(value: Scalar): number;
  /** Any text that counts begins with one of these; undefined: nothing is known. */
  readonly beginnings?: readonly string[] | undefined;
  /** What tells of a path from its bytes whether it may count; undefined: nothing can. */
  readonly paths?: PathSet | undefined;
}

/** Makes what is kept. */
export interface Keeper {
  /** Gets the memory ready that it has asked for, in steps, before there are items. */
  prepare?(): Generator<void, void>;
  /** Adds an item. @throws Error that says why it is none */
  add(item: FoundItem): void;
  /** What is left to do at the end, in steps. */
  finish(): Generator<void, Kept>;
}

/** How many items there will be at most, and in how many bytes. */
export interface Expected {
  readonly items: number;
  readonly bytes: number;
}

/** Keeps items in the form that their use needs. */
export function makeKeeper(use: Use, expected: Expected): Keeper {
  switch (use.kind) {
    case 'networks':
      return new Networks();
    case 'beginnings':
      return new Beginnings(expected);
    case 'paths':
      return new Paths(expected);
    case 'values':
      if (use.type === 'IPADDR') return new Addresses(expected);
      return isText(use.type) ? new Texts(expected, true) : new Values(use.type);
  }
}

/** Whether nearly any text is an item. */
export function takesTexts(use: Use): boolean {
  return use.kind === 'values' ? isText(use.type) : use.kind !== 'networks';
}

/** What an item is to conditions that use it so. @throws Error that says why it is none */
export function constantOf(text: string, use: Use): Constant {
  if (use.kind === 'networks') return networkOf(text);
  if (use.kind === 'values') return valueIn(text, use.type);
  return read(text, 'CHARBUF');
}

function valueIn(text: string, type: FieldType): Constant {
  if (type !== 'IPADDR') return read(text, type);
  const address = addressIn(text);
  try {
    return read(address, type);
  } catch {
    throw new Error(`unrecognized ${address.includes('.') ? 'IPv4' : 'IPv6'} address ${clipped(text)}`);
  }
}

function networkOf(text: string): Constant {
  const network = addressIn(text);
  const isWhole = network.includes('/');
  try {
    return read(isWhole ? network : `${network}/${network.includes(':') ? 128 : 32}`, 'IPNET');
  } catch (error) {
    if (isWhole && parseAddress(network.slice(0, network.indexOf('/'))) !== undefined) throw error;
    throw new Error(`unrecognized IP network ${clipped(text)}`);
  }
}

function read(text: string, type: FieldType): Constant {
  return readConstant({ kind: 'literal', text, quoted: false, span: { start: 0, end: 0 } }, type, 'in');
}

/** What stands before the blanks or marks with which lists of addresses go on to say more. */
function addressIn(text: string): string {
  const end = text.search(/[\s;#,]/);
  return end < 0 ? text : text.slice(0, end);
}

const WHOLE_IPV4 = 32;

/** Addresses: those of IPv4 as numbers, those of IPv6 as the texts that events carry. */
class Addresses implements Keeper, Kept {
  readonly #expected: Expected;
  readonly #v4 = new NetworkSet();
  #v6: Texts | undefined;
  readonly #written = new Uint8Array(IPV6_MOST);

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  get size(): number {
    return this.#v4.size + (this.#v6?.size ?? 0);
  }

  add({ text, line }: FoundItem): void {
    const own = addressIn(text);
    const address = own.includes('.') ? parseIpv4(own) : parseIpv6(own);
    if (address === undefined) read(own, 'IPADDR');
    else if (typeof address === 'number') this.#v4.add({ address, prefix: WHOLE_IPV4 });
    else {
      this.#v6 ??= new Texts(this.#expected, false);
      const end = writeIpv6(address, this.#written);
      this.#v6.add({ units: this.#written, start: 0, end, text: own, line });
    }
  }

  *finish(): Generator<void, Kept> {
    yield* this.#v4.finish();
    if (this.#v6 !== undefined) yield* this.#v6.finish();
    return this;
  }

  count(value: Scalar): number {
    if (typeof value === 'string' && value.includes(':')) return this.#v6?.count(value) ?? 0;
    return this.#v4.hasValue(value) ? 1 : 0;
  }
}

class Values implements Keeper, Kept {
  readonly #type: FieldType;
  readonly #set = new Set<unknown>();

  constructor(type: FieldType) {
    this.#type = type;
  }

  get size(): number {
    return this.#set.size;
  }

  add({ text }: FoundItem): void {
    this.#set.add(valueIn(text, this.#type));
  }

  // biome-ignore lint/correctness/useYield: it has no steps
  *finish(): Generator<void, Kept> {
    return this;
  }

  count(value: Scalar): number {
    return this.#set.has(value) ? 1 : 0;
  }
}

class Networks implements Keeper, Kept {
  readonly #set = new NetworkSet();

  get size(): number {
    return this.#set.size;
  }

  add({ text }: FoundItem): void {
    this.#set.add(networkOf(text) as Network);
  }

  *finish(): Generator<void, Kept> {
    yield* this.#set.finish();
    return this;
  }

  count(value: Scalar): number {
    return this.#set.hasValue(value) ? 1 : 0;
  }
}

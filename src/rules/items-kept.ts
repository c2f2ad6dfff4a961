/** The items of a list, kept by how conditions use them. */

import type { FieldType, Scalar } from '../events/field.ts';
import { type Constant, readConstant } from './constants.ts';
import { IPV6_MOST, type Network, parseIpv6, writeIpv6 } from './ip.ts';
import { type FoundItem, unitsOf } from './items-scan.ts';
import { NetworkSet } from './network-set.ts';
import { Beginnings, Paths, Texts } from './texts-kept.ts';
import { isText } from './types.ts';

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

/** What an item is to conditions that use it so. @throws Error that says why it is none */
export function constantOf(text: string, use: Use): Constant {
  if (use.kind === 'networks') return networkOf(text);
  if (use.kind === 'values') return valueIn(text, use.type);
  return read(text, 'CHARBUF');
}

function valueIn(text: string, type: FieldType): Constant {
  return read(type === 'IPADDR' ? addressIn(text) : text, type);
}

function networkOf(text: string): Constant {
  const network = addressIn(text);
  return read(network.includes('/') ? network : `${network}/${network.includes(':') ? 128 : 32}`, 'IPNET');
}

function read(text: string, type: FieldType): Constant {
  return readConstant({ kind: 'literal', text, quoted: false, span: { start: 0, end: 0 } }, type, 'in');
}

/** What stands before the blanks or marks with which lists of addresses go on to say more. */
function addressIn(text: string): string {
  const end = text.search(/[\s;#,]/);
  return end < 0 ? text : text.slice(0, end);
}

/** Addresses, kept as the texts that events carry. */
class Addresses implements Keeper {
  readonly #texts: Texts;
  readonly #written = new Uint8Array(IPV6_MOST);

  constructor(expected: Expected) {
    this.#texts = new Texts(expected, false);
  }

  prepare(): Generator<void, void> {
    return this.#texts.prepare();
  }

  add(item: FoundItem): void {
    const own = addressIn(item.text);
    const groups = own.includes('.') ? undefined : parseIpv6(own);
    if (groups !== undefined) {
      const end = writeIpv6(groups, this.#written);
      this.#texts.add({ units: this.#written, start: 0, end, text: own, line: item.line });
      return;
    }
    const text = read(own, 'IPADDR') as string;
    this.#texts.add(text === item.text ? item : { ...item, text, units: unitsOf(text), start: 0, end: text.length });
  }

  finish(): Generator<void, Kept> {
    return this.#texts.finish();
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
  size = 0;

  add({ text }: FoundItem): void {
    this.#set.add(networkOf(text) as Network);
    this.size++;
  }

  *finish(): Generator<void, Kept> {
    yield* this.#set.finish();
    return this;
  }

  count(value: Scalar): number {
    return typeof value === 'string' && this.#set.hasText(value) ? 1 : 0;
  }
}

/** The items of a list, kept by how conditions use them. */

import type { FieldType, Scalar } from '../events/field.ts';
import type { Constant } from './constants.ts';
import { readConstant } from './constants.ts';
import { hasWildcard } from './glob.ts';
import { parseCached } from './ip.ts';
import { NetworkSet } from './network-set.ts';
import { HashMarks, hashByUnit, hashNext, hashStart, PackedSet } from './packed-set.ts';
import { prefixTest } from './pmatch.ts';

/** How a condition uses a list: as values of a type, as networks, as beginnings of texts, as path prefixes of `pmatch`. */
export type Use =
  | { readonly kind: 'values'; readonly type: FieldType }
  | { readonly kind: 'networks' | 'beginnings' | 'paths' };

/** What is kept of a list for one use. */
export interface Kept {
  readonly size: number;
  /** How many of the items, each counted once, a value equals, lies in or begins with; of paths and networks 1 is enough. */
  count(value: Scalar): number;
}

/** Makes what is kept. */
export interface Keeper {
  /** Adds an item. @throws Error that says why it is none */
  add(text: string): void;
  /** What is left to do at the end, in steps. */
  steps?(): Generator<void, void>;
  finish(): Kept;
}

/** @param expected how many items there will be at most, and in how many bytes */
export function makeKeeper(use: Use, expected: { readonly items: number; readonly bytes: number }): Keeper {
  switch (use.kind) {
    case 'networks':
      return new Networks();
    case 'beginnings':
      return new Beginnings(new PackedSet(expected.items, expected.bytes));
    case 'paths':
      return new Paths(new PackedSet(expected.items, expected.bytes));
    case 'values':
      return isKeptAsText(use.type)
        ? new Texts(use.type, new PackedSet(expected.items, expected.bytes))
        : new Values(use.type);
  }
}

function isKeptAsText(type: FieldType): boolean {
  return type === 'CHARBUF' || type === 'FSPATH' || type === 'IPADDR';
}

function constantOf(text: string, type: FieldType): Constant {
  return readConstant({ kind: 'literal', text, quoted: false, span: { start: 0, end: 0 } }, type, 'in');
}

/** What stands before the blanks or marks with which lists of addresses go on to say more. */
function addressIn(text: string): string {
  return /^[^\s;#,]*/.exec(text)?.[0] ?? '';
}

/** Texts that begin otherwise than all items are let go after so many units, where the items have few beginnings. */
const HEAD = 8;
const MOST_HEADS = 65_536;

class Texts implements Keeper, Kept {
  readonly #type: FieldType;
  readonly #set: PackedSet;
  #heads: HashMarks | undefined = new HashMarks();

  constructor(type: FieldType, set: PackedSet) {
    this.#type = type;
    this.#set = set;
  }

  get size(): number {
    return this.#set.size;
  }

  add(text: string): void {
    const isAddress = this.#type === 'IPADDR';
    const item = constantOf(isAddress ? addressIn(text) : text, this.#type) as string;
    this.#set.add(item);
    if (this.#heads === undefined || item.length < HEAD) return;
    this.#heads.add(hashByUnit(item, HEAD));
    if (this.#heads.size > MOST_HEADS) this.#heads = undefined;
  }

  finish(): Kept {
    this.#set.trim();
    return this;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    if (this.#heads !== undefined && value.length >= HEAD && !this.#heads.has(hashByUnit(value, HEAD))) return 0;
    return this.#set.has(value) ? 1 : 0;
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

  add(text: string): void {
    this.#set.add(constantOf(text, this.#type));
  }

  finish(): Kept {
    return this;
  }

  count(value: Scalar): number {
    return this.#set.has(value) ? 1 : 0;
  }
}

class Networks implements Keeper, Kept {
  readonly #set = new NetworkSet();
  size = 0;

  add(text: string): void {
    const network = addressIn(text);
    const whole = network.includes('/') ? network : `${network}/${network.includes(':') ? 128 : 32}`;
    this.#set.add(constantOf(whole, 'IPNET') as never);
    this.size++;
  }

  steps(): Generator<void, void> {
    return this.#set.finish();
  }

  finish(): Kept {
    return this;
  }

  count(value: Scalar): number {
    const address = typeof value === 'string' ? parseCached(value) : undefined;
    return address !== undefined && this.#set.has(address) ? 1 : 0;
  }
}

/** At these lengths it is known whether any item begins so: few values begin like one, and the rest are let go early. */
const MARKS: ReadonlySet<number> = new Set([4, 8, 16, 32, 64, 128]);
const MOST_MARKED = 128;

class Beginnings implements Keeper, Kept {
  readonly #set: PackedSet;
  readonly #marks = new HashMarks();
  /** Which lengths items have. */
  readonly #lengths: boolean[] = [];

  constructor(set: PackedSet) {
    this.#set = set;
  }

  get size(): number {
    return this.#set.size;
  }

  add(text: string): void {
    constantOf(text, 'CHARBUF');
    this.#set.add(text, hashByUnit(text));
    while (this.#lengths.length <= text.length) this.#lengths.push(false);
    this.#lengths[text.length] = true;
    let hash = hashStart;
    for (let length = 1; length <= Math.min(text.length, MOST_MARKED); length++) {
      hash = hashNext(hash, text.charCodeAt(length - 1));
      // An item that ends here needs no mark.
      if (length < text.length && MARKS.has(length)) this.#marks.add(hash);
    }
  }

  finish(): Kept {
    this.#set.trim();
    return this;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const most = Math.min(value.length, this.#lengths.length - 1);
    let found = 0;
    let hash = hashStart;
    for (let length = 1; length <= most; length++) {
      hash = hashNext(hash, value.charCodeAt(length - 1));
      if (this.#lengths[length] === true && this.#set.hasBeginning(value, length, hash)) found++;
      if (MARKS.has(length) && !this.#marks.has(hash)) break;
    }
    return found;
  }
}

class Paths implements Keeper, Kept {
  readonly #set: PackedSet;
  /** The folders above items: a path that leaves them leads to none. */
  readonly #above = new HashMarks();
  readonly #wild: string[] = [];
  #wildTest: ((path: string) => boolean) | undefined;
  #isAll = false;

  constructor(set: PackedSet) {
    this.#set = set;
  }

  get size(): number {
    return this.#set.size + this.#wild.length + Number(this.#isAll);
  }

  add(text: string): void {
    constantOf(text, 'FSPATH');
    const path = componentsOf(text);
    if (path === '') this.#isAll = true;
    else if (hasWildcard(path)) this.#wild.push(path);
    else this.#add(path);
  }

  finish(): Kept {
    this.#set.trim();
    if (this.#wild.length > 0) this.#wildTest = prefixTest(this.#wild);
    return this;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    return this.#isAll || this.#leadsTo(value) || this.#wildTest?.(value) === true ? 1 : 0;
  }

  #add(path: string): void {
    let hash = hashStart;
    for (let length = 0; length < path.length; length++) {
      if (path.charCodeAt(length) === SLASH) this.#above.add(hash);
      hash = hashNext(hash, path.charCodeAt(length));
    }
    this.#set.add(path, hash);
  }

  #leadsTo(value: string): boolean {
    if (this.#set.size === 0) return false;
    const path = componentsOf(value);
    let hash = hashStart;
    for (let length = 0; length < path.length; length++) {
      if (path.charCodeAt(length) === SLASH) {
        if (this.#set.hasBeginning(path, length, hash)) return true;
        if (!this.#above.has(hash)) return false;
      }
      hash = hashNext(hash, path.charCodeAt(length));
    }
    return path !== '' && this.#set.hasBeginning(path, path.length, hash);
  }
}

const SLASH = 47;

/** A path without the slashes that say nothing: the first, the last, doubled ones. */
function componentsOf(path: string): string {
  let from = 0;
  let to = path.length;
  while (path.charCodeAt(from) === SLASH) from++;
  while (to > from && path.charCodeAt(to - 1) === SLASH) to--;
  const inner = path.slice(from, to);
  return inner.includes('//') ? inner.replace(/\/+/g, '/') : inner;
}

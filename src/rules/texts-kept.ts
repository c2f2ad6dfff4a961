/** Items that are texts: as they are, as beginnings of texts, as path prefixes of `pmatch`. */

import type { Scalar } from '../events/field.ts';
import { Cover } from './cover.ts';
import { hasWildcard } from './glob.ts';
import { HashMarks } from './hash-marks.ts';
import type { Expected, Keeper, Kept } from './items-kept.ts';
import type { FoundItem, Units } from './items-scan.ts';
import { unitsOf } from './items-scan.ts';
import { PackedSet } from './packed-set.ts';
import { prefixTest } from './pmatch.ts';
import { hashByUnit, hashNext, hashOf, hashOfUnits, hashStart, hashUnits } from './text-hash.ts';

/** Marks for each item. */
const MARKS = 16;

/** Which lengths texts have, the long ones together. */
class Lengths {
  readonly #known = new Uint8Array(256);
  longest = 0;

  add(length: number): void {
    this.#known[Math.min(length, 255)] = 1;
    if (length > this.longest) this.longest = length;
  }

  has(length: number): boolean {
    return this.#known[Math.min(length, 255)] === 1;
  }
}

/** Texts that begin otherwise than all items are let go after so many units, where the items have few beginnings. */
const HEAD = 8;
const MOST_HEADS = 65_536;

/** Texts that a value equals. */
export class Texts implements Keeper, Kept {
  readonly #set: PackedSet;
  readonly #lengths = new Lengths();
  readonly #cover = new Cover();
  #heads: HashMarks | undefined;
  #headCount = 0;
  #beginnings: readonly string[] | undefined;

  constructor(expected: Expected) {
    this.#set = new PackedSet(expected);
    this.#heads = new HashMarks(Math.min(expected.items, MOST_HEADS) * MARKS);
  }

  get size(): number {
    return this.#set.size;
  }

  get beginnings(): readonly string[] | undefined {
    return this.#beginnings;
  }

  add({ units, start, end }: FoundItem): void {
    this.#set.add(units, start, end, hashOfUnits(units, start, end));
    this.#lengths.add(end - start);
    this.#cover.add(units, start, end);
    if (this.#heads === undefined || end - start < HEAD) return;
    if (this.#heads.add(hashUnits(units, start, start + HEAD))) this.#headCount++;
    if (this.#headCount > MOST_HEADS) this.#heads = undefined;
  }

  *finish(): Generator<void, Kept> {
    yield* this.#set.finish();
    this.#beginnings = this.#cover.prefixes();
    return this;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string' || !this.#lengths.has(value.length)) return 0;
    if (this.#heads !== undefined && value.length >= HEAD && !this.#heads.has(hashByUnit(value, HEAD))) return 0;
    return this.#set.has(value, value.length, hashOf(value)) ? 1 : 0;
  }
}

/** At these lengths it is known whether any item begins so: few values begin like one, and the rest are let go early. */
const MARKED = [4, 8, 16, 32, 64, 128] as const;

/** Texts that a value begins with. */
export class Beginnings implements Keeper, Kept {
  readonly #set: PackedSet;
  readonly #marks: HashMarks;
  readonly #lengths = new Lengths();
  readonly #cover = new Cover();
  #beginnings: readonly string[] | undefined;

  constructor(expected: Expected) {
    this.#set = new PackedSet(expected);
    this.#marks = new HashMarks(expected.items * MARKS);
  }

  get size(): number {
    return this.#set.size;
  }

  get beginnings(): readonly string[] | undefined {
    return this.#beginnings;
  }

  add({ units, start, end }: FoundItem): void {
    this.#lengths.add(end - start);
    this.#cover.add(units, start, end);
    let hash = hashStart;
    let at = start;
    for (const length of MARKED) {
      // An item that ends here needs no mark.
      if (start + length >= end) break;
      for (; at < start + length; at++) hash = hashNext(hash, units[at] as number);
      this.#marks.add(hash);
    }
    for (; at < end; at++) hash = hashNext(hash, units[at] as number);
    this.#set.add(units, start, end, hash);
  }

  *finish(): Generator<void, Kept> {
    yield* this.#set.finish();
    this.#beginnings = this.#cover.prefixes();
    return this;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const most = Math.min(value.length, this.#lengths.longest);
    let found = 0;
    let hash = hashStart;
    let mark = 0;
    for (let length = 1; length <= most; length++) {
      hash = hashNext(hash, value.charCodeAt(length - 1));
      if (this.#lengths.has(length) && this.#set.has(value, length, hash)) found++;
      if (length !== MARKED[mark]) continue;
      if (!this.#marks.has(hash)) break;
      mark++;
    }
    return found;
  }
}

const SLASH = 47;

/** Paths that a value is or lies below. */
export class Paths implements Keeper, Kept {
  readonly #set: PackedSet;
  /** The folders above items: a path that leaves them leads to none. */
  readonly #above: HashMarks;
  readonly #cover = new Cover();
  readonly #wild: string[] = [];
  #wildTest: ((path: string) => boolean) | undefined;
  #isAll = false;
  #beginnings: readonly string[] | undefined;

  constructor(expected: Expected) {
    this.#set = new PackedSet(expected);
    this.#above = new HashMarks(expected.items * MARKS);
  }

  get size(): number {
    return this.#set.size + this.#wild.length + Number(this.#isAll);
  }

  get beginnings(): readonly string[] | undefined {
    return this.#beginnings;
  }

  add(item: FoundItem): void {
    const { units } = item;
    let { start, end } = item;
    while (start < end && units[start] === SLASH) start++;
    while (end > start && units[end - 1] === SLASH) end--;
    if (start === end) this.#isAll = true;
    else if (isSimple(units, start, end)) this.#addPath(units, start, end);
    else {
      const path = componentsOf(item.text);
      if (hasWildcard(path)) this.#addWild(path);
      else this.#addPath(unitsOf(path), 0, path.length);
    }
  }

  *finish(): Generator<void, Kept> {
    yield* this.#set.finish();
    if (this.#wild.length > 0) this.#wildTest = prefixTest(this.#wild);
    const prefixes = this.#isAll ? undefined : this.#cover.prefixes();
    this.#beginnings = prefixes?.map((prefix) => `/${prefix}`);
    return this;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    return this.#isAll || this.#leadsTo(value) || this.#wildTest?.(value) === true ? 1 : 0;
  }

  #addWild(path: string): void {
    this.#wild.push(path);
    const fixed = Buffer.from(path.replace(/[*?[\\].*$/s, ''));
    this.#cover.add(fixed, 0, fixed.length);
  }

  #addPath(units: Units, start: number, end: number): void {
    this.#cover.add(units, start, end);
    let hash = hashStart;
    for (let at = start; at < end; at++) {
      if (units[at] === SLASH) this.#above.add(hash);
      hash = hashNext(hash, units[at] as number);
    }
    this.#set.add(units, start, end, hash);
  }

  #leadsTo(value: string): boolean {
    if (this.#set.size === 0) return false;
    const path = componentsOf(value);
    let hash = hashStart;
    for (let length = 0; length < path.length; length++) {
      if (path.charCodeAt(length) === SLASH) {
        if (this.#set.has(path, length, hash)) return true;
        if (!this.#above.has(hash)) return false;
      }
      hash = hashNext(hash, path.charCodeAt(length));
    }
    return path !== '' && this.#set.has(path, path.length, hash);
  }
}

const STAR = 42;
const QUESTION_MARK = 63;
const BRACKET = 91;

/** Whether a path has no wildcards, and no slashes that say nothing. */
function isSimple(units: Units, start: number, end: number): boolean {
  let before = 0;
  for (let at = start; at < end; at++) {
    const unit = units[at] as number;
    if (unit === STAR || unit === QUESTION_MARK || unit === BRACKET || (unit === SLASH && before === SLASH))
      return false;
    before = unit;
  }
  return true;
}

/** A path without the slashes that say nothing: the first, the last, doubled ones. */
function componentsOf(path: string): string {
  let from = 0;
  let to = path.length;
  while (path.charCodeAt(from) === SLASH) from++;
  while (to > from && path.charCodeAt(to - 1) === SLASH) to--;
  const inner = path.slice(from, to);
  return inner.includes('//') ? inner.replace(/\/+/g, '/') : inner;
}

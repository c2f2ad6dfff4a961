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
import { hashNext, hashStart } from './text-hash.ts';

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

/** At these lengths it is known whether any item begins so: few values begin like one, and the rest are let go early. */
const MARKED = [4, 8, 12, 16, 20, 24, 28, 32, 48, 64, 96, 128] as const;

/** Items with marks of what they begin with. */
abstract class Marked implements Keeper, Kept {
  protected readonly set: PackedSet;
  protected readonly marks: HashMarks;
  protected readonly lengths = new Lengths();
  protected readonly cover = new Cover();
  #beginnings: readonly string[] | undefined;

  constructor(expected: Expected) {
    this.set = new PackedSet(expected);
    this.marks = new HashMarks(expected.items * MARKS);
  }

  get size(): number {
    return this.set.size;
  }

  get beginnings(): readonly string[] | undefined {
    return this.#beginnings;
  }

  add({ units, start, end }: FoundItem): void {
    this.addUnits(units, start, end);
  }

  protected addUnits(units: Units, start: number, end: number): void {
    this.lengths.add(end - start);
    this.cover.add(units, start, end);
    let hash = hashStart;
    let at = start;
    for (const length of MARKED) {
      // An item that ends here needs no mark.
      if (start + length >= end) break;
      for (; at < start + length; at++) hash = hashNext(hash, units[at] as number);
      this.marks.add(hash);
    }
    for (; at < end; at++) hash = hashNext(hash, units[at] as number);
    this.set.add(units, start, end, hash);
  }

  *finish(): Generator<void, Kept> {
    yield* this.set.finish();
    this.#beginnings = this.cover.prefixes();
    return this;
  }

  abstract count(value: Scalar): number;
}

/** Texts that a value equals. */
export class Texts extends Marked {
  count(value: Scalar): number {
    if (typeof value !== 'string' || !this.lengths.has(value.length)) return 0;
    let hash = hashStart;
    let at = 0;
    for (let mark = 0; mark < MARKED.length; mark++) {
      const length = MARKED[mark] as number;
      if (length >= value.length) break;
      for (; at < length; at++) hash = hashNext(hash, value.charCodeAt(at));
      if (!this.marks.has(hash)) return 0;
    }
    for (; at < value.length; at++) hash = hashNext(hash, value.charCodeAt(at));
    return this.set.has(value, 0, value.length, hash) ? 1 : 0;
  }
}

/** Texts that a value begins with. */
export class Beginnings extends Marked {
  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const most = Math.min(value.length, this.lengths.longest);
    let found = 0;
    let hash = hashStart;
    let mark = 0;
    for (let length = 1; length <= most; length++) {
      hash = hashNext(hash, value.charCodeAt(length - 1));
      if (this.lengths.has(length) && this.set.has(value, 0, length, hash)) found++;
      if (length !== MARKED[mark]) continue;
      if (!this.marks.has(hash)) break;
      mark++;
    }
    return found;
  }
}

const SLASH = 47;

/** Paths that a value is or lies below. Those with wildcards are apart. */
export class Paths extends Marked {
  readonly #wild: string[] = [];
  #wildTest: ((path: string) => boolean) | undefined;
  #isAll = false;

  override get size(): number {
    return super.size + this.#wild.length + Number(this.#isAll);
  }

  override get beginnings(): readonly string[] | undefined {
    return this.#isAll ? undefined : super.beginnings?.map((beginning) => `/${beginning}`);
  }

  override add(item: FoundItem): void {
    const { units } = item;
    let { start, end } = item;
    while (start < end && units[start] === SLASH) start++;
    while (end > start && units[end - 1] === SLASH) end--;
    if (start === end) this.#isAll = true;
    else if (isSimple(units, start, end)) this.addUnits(units, start, end);
    else {
      const path = componentsOf(item.text);
      if (hasWildcard(path)) this.#addWild(path);
      else this.addUnits(unitsOf(path), 0, path.length);
    }
  }

  override *finish(): Generator<void, Kept> {
    if (this.#wild.length > 0) this.#wildTest = prefixTest(this.#wild);
    return yield* super.finish();
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    return this.#isAll || this.#leadsTo(value) || this.#wildTest?.(value) === true ? 1 : 0;
  }

  #addWild(path: string): void {
    this.#wild.push(path);
    const fixed = Buffer.from(path.replace(/[*?[\\].*$/s, ''));
    this.cover.add(fixed, 0, fixed.length);
  }

  #leadsTo(value: string): boolean {
    let from = 0;
    let to = value.length;
    while (value.charCodeAt(from) === SLASH) from++;
    while (to > from && value.charCodeAt(to - 1) === SLASH) to--;
    let hash = hashStart;
    let mark = 0;
    for (let at = from; at < to; ) {
      hash = hashNext(hash, value.charCodeAt(at++));
      const isEnd = at === to || value.charCodeAt(at) === SLASH;
      if (isEnd && this.lengths.has(at - from) && this.set.has(value, from, at, hash)) return true;
      if (isEnd && at < to && value.charCodeAt(at + 1) === SLASH) return this.#leadsTo(componentsOf(value));
      if (at - from !== MARKED[mark]) continue;
      if (!this.marks.has(hash)) return false;
      mark++;
    }
    return false;
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

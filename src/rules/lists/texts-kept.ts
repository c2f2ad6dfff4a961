/** Items that are texts: as they are, as beginnings of texts, as path prefixes of `pmatch`. */

import type { Scalar } from '../../events/field.ts';
import type { PathSet } from '../../events/necessary.ts';
import { hasWildcard } from '../values/glob.ts';
import { prefixTest } from '../values/pmatch.ts';
import { hashNext, hashOn, hashStart, hashWord } from '../values/text-hash.ts';
import { Cover } from './cover.ts';
import { fold, foldUnit } from './folded.ts';
import { HashMarks } from './hash-marks.ts';
import type { Expected, Keeper, Kept } from './items-kept.ts';
import { type FoundItem, textOf, type Units, unitsOf } from './items-scan.ts';
import { PackedSet } from './packed-set.ts';

/** How texts end: their lengths, the long ones together, and the last unit of those of each length. */
class Endings {
  readonly #known = new Int32Array(LENGTHS * 4);
  longest = 0;

  add(length: number, last: number): void {
    const at = placeOf(length, last);
    this.#known[at] = (this.#known[at] as number) | (1 << (last & 31));
    if (length > this.longest) this.longest = length;
  }

  has(length: number, last: number): boolean {
    return (((this.#known[placeOf(length, last)] as number) >>> (last & 31)) & 1) !== 0;
  }
}

const LENGTHS = 128;

/** Of the four words of a length: of units that are alike in their lowest 7 bits. */
function placeOf(length: number, last: number): number {
  return Math.min(length, LENGTHS - 1) * 4 + ((last >>> 5) & 3);
}

/** What decoding makes of bytes that are not UTF-8. */
const UNDECODED = '\ufffd';

/** Items, and what all of them begin with. */
abstract class Items implements Keeper, Kept, PathSet {
  protected readonly set: PackedSet;
  protected readonly marks: HashMarks;
  protected readonly endings = new Endings();
  #cover: Cover | undefined;
  #beginnings: readonly string[] | undefined;
  /** Some item may be the text of other bytes than its own. */
  #isUndecoded = false;

  /**
   * @param marks for each item, about
   * @param cover what tells what they begin with
   */
  constructor(expected: Expected, marks: number, cover: Cover | undefined) {
    this.#cover = cover;
    this.set = new PackedSet(expected);
    this.marks = new HashMarks(expected.items * marks);
  }

  get size(): number {
    return this.set.size;
  }

  get beginnings(): readonly string[] | undefined {
    return this.#beginnings;
  }

  get paths(): PathSet | undefined {
    return this.#isUndecoded ? undefined : this;
  }

  prepare(): Generator<void, void> {
    return this.set.prepare();
  }

  add({ units, start, end }: FoundItem): void {
    this.addUnits(units, start, end);
  }

  protected addUnits(units: Units, start: number, end: number): void {
    this.cover(units, start, end);
    this.set.add(units, start, end);
    if (units instanceof Uint8Array) this.#mark(units, start, end);
    else this.#markText(textOf(units, start, end));
  }

  /** What is asked for by its bytes is found as well. */
  #markText(text: string): void {
    if (text.includes(UNDECODED)) this.#isUndecoded = true;
    const bytes = Buffer.from(text);
    this.#mark(bytes, 0, bytes.length);
    this.#mark(fold(text, 0, text.length), 0, text.length);
  }

  #mark(bytes: Uint8Array, start: number, end: number): void {
    this.endings.add(end - start, bytes[end - 1] as number);
    this.mark(bytes, start, end);
  }

  protected cover(units: Units, start: number, end: number): void {
    this.#cover?.add(units, start, end);
  }

  /** Marks an item, so that most of what is asked for is let go early. */
  protected abstract mark(bytes: Uint8Array, start: number, end: number): void;

  *finish(): Generator<void, Kept> {
    yield* this.set.finish();
    this.#beginnings = this.#cover?.prefixes();
    // Its tables are large.
    this.#cover = undefined;
    return this;
  }

  abstract count(value: Scalar): number;
  abstract mayHave(bytes: Uint8Array, start: number, end: number): boolean;
}

/** Of texts that are longer so many units are looked at before all of them are. */
const SHORT = 16;
const SAMPLE_BITS = 3;
const SAMPLE = 1 << SAMPLE_BITS;

/** Texts that a value equals. A few units of each are marked, from the whole of it: most texts differ in some of them. */
export class Texts extends Items {
  /** @param arePaths whether what they begin with is of use: the kernel asks it of paths */
  constructor(expected: Expected, arePaths: boolean) {
    super(expected, 1, arePaths ? new Cover() : undefined);
  }

  protected mark(bytes: Uint8Array, start: number, end: number): void {
    this.marks.add(sampleOf(bytes, start, end));
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const { length } = value;
    if (!this.endings.has(length, foldUnit(value.charCodeAt(length - 1)))) return 0;
    return this.marks.has(sampleOfText(value)) && this.set.has(value, 0, length) ? 1 : 0;
  }

  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    const isEnding = this.endings.has(end - start, bytes[end - 1] as number);
    return isEnding && this.marks.has(sampleOf(bytes, start, end)) && this.set.mayHave(bytes, start, end);
  }
}

function sampleOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length <= SHORT) return hashOn(hashStart, bytes, start, end);
  let sample = hashWord(hashStart, length);
  for (let n = 1; n <= SAMPLE; n += 4) {
    const word =
      (bytes[start + sampleAt(n, length)] as number) |
      ((bytes[start + sampleAt(n + 1, length)] as number) << 8) |
      ((bytes[start + sampleAt(n + 2, length)] as number) << 16) |
      ((bytes[start + sampleAt(n + 3, length)] as number) << 24);
    sample = hashWord(sample, word);
  }
  return sample;
}

function sampleOfText(text: string): number {
  const { length } = text;
  if (length <= SHORT) return hashOn(hashStart, fold(text, 0, length), 0, length);
  let sample = hashWord(hashStart, length);
  for (let n = 1; n <= SAMPLE; n += 4) {
    const word =
      foldUnit(text.charCodeAt(sampleAt(n, length))) |
      (foldUnit(text.charCodeAt(sampleAt(n + 1, length))) << 8) |
      (foldUnit(text.charCodeAt(sampleAt(n + 2, length))) << 16) |
      (foldUnit(text.charCodeAt(sampleAt(n + 3, length))) << 24);
    sample = hashWord(sample, word);
  }
  return sample;
}

/** Where the nth unit is that is looked at of a long text, from 1; the last of them is the text's last. */
function sampleAt(n: number, length: number): number {
  return ((n * length) >>> SAMPLE_BITS) - 1;
}

/**
 * At these lengths it is known whether any item begins so: few values begin like one, and the rest are let go early. No
 * text has the last of them.
 */
const MARKED = [4, 8, 12, 16, 20, 24, 32, 48, 2 ** 30 - 1] as const;
/** Marks that an item has, about: many begin alike. */
const MARKS = 2;

/** Texts that a value begins with. Their hashes are marked, and those of what they begin with. */
export class Beginnings extends Items {
  constructor(expected: Expected) {
    super(expected, MARKS, new Cover());
  }

  protected mark(bytes: Uint8Array, start: number, end: number): void {
    let hash = hashStart;
    let at = start;
    for (const length of MARKED) {
      // An item that ends here is marked itself.
      if (start + length >= end) break;
      for (; at < start + length; at++) hash = hashNext(hash, bytes[at] as number);
      this.marks.add(hash);
    }
    for (; at < end; at++) hash = hashNext(hash, bytes[at] as number);
    this.marks.add(hash);
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const most = Math.min(value.length, this.endings.longest);
    let found = 0;
    let hash = hashStart;
    let mark = 0;
    for (let length = 1; length <= most; length++) {
      const unit = foldUnit(value.charCodeAt(length - 1));
      hash = hashNext(hash, unit);
      if (this.endings.has(length, unit) && this.marks.has(hash) && this.set.has(value, 0, length)) found++;
      if (length !== MARKED[mark]) continue;
      if (!this.marks.has(hash)) break;
      mark++;
    }
    return found;
  }

  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    let hash = hashStart;
    let mark = 0;
    for (let at = start; at < end; ) {
      const unit = bytes[at++] as number;
      hash = hashNext(hash, unit);
      const length = at - start;
      if (this.endings.has(length, unit) && this.marks.has(hash) && this.set.mayHave(bytes, start, at)) return true;
      if (length !== MARKED[mark]) continue;
      if (!this.marks.has(hash)) return false;
      mark++;
    }
    return false;
  }
}

const SLASH = 47;

/**
 * Paths that a value is or lies below. The folders that they lie in are marked as such, beside what would tell of them as
 * items, and the paths up to the middle of their last names apart: where many are alike what tells of these stays near, and
 * where they are not it tells as much as the whole. Those with wildcards are apart, too.
 */
export class Paths extends Items {
  readonly #wild: string[] = [];
  #wildTest: ((path: string) => boolean) | undefined;
  #isAll = false;
  readonly #halves: HashMarks;

  constructor(expected: Expected) {
    super(expected, 1, new Cover());
    this.#halves = new HashMarks(expected.items);
  }

  override get size(): number {
    return super.size + this.#wild.length + Number(this.#isAll);
  }

  override get beginnings(): readonly string[] | undefined {
    return this.#isAll ? undefined : super.beginnings?.map((beginning) => `/${beginning}`);
  }

  override get paths(): PathSet | undefined {
    return this.#isAll || this.#wild.length > 0 ? undefined : super.paths;
  }

  protected mark(bytes: Uint8Array, start: number, end: number): void {
    const name = startOfName(bytes, start, end);
    let hash = hashStart;
    for (let at = start; at < name; ) {
      const to = endOfName(bytes, at, name);
      hash = hashOn(hash, bytes, at, to);
      this.marks.addFolder(hash);
      hash = hashNext(hash, SLASH);
      at = to + 1;
    }
    const half = (name + end) >>> 1;
    hash = hashOn(hash, bytes, name, half);
    this.#halves.add(hashWord(hash, end - start));
    this.marks.add(hashOn(hash, bytes, half, end));
  }

  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#find(bytes, bytes[start] === SLASH ? start + 1 : start, end, undefined, 0);
  }

  /** Whether an item is or leads to the bytes, which are those of a text from `from` on; undefined: whether it may be. */
  #find(bytes: Uint8Array, start: number, end: number, text: string | undefined, from: number): boolean {
    const isItem = (to: number) =>
      text === undefined ? this.set.mayHave(bytes, start, to) : this.set.has(text, from, from + to - start);
    const name = startOfName(bytes, start, end);
    // Integers from the start (see hashOn).
    let hash = hashStart | 0;
    for (let at = start | 0; at < name; ) {
      const to = endOfName(bytes, at, name);
      hash = hashOn(hash, bytes, at, to);
      if (this.endings.has(to - start, bytes[to - 1] as number) && this.marks.has(hash) && isItem(to)) return true;
      if (!this.marks.hasFolder(hash)) return false;
      hash = hashNext(hash, SLASH);
      at = to + 1;
    }
    if (!this.endings.has(end - start, bytes[end - 1] as number)) return false;
    const half = (name + end) >>> 1;
    hash = hashOn(hash, bytes, name, half);
    if (!this.#halves.has(hashWord(hash, end - start))) return false;
    return this.marks.has(hashOn(hash, bytes, half, end)) && isItem(end);
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
    this.cover(fixed, 0, fixed.length);
  }

  #leadsTo(value: string): boolean {
    let from = 0;
    let to = value.length;
    while (value.charCodeAt(from) === SLASH) from++;
    while (to > from && value.charCodeAt(to - 1) === SLASH) to--;
    // Where the longest item may end shows in what follows.
    to = Math.min(to, from + this.endings.longest + 1);
    const bytes = fold(value, from, to);
    for (let at = 1; at < to - from; at++)
      if (bytes[at] === SLASH && bytes[at - 1] === SLASH) return this.#leadsTo(componentsOf(value));
    return this.#find(bytes, 0, to - from, value, from);
  }
}

/** Where the last name of a path begins. */
function startOfName(bytes: Uint8Array, start: number, end: number): number {
  let from = end | 0;
  while (from > start && bytes[from - 1] !== SLASH) from--;
  return from;
}

/** Where a name in a path ends that begins at `at`. */
function endOfName(bytes: Uint8Array, at: number, end: number): number {
  let to = at | 0;
  while (to < end && bytes[to] !== SLASH) to++;
  return to;
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

/** Items that are texts: as they are, as beginnings of texts, as path prefixes of `pmatch`. */

import type { Scalar } from '../events/field.ts';
import type { PathSet } from '../events/necessary.ts';
import { Cover } from './cover.ts';
import { hasWildcard } from './glob.ts';
import { HashMarks } from './hash-marks.ts';
import type { Expected, Keeper, Kept } from './items-kept.ts';
import { type FoundItem, textOf, type Units, unitsOf } from './items-scan.ts';
import { PackedSet } from './packed-set.ts';
import { prefixTest } from './pmatch.ts';
import { hashNext, hashStart } from './text-hash.ts';

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
    this.endings.add(end - start, units[end - 1] as number);
    this.cover(units, start, end);
    this.set.add(units, start, end, this.mark(units, start, end));
    if (!(units instanceof Uint8Array)) this.#markBytes(textOf(units, start, end));
  }

  /** What is asked for by its bytes is found as well. */
  #markBytes(text: string): void {
    if (text.includes(UNDECODED)) this.#isUndecoded = true;
    const bytes = Buffer.from(text);
    this.endings.add(bytes.length, bytes.at(-1) as number);
    this.mark(bytes, 0, bytes.length);
  }

  protected cover(units: Units, start: number, end: number): void {
    this.#cover?.add(units, start, end);
  }

  /** Marks an item, so that most of what is asked for is let go early; returns its hash. */
  protected abstract mark(units: Units, start: number, end: number): number;

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
const SAMPLE = 8;

/** Texts that a value equals. A few units of each are marked, from the whole of it: most texts differ in some of them. */
export class Texts extends Items {
  /** @param arePaths whether what they begin with is of use: the kernel asks it of paths */
  constructor(expected: Expected, arePaths: boolean) {
    super(expected, 1, arePaths ? new Cover() : undefined);
  }

  protected mark(units: Units, start: number, end: number): number {
    this.marks.add(sampleOf(units, start, end));
    let hash = hashStart;
    for (let at = start; at < end; at++) hash = hashNext(hash, units[at] as number);
    return hash;
  }

  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const { length } = value;
    if (!this.endings.has(length, value.charCodeAt(length - 1))) return 0;
    const count = length > SHORT ? SAMPLE : length;
    let sample = hashNext(hashStart, length);
    for (let n = 1; n <= count; n++) sample = hashNext(sample, value.charCodeAt(sampleAt(n, length)));
    if (!this.marks.has(sample)) return 0;
    let hash = hashStart;
    for (let at = 0; at < length; at++) hash = hashNext(hash, value.charCodeAt(at));
    return this.set.has(value, 0, length, hash) ? 1 : 0;
  }

  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    const isEnding = this.endings.has(end - start, bytes[end - 1] as number);
    return isEnding && this.marks.has(sampleOf(bytes, start, end));
  }
}

function sampleOf(units: Units, start: number, end: number): number {
  const length = end - start;
  const count = length > SHORT ? SAMPLE : length;
  let sample = hashNext(hashStart, length);
  for (let n = 1; n <= count; n++) sample = hashNext(sample, units[start + sampleAt(n, length)] as number);
  return sample;
}

/** Where the nth unit is that is looked at, from 1; the last of them is the text's last. */
function sampleAt(n: number, length: number): number {
  return length > SHORT ? (((n * length) / SAMPLE) | 0) - 1 : n - 1;
}

/**
 * At these lengths it is known whether any item begins so: few values begin like one, and the rest are let go early. No
 * text has the last of them.
 */
const MARKED = [4, 8, 12, 16, 20, 24, 32, 48, 2 ** 30 - 1] as const;
/** Marks that an item has, about: many begin alike. */
const MARKS = 2;

/** Items whose hashes are marked, and those of what they begin with. */
abstract class Marked extends Items {
  constructor(expected: Expected) {
    super(expected, MARKS, new Cover());
  }

  protected mark(units: Units, start: number, end: number): number {
    let hash = hashStart;
    let at = start;
    for (const length of MARKED) {
      // An item that ends here is marked itself.
      if (start + length >= end) break;
      for (; at < start + length; at++) hash = hashNext(hash, units[at] as number);
      this.marks.add(hash);
    }
    for (; at < end; at++) hash = hashNext(hash, units[at] as number);
    this.marks.add(hash);
    return hash;
  }

  /** Whether what stands in a text from `from` to `to` is an item; `hash` is made of it. */
  protected isItem(text: string, from: number, to: number, hash: number): boolean {
    return this.marks.has(hash) && this.set.has(text, from, to, hash);
  }

  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    let hash = hashStart;
    let mark = 0;
    for (let at = start; at < end; ) {
      const unit = bytes[at++] as number;
      hash = hashNext(hash, unit);
      const length = at - start;
      const isWhole = this.mayEnd(bytes, at, end) && this.endings.has(length, unit);
      if (isWhole && this.marks.has(hash)) return true;
      if (length !== MARKED[mark]) continue;
      if (!this.marks.has(hash)) return false;
      mark++;
    }
    return false;
  }

  /** Whether an item may end there in a path. */
  protected mayEnd(_bytes: Uint8Array, _at: number, _end: number): boolean {
    return true;
  }
}

/** Texts that a value begins with. */
export class Beginnings extends Marked {
  count(value: Scalar): number {
    if (typeof value !== 'string') return 0;
    const most = Math.min(value.length, this.endings.longest);
    let found = 0;
    let hash = hashStart;
    let mark = 0;
    for (let length = 1; length <= most; length++) {
      const unit = value.charCodeAt(length - 1);
      hash = hashNext(hash, unit);
      if (this.endings.has(length, unit) && this.isItem(value, 0, length, hash)) found++;
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

  override get paths(): PathSet | undefined {
    return this.#isAll || this.#wild.length > 0 ? undefined : super.paths;
  }

  override mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    return super.mayHave(bytes, bytes[start] === SLASH ? start + 1 : start, end);
  }

  protected override mayEnd(bytes: Uint8Array, at: number, end: number): boolean {
    return at === end || bytes[at] === SLASH;
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
    let hash = hashStart;
    let mark = 0;
    for (let at = from; at < to; ) {
      const unit = value.charCodeAt(at++);
      hash = hashNext(hash, unit);
      const isEnd = at === to || value.charCodeAt(at) === SLASH;
      if (isEnd && this.endings.has(at - from, unit) && this.isItem(value, from, at, hash)) return true;
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

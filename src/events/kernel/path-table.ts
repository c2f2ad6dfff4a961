/**
 * Conditions by what they look for in a path, found from its bytes: how it begins, its last name, a name that begins with
 * a dot. More may be found than there are, never fewer.
 */

import { PATH } from '../../../native/record-index.ts';
import type { PathProperty, PathSet } from '../necessary.ts';

const SLASH = 0x2f;

const DEAD = 0;
const START = 1;
/** Prefixes that would need more states than these are cut short, and found in more paths. */
const MOST_STATES = 2048;
const NAME_BITS = 12;

export class PathTable {
  /** Whether nothing is looked for. */
  readonly isEmpty: boolean;
  /** The column of a byte; 0 of those that are in no prefix. */
  readonly #columns = new Uint8Array(256);
  readonly #width: number;
  /** The state that a byte leads to from another one. */
  readonly #next: Uint16Array;
  /** The conditions whose prefix ends in a state. */
  readonly #prefixed: Int32Array;
  /** The conditions that want a last name with that hash; empty when none wants a name. */
  readonly #named: Int32Array = new Int32Array(0);
  #hidden = 0;
  /** Sets of paths with the conditions that look for them, and how paths in them begin. */
  readonly #sets: readonly (readonly [set: PathSet, bits: number])[] = [];
  readonly #inSets: PathTable | undefined;

  /** `bits`: the conditions that look for a property. */
  constructor(wanted: readonly (readonly [property: PathProperty, bits: number])[]) {
    this.isEmpty = wanted.length === 0;
    const prefixes: (readonly [prefix: Uint8Array, bits: number])[] = [];
    const named: typeof prefixes = [];
    const inSets = wanted.filter(([{ among }]) => among !== undefined);
    if (inSets.length > 0) {
      this.#sets = setsOf(inSets);
      this.#inSets = new PathTable(inSets.map(([{ among: _, ...property }, bits]) => [property, bits]));
    }
    for (const [{ kind, value, among }, bits] of wanted) {
      if (among !== undefined) continue;
      const bytes = Buffer.from(value);
      if (kind === 'hidden') this.#hidden |= bits;
      else if (kind === 'prefix') prefixes.push([bytes, bits]);
      // A dot is no last name of a path in its shortest form.
      else if (value !== '.') named.push([bytes, bits]);
    }
    if (named.length > 0) this.#named = new Int32Array(1 << NAME_BITS);
    for (const [name, bits] of named) this.#named[hashOf(name, 0, name.length)]! |= bits;
    let width = 1;
    let size = START + 1;
    for (const [prefix] of prefixes) {
      size += prefix.length;
      for (const byte of prefix) this.#columns[byte] ||= width++;
    }
    size = Math.min(size, MOST_STATES);
    this.#width = width;
    this.#next = new Uint16Array(size * width);
    this.#prefixed = new Int32Array(size);
    let states = START + 1;
    for (const [prefix, bits] of prefixes) {
      let state = START;
      for (const byte of prefix) {
        const at = state * width + (this.#columns[byte] as number);
        if (this.#next[at] === DEAD) {
          if (states === size) break;
          this.#next[at] = states++;
        }
        state = this.#next[at] as number;
      }
      this.#prefixed[state]! |= bits;
    }
  }

  /**
   * The conditions that a path may satisfy: the bytes from `start` to `end`, of which the index says `path`, below the
   * directory from `baseStart` to `baseEnd` where that is not empty.
   */
  find(bytes: Uint8Array, path: number, start: number, end: number, baseStart = 0, baseEnd = 0): number {
    const name = start + (path >>> PATH.nameShift);
    let found = this.#named.length === 0 ? 0 : (this.#named[hashOf(bytes, name, end)] as number);
    if ((path & PATH.hidden) !== 0) found |= this.#hidden;
    const next = this.#next;
    const columns = this.#columns;
    const width = this.#width;
    const prefixed = this.#prefixed;
    let state = START;
    found |= prefixed[START] as number;
    if (this.#inSets !== undefined) {
      const begins = this.#inSets.find(bytes, path, start, end, baseStart, baseEnd);
      // Of what is joined no more is asked.
      found |= begins === 0 || baseStart < baseEnd ? begins : begins & this.#findInSets(bytes, start, end);
    }
    if (baseStart < baseEnd) {
      for (let at = baseStart; at < baseEnd && state !== DEAD; at++) {
        state = next[state * width + (columns[bytes[at] as number] as number)] as number;
        found |= prefixed[state] as number;
      }
      if (bytes[baseEnd - 1] !== SLASH) state = next[state * width + (columns[SLASH] as number)] as number;
      found |= prefixed[state] as number;
    }
    for (let at = start; at < end && state !== DEAD; at++) {
      state = next[state * width + (columns[bytes[at] as number] as number)] as number;
      found |= prefixed[state] as number;
    }
    return found;
  }

  #findInSets(bytes: Uint8Array, start: number, end: number): number {
    let found = 0;
    for (const [set, bits] of this.#sets) if (set.mayHave(bytes, start, end)) found |= bits;
    return found;
  }
}

/** The sets of some properties, each once. */
function setsOf(
  wanted: readonly (readonly [property: PathProperty, bits: number])[],
): readonly (readonly [set: PathSet, bits: number])[] {
  const bySet = Map.groupBy(wanted, ([{ among }]) => among as PathSet);
  return [...bySet].map(([set, own]) => [set, own.reduce((all, [, bits]) => all | bits, 0)]);
}

/** Of a name's length and its ends: few names that are looked for share it with others. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  const ends = end > start ? ((bytes[start] as number) << 8) | (bytes[end - 1] as number) : 0;
  return Math.imul(ends ^ ((end - start) << 16), 0x9e3779b1) >>> (32 - NAME_BITS);
}

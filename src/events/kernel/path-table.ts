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
const MOST_STATES = 4096;
const NAME_BITS = 12;
/** Beside the bits of conditions, of which there are fewer: some path of a set begins so. */
const IN_SET = 1 << 30;

export class PathTable {
  /** Whether nothing is looked for. */
  readonly isEmpty: boolean;
  /** The column of a byte; 0 of those that are in no prefix. */
  readonly #columns = new Uint8Array(256);
  readonly #width: number;
  /** The state that a byte leads to from another one. */
  readonly #next: Uint16Array;
  /** The conditions whose prefix ends in a state, and whether one does with which paths of a set begin. */
  readonly #prefixed: Int32Array;
  /** The conditions that look for such a path in a set; empty when none does. */
  readonly #among: Int32Array;
  /** The conditions that want a last name with that hash; empty when none wants a name. */
  readonly #named: Int32Array = new Int32Array(0);
  #hidden = 0;
  /** Sets of paths with the conditions that look for them. */
  readonly #sets: readonly (readonly [set: PathSet, bits: number])[];

  /** `bits`: the conditions that look for a property. */
  constructor(wanted: readonly (readonly [property: PathProperty, bits: number])[]) {
    this.isEmpty = wanted.length === 0;
    const prefixes: (readonly [prefix: Uint8Array, bits: number])[] = [];
    const inSets: typeof prefixes = [];
    const named: typeof prefixes = [];
    for (const [{ kind, value, among }, bits] of wanted) {
      const bytes = Buffer.from(value);
      if (kind === 'hidden') this.#hidden |= bits;
      else if (kind === 'prefix') (among === undefined ? prefixes : inSets).push([bytes, bits]);
      // A dot is no last name of a path in its shortest form.
      else if (value !== '.') named.push([bytes, bits]);
    }
    this.#sets = setsOf(wanted);
    if (named.length > 0) this.#named = new Int32Array(1 << NAME_BITS);
    for (const [name, bits] of named) this.#named[hashOf(name, 0, name.length)]! |= bits;
    let width = 1;
    let size = START + 1;
    for (const [prefix] of [...prefixes, ...inSets]) {
      size += prefix.length;
      for (const byte of prefix) this.#columns[byte] ||= width++;
    }
    size = Math.min(size, MOST_STATES);
    this.#width = width;
    this.#next = new Uint16Array(size * width);
    this.#prefixed = new Int32Array(size);
    this.#among = new Int32Array(inSets.length > 0 ? size : 0);
    let states = START + 1;
    const stateOf = (prefix: Uint8Array) => {
      let state = START;
      for (const byte of prefix) {
        const at = state * width + (this.#columns[byte] as number);
        if (this.#next[at] === DEAD) {
          if (states === size) break;
          this.#next[at] = states++;
        }
        state = this.#next[at] as number;
      }
      return state;
    };
    for (const [prefix, bits] of prefixes) this.#prefixed[stateOf(prefix)]! |= bits;
    for (const [prefix, bits] of inSets) {
      const state = stateOf(prefix);
      this.#prefixed[state]! |= IN_SET;
      this.#among[state]! |= bits;
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
    found |= this.#beginsWith(this.#prefixed, bytes, start, end, baseStart, baseEnd);
    if ((found & IN_SET) === 0) return found;
    // Of what is joined no more is asked than how it begins.
    found &= ~IN_SET;
    if (baseStart < baseEnd) return found | this.#beginsWith(this.#among, bytes, start, end, baseStart, baseEnd);
    for (const [set, bits] of this.#sets) if (set.mayHave(bytes, start, end)) found |= bits;
    return found;
  }

  /** What there is `of` the states that a path goes through, all together. */
  #beginsWith(
    of: Int32Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    baseStart: number,
    baseEnd: number,
  ): number {
    const next = this.#next;
    const columns = this.#columns;
    const width = this.#width;
    let state = START;
    let found = of[START] as number;
    if (baseStart < baseEnd) {
      for (let at = baseStart; at < baseEnd && state !== DEAD; at++) {
        state = next[state * width + (columns[bytes[at] as number] as number)] as number;
        found |= of[state] as number;
      }
      if (bytes[baseEnd - 1] !== SLASH) state = next[state * width + (columns[SLASH] as number)] as number;
      found |= of[state] as number;
    }
    for (let at = start; at < end && state !== DEAD; at++) {
      state = next[state * width + (columns[bytes[at] as number] as number)] as number;
      found |= of[state] as number;
    }
    return found;
  }
}

/** The sets of some properties, each once. */
function setsOf(
  wanted: readonly (readonly [property: PathProperty, bits: number])[],
): readonly (readonly [set: PathSet, bits: number])[] {
  const bySet = new Map<PathSet, number>();
  for (const [{ among }, bits] of wanted) if (among !== undefined) bySet.set(among, (bySet.get(among) ?? 0) | bits);
  return [...bySet];
}

/** Of a name's length and its ends: few names that are looked for share it with others. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  const ends = end > start ? ((bytes[start] as number) << 8) | (bytes[end - 1] as number) : 0;
  return Math.imul(ends ^ ((end - start) << 16), 0x9e3779b1) >>> (32 - NAME_BITS);
}

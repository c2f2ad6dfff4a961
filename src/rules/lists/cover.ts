/** What many texts begin with, told in few words: prefixes one of which each of them has. */

import type { Units } from './items-scan.ts';

const MOST_STATES = 4096;
/** The kernel's table has a thousand, for all rules. */
const MOST_PREFIXES = 256;
/** Where texts go on in more ways than these a prefix ends, unless that is in the first name of a path. */
const MOST_WAYS = 8;
const SLASH = 47;
const ASCII = 128;
/** Where the root of the tree is. */
const ROOT = 1;

export class Cover {
  /** The state that a unit leads to from another one; 0: none. */
  #next = new Uint16Array((MOST_STATES + ROOT) * ASCII);
  #ways = new Uint8Array(MOST_STATES + ROOT);
  /** A prefix ends here: what goes on does not matter. */
  #ends = new Uint8Array(MOST_STATES + ROOT);
  #states = ROOT;
  #mostWays = MOST_WAYS;
  /** No prefix is longer. */
  #longest = MOST_STATES;

  add(units: Units, start: number, end: number): void {
    this.#put(units, start, end);
    if (this.#states === MOST_STATES) this.#makeRoom();
  }

  /** The prefixes; undefined when nothing is known: some text is empty, or they begin in too many ways. */
  prefixes(): readonly string[] | undefined {
    for (;;) {
      if (this.#ends[ROOT] === 1) return undefined;
      const prefixes = this.#below(ROOT, '');
      if (prefixes.length <= MOST_PREFIXES) return prefixes;
      this.#narrow(prefixes);
    }
  }

  #put(units: Units, start: number, end: number): void {
    const to = Math.min(end, start + this.#longest);
    let state = ROOT;
    // Folders at the root are named after much of the alphabet, and what is below one of them says nothing of the others.
    let most = ASCII;
    for (let at = start; at < to && this.#ends[state] === 0; at++) {
      const unit = units[at] as number;
      const next = unit < ASCII ? (this.#next[state * ASCII + unit] as number) || this.#branch(state, unit, most) : 0;
      if (next === 0) break;
      state = next;
      if (unit === SLASH && at > start) most = this.#mostWays;
    }
    this.#ends[state] = 1;
  }

  /** 0 where there are too many. */
  #branch(state: number, unit: number, most: number): number {
    if (this.#ways[state] === most || this.#states === MOST_STATES) return 0;
    this.#ways[state] = (this.#ways[state] as number) + 1;
    return (this.#next[state * ASCII + unit] = ++this.#states);
  }

  #below(state: number, prefix: string): readonly string[] {
    if (this.#ends[state] === 1) return [prefix];
    const found: string[] = [];
    for (let unit = 0; unit < ASCII; unit++) {
      const next = this.#next[state * ASCII + unit] as number;
      if (next !== 0) found.push(...this.#below(next, prefix + String.fromCharCode(unit)));
    }
    return found;
  }

  /** What goes on behind the end of a prefix is let go; where that is not much, more prefixes end. */
  #makeRoom(): void {
    for (;;) {
      const prefixes = this.#below(ROOT, '');
      this.#remake(prefixes);
      if (this.#states <= MOST_STATES / 2) return;
      this.#narrow(prefixes);
    }
  }

  /** Prefixes end where texts go on in fewer ways, and at last sooner than the longest do. */
  #narrow(prefixes: readonly string[]): void {
    if (this.#mostWays > 1) this.#mostWays /= 2;
    else this.#longest = Math.floor(Math.max(...prefixes.map(({ length }) => length)) * 0.75);
    this.#remake(prefixes);
  }

  #remake(prefixes: readonly string[]): void {
    this.#next.fill(0);
    this.#ways.fill(0);
    this.#ends.fill(0);
    this.#states = ROOT;
    for (const prefix of prefixes) this.#put(Buffer.from(prefix), 0, prefix.length);
  }
}

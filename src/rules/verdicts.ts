/**
 * Verdicts that are kept: which conditions a part of an event (a path, a process) leaves possible, so that only those are
 * judged (see Facet in events/field.ts). Nothing here goes out of date: a part that changes has another slot.
 */

import type { Event, Facet } from '../events/field.ts';
import type { Matcher } from './generate.ts';

/** Some conditions of many: pairs of the number of a group and the bits of its conditions, groups in order, none empty. */
export type Some = readonly number[];

const NONE: Some = [];

/** One function for each group; undefined where the part says nothing about the conditions of the group. */
export interface Group<E extends Event> {
  readonly all: number;
  readonly match: Matcher<E> | undefined;
}

/** What is kept in a slot; several sets of conditions may keep something in one. */
interface Kept {
  readonly owner: unknown;
  readonly some: Some;
  readonly next: Kept | undefined;
}

/** More sets than these take turns. */
const MOST_OWNERS = 6;

export class Verdicts<E extends Event> {
  readonly #facet: Facet<E>;
  readonly #groups: readonly Group<E>[];

  constructor(facet: Facet<E>, groups: readonly Group<E>[]) {
    this.#facet = facet;
    this.#groups = groups;
  }

  /** The conditions that the event's part leaves possible. */
  of(event: E): Some {
    const slot = this.#facet.slot(event);
    if (slot === undefined) return this.#judge(event);
    const first = slot.kept as Kept | undefined;
    for (let kept = first; kept !== undefined; kept = kept.next) if (kept.owner === this) return kept.some;
    const some = this.#judge(event);
    slot.kept = { owner: this, some, next: upTo(first, MOST_OWNERS - 1) };
    return some;
  }

  #judge(event: E): Some {
    let some: number[] | undefined;
    for (let number = 0; number < this.#groups.length; number++) {
      const { all, match } = this.#groups[number] as Group<E>;
      const bits = match === undefined ? all : match(event, all);
      if (bits !== 0) (some ??= []).push(number, bits);
    }
    return some ?? NONE;
  }
}

function upTo(kept: Kept | undefined, most: number): Kept | undefined {
  if (kept === undefined || most === 0) return undefined;
  const { owner, some, next } = kept;
  return { owner, some, next: upTo(next, most - 1) };
}

/** The conditions that are in both. */
export function both(a: Some, b: Some): Some {
  const found: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const left = a[i] as number;
    const right = b[j] as number;
    if (left === right) {
      const bits = (a[i + 1] as number) & (b[j + 1] as number);
      if (bits !== 0) found.push(left, bits);
    }
    if (left <= right) i += 2;
    if (right <= left) j += 2;
  }
  return found;
}

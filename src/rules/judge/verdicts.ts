/**
 * Verdicts that are kept: which conditions a part of an event (a path, a process) leaves possible, so that only those are
 * judged (see Facet in events/field.ts). Nothing here goes out of date: a part that changes has another slot.
 */

import type { Event, Facet } from '../../events/field.ts';

/** What is kept in a slot; several sets of conditions may keep something in one. */
interface Kept {
  readonly owner: unknown;
  readonly verdict: unknown;
  readonly next: Kept | undefined;
}

/** More sets than these take turns. */
const MOST_OWNERS = 8;

export class Verdicts<E extends Event, Verdict> {
  readonly #facet: Facet<E>;
  readonly #judge: (event: E) => Verdict;

  /** `judge` looks at nothing but the event's part. */
  constructor(facet: Facet<E>, judge: (event: E) => Verdict) {
    this.#facet = facet;
    this.#judge = judge;
  }

  /** The conditions that the event's part leaves possible. */
  of(event: E): Verdict {
    const slot = this.#facet.slot(event);
    if (slot === undefined) return this.#judge(event);
    const first = slot.kept as Kept | undefined;
    for (let kept = first; kept !== undefined; kept = kept.next)
      if (kept.owner === this) return kept.verdict as Verdict;
    const verdict = this.#judge(event);
    slot.kept = { owner: this, verdict, next: upTo(first, MOST_OWNERS - 1) };
    return verdict;
  }
}

function upTo(kept: Kept | undefined, most: number): Kept | undefined {
  if (kept === undefined || most === 0) return undefined;
  const { owner, verdict, next } = kept;
  return { owner, verdict, next: upTo(next, most - 1) };
}

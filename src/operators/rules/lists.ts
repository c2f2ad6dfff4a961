/** What the lists of planned rules hold that come from elsewhere. */

import type { Prepared } from '../../core/component.ts';
import { counted } from '../../core/counted.ts';
import type { ListFeed } from '../../rules/index.ts';

/** A list that would hold less than it does. */
export interface Shrunk {
  readonly from: ListFeed['from'];
  readonly before: number;
  readonly now: number;
  /** For people. */
  readonly message: string;
}

const feedsOf = ({ state }: Prepared) => (state as { readonly feeds: readonly ListFeed[] }).feeds;

/** The lists that have lost more than half of their items though they come from where they came from. */
export function shrunkLists(prepared: Prepared, before: Prepared): readonly Shrunk[] {
  const old = new Map(feedsOf(before).map((feed) => [feed.name, feed]));
  return feedsOf(prepared).flatMap(({ name, from, tally: { items: now } }) => {
    const had = old.get(name);
    if (had === undefined || had.from.address !== from.address) return [];
    return shrunk(had.tally.items, now)
      ? [{ from, before: had.tally.items, now, message: shrunkText(name, had.tally.items, now, from.location) }]
      : [];
  });
}

export function shrunk(before: number, now: number): boolean {
  return now * 2 < before;
}

export function shrunkText(list: string, before: number, now: number, location: string): string {
  return `the list ${list}: ${before} → ${counted(now, 'item')}, from ${location}`;
}

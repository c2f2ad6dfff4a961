/** What the lists of planned rules hold that come from elsewhere. */

import type { Prepared } from '../../../core/component.ts';
import { counted } from '../../../core/counted.ts';
import type { ItemsFrom, ListFeed, Tally } from '../../../rules/index.ts';

/** What is known of items that a list had. */
export type Had = Pick<Tally, 'items' | 'absolute'>;

/** A list whose items are others now, from the same place. */
export interface Changed {
  readonly feed: ListFeed;
  readonly before: Had;
}

/** A list as it is told in JSON: of the address where it comes from without what may be a secret. */
export interface ToldList {
  readonly list: string;
  readonly from: string;
  readonly items: number;
}

/** Where a list comes from, for the log and `status`: of an address the server, for its path may be a key. */
export function whereabouts({ kind, address, location }: ItemsFrom): string {
  return kind === 'url' ? new URL(address).origin : location;
}

export const toldLists = (feeds: readonly ListFeed[]): readonly ToldList[] =>
  feeds.map(({ name, from, tally }) => ({ list: name, from: from.location, items: tally.items }));

export const listText = ({ list, from, items }: ToldList) =>
  `the list ${list}: ${counted(items, 'item')}, from ${from}`;

/** Of a planned operator `rules`. */
export const feedsOf = ({ state }: Prepared) => (state as { readonly feeds: readonly ListFeed[] }).feeds;

/** The lists that come from where they came from, with what they had. */
export function sameLists(prepared: Prepared, before: Prepared): readonly Changed[] {
  const old = new Map(feedsOf(before).map((feed) => [feed.name, feed]));
  return feedsOf(prepared).flatMap((feed) => {
    const had = old.get(feed.name);
    return had?.from.address === feed.from.address ? [{ feed, before: had.tally }] : [];
  });
}

/** What people should look at of a list that has changed: it has lost more than half of its items, or has items of another kind. */
export function doubts({ feed: { name, from, tally: now }, before }: Changed): readonly string[] {
  const found: string[] = [];
  if (now.items * 2 < before.items) found.push(shrunkText(name, from, before.items, now.items));
  const others = now.items - now.absolute;
  if (before.items > 0 && before.absolute === before.items && others > 0) {
    found.push(
      `the list ${name}: ${counted(others, 'item')} without / in front, where all had one, from ${whereabouts(from)}`,
    );
  }
  return found;
}

/** Says of a list that had items, and has none now, what it had. */
export function emptiedText({ feed: { name, from, tally }, before }: Changed): string | undefined {
  return tally.items === 0 && before.items > 0 ? shrunkText(name, from, before.items, 0) : undefined;
}

function shrunkText(list: string, from: ItemsFrom, before: number, now: number): string {
  return `the list ${list}: ${before} → ${counted(now, 'item')}, from ${whereabouts(from)}`;
}

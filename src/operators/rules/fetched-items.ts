/**
 * What takes a list long to come from, for plans, which are made at once: the web, or to be unpacked. A plan notes what it
 * wants, whoever makes it waits for that and plans again.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Steps } from '../../core/steps.ts';
import type { ItemsFrom } from '../../rules/index.ts';
import { fetchItems } from '../../rules/lists/items-fetch.ts';
import { readInSteps } from '../../rules/lists/items-file.ts';
import { isGzip, unpacked, unpackedAtOnce } from '../../rules/lists/items-gzip.ts';
import { fetchByProxy } from '../shared/fetch.ts';

/** What a list comes from. */
export interface Found {
  /** As it is there, compressed or not. */
  readonly raw: Uint8Array;
  /** What is in it; undefined while that is only wanted. Throws ScanError when it cannot be unpacked. */
  text(): Uint8Array | undefined;
}

/** Of one load. */
class Lists {
  readonly found = new Map<string, Found | Error>();
  /** How to get what is wanted, as it is there. */
  readonly wanted = new Map<string, () => Promise<Uint8Array>>();
}

// A load takes its time in slices: another may begin before it is done.
const loading = new AsyncLocalStorage<Lists>();

/** Two lists are the same when they are asked for in the same way. */
const keyOf = ({ address, headers }: ItemsFrom) => JSON.stringify([address, headers]);

/** Finds what a list comes from; undefined while that is only wanted. @throws Error that says why it cannot be had */
export function* findItems(from: ItemsFrom): Steps<Found | undefined> {
  const key = keyOf(from);
  const lists = loading.getStore();
  const found = lists?.found.get(key);
  if (found instanceof Error) throw found;
  if (found !== undefined) return found;
  if (from.kind === 'url') {
    lists?.wanted.set(key, () => fetched(from));
    return undefined;
  }
  const raw = yield* readInSteps(from.address);
  if (lists === undefined || !isGzip(raw)) return { raw, text: () => unpackedAtOnce(raw) };
  lists.wanted.set(key, async () => raw);
  return { raw, text: () => undefined };
}

/** The text of a list; undefined while it is only wanted. @throws Error that says why it cannot be had */
export function* readItems(from: ItemsFrom): Steps<Uint8Array | undefined> {
  return (yield* findItems(from))?.text();
}

/** Loads rules or makes a plan; when lists were missing, waits for them and does it again. */
export function withFetchedItems<T>(load: () => T | Promise<T>): Promise<T> {
  const lists = new Lists();
  return loading.run(lists, async () => {
    const first = await load();
    if (lists.wanted.size === 0) return first;
    await Promise.all(
      [...lists.wanted].map(async ([key, get]) => {
        lists.found.set(key, await get().then(unpackedAside, (error: Error) => error));
      }),
    );
    return await load();
  });
}

/** Makes a plan in which lists from the web have nothing yet, whoever has them: for those who look at something else in it. */
export function withoutFetching<T>(load: () => Promise<T>): Promise<T> {
  return loading.run(new Lists(), load);
}

async function fetched(from: ItemsFrom): Promise<Uint8Array> {
  const answer = await fetchItems(from, undefined, undefined, await fetchByProxy());
  // Without a tag there is no answer that says that nothing has changed.
  return answer?.content ?? new Uint8Array();
}

async function unpackedAside(raw: Uint8Array): Promise<Found> {
  try {
    const text = await unpacked(raw);
    return { raw, text: () => text };
  } catch (error) {
    return {
      raw,
      text: () => {
        throw error;
      },
    };
  }
}

/**
 * What lists come from over the web, for plans, which are made at once: a plan notes what it wants, whoever makes it
 * fetches that and plans again.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Steps } from '../../core/steps.ts';
import { type ItemsFrom, readItemsFile } from '../../rules/index.ts';
import { fetchItems } from '../../rules/items-fetch.ts';
import { fetchByProxy } from '../shared/fetch.ts';

/** Of one load. */
class Lists {
  readonly contents = new Map<string, Uint8Array | Error>();
  readonly wanted = new Map<string, ItemsFrom>();
}

// A load takes its time in slices: another may begin before it is done.
const loading = new AsyncLocalStorage<Lists>();

/** Two lists are the same when they are asked for in the same way. */
const keyOf = ({ address, headers }: ItemsFrom) => JSON.stringify([address, headers]);

/** Reads a file, or what was fetched; undefined while it is only wanted. @throws Error that says why it cannot be had */
export function* readItems(from: ItemsFrom): Steps<Uint8Array | undefined> {
  if (from.kind === 'file') return yield* readItemsFile(from);
  const lists = loading.getStore();
  const content = lists?.contents.get(keyOf(from));
  if (content instanceof Error) throw content;
  if (content === undefined) lists?.wanted.set(keyOf(from), from);
  return content;
}

/** Loads rules or makes a plan; when lists were missing, fetches them and does it again. */
export function withFetchedItems<T>(load: () => T | Promise<T>): Promise<T> {
  const lists = new Lists();
  return loading.run(lists, async () => {
    const first = await load();
    if (lists.wanted.size === 0) return first;
    await Promise.all([...lists.wanted].map(([key, from]) => fetchInto(lists, key, from)));
    return await load();
  });
}

async function fetchInto({ contents }: Lists, key: string, from: ItemsFrom): Promise<void> {
  try {
    const fetched = await fetchItems(from, undefined, undefined, await fetchByProxy());
    if (fetched !== undefined) contents.set(key, fetched.content);
  } catch (error) {
    contents.set(key, error as Error);
  }
}

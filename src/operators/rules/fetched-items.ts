/**
 * What lists come from over the web, for plans, which are made at once: a plan notes what it wants, whoever makes it
 * fetches that and plans again.
 */

import { type ItemsFrom, readItemsFile } from '../../rules/index.ts';
import { fetchItems } from '../../rules/items-fetch.ts';

const contents = new Map<string, Uint8Array | Error>();
const wanted = new Map<string, ItemsFrom>();

/** Two lists are the same when they are asked for in the same way. */
const keyOf = ({ address, headers }: ItemsFrom) => JSON.stringify([address, headers]);

/** Reads a file, or what was fetched; undefined while it is only wanted. @throws Error that says why it cannot be had */
export function readItems(from: ItemsFrom): Uint8Array | undefined {
  if (from.kind === 'file') return readItemsFile(from);
  const content = contents.get(keyOf(from));
  if (content instanceof Error) throw content;
  if (content === undefined) wanted.set(keyOf(from), from);
  return content;
}

/** Loads rules or makes a plan; when lists were missing, fetches them and does it again. */
export async function withFetchedItems<T>(load: () => T | Promise<T>): Promise<T> {
  wanted.clear();
  const first = await load();
  if (wanted.size === 0) return first;
  await Promise.all(
    [...wanted].map(async ([key, from]) => {
      try {
        const fetched = await fetchItems(from);
        if (fetched !== undefined) contents.set(key, fetched.content);
      } catch (error) {
        contents.set(key, error as Error);
      }
    }),
  );
  try {
    return await load();
  } finally {
    // Nothing is kept twice: the lists hold what they need.
    contents.clear();
  }
}

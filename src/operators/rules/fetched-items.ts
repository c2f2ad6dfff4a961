/**
 * What lists come from over the web, for plans, which are made at once: a plan notes what it wants, whoever makes it
 * fetches that and plans again.
 */

import { type ItemsFrom, readItemsFile } from '../../rules/index.ts';
import { fetchItems } from '../../rules/items-fetch.ts';

const contents = new Map<string, Uint8Array | Error>();
const wanted = new Set<string>();

/** Reads a file, or what was fetched; undefined while it is only wanted. @throws Error that says why it cannot be had */
export function readItems(from: ItemsFrom): Uint8Array | undefined {
  if (from.kind === 'file') return readItemsFile(from);
  const content = contents.get(from.address);
  if (content instanceof Error) throw content;
  if (content === undefined) wanted.add(from.address);
  return content;
}

/** Loads rules or makes a plan; when lists were missing, fetches them and does it again. */
export async function withFetchedItems<T>(load: () => T): Promise<T> {
  wanted.clear();
  const first = load();
  if (wanted.size === 0) return first;
  await Promise.all(
    [...wanted].map(async (url) => {
      try {
        const fetched = await fetchItems(url);
        if (fetched !== undefined) contents.set(url, fetched.content);
      } catch (error) {
        contents.set(url, error as Error);
      }
    }),
  );
  try {
    return load();
  } finally {
    // Nothing is kept twice: the lists hold what they need.
    contents.clear();
  }
}

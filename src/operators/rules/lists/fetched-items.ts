/**
 * What takes a list long to come from, for plans, which are made at once: the web, or to be unpacked. A plan notes what it
 * wants, whoever makes it waits for that and plans again.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { inSlices, type Steps } from '../../../core/steps.ts';
import { type ItemsFrom, type KeptText, whyNot } from '../../../rules/index.ts';
import { fetchItems, type Validators } from '../../../rules/lists/items-fetch.ts';
import { readInSteps } from '../../../rules/lists/items-file.ts';
import { isGzip, unpacked, unpackedAtOnce } from '../../../rules/lists/items-gzip.ts';
import { fetchByProxy } from '../../shared/fetch.ts';
import type { Answer, Copy, ListCopies } from './list-copies.ts';
import type { Had } from './lists.ts';

/** What a list comes from. */
export interface Found {
  /** As it is there, compressed or not. */
  readonly raw: Uint8Array;
  /** What is in it; undefined while that is only wanted. Throws ScanError when it cannot be unpacked. */
  text(): Uint8Array | undefined;
  /** Of the web: how it was come by. */
  readonly fetched?: Fetched;
}

/** How an answer of the web was come by. */
export interface Fetched {
  readonly validators?: Validators | undefined;
  /** Whether it is the copy that is kept. */
  readonly isCopy: boolean;
  /** Why the copy could not be used. */
  readonly damage?: string;
  /** What the copy has, at a start that has other items. */
  readonly before?: Had | undefined;
}

/** Where a copy can go on, a start waits so many ms for an answer to begin. */
const WAIT_WITH_COPY = 5000;

type Raw = Omit<Found, 'text'>;

/** Of one load. */
class Lists {
  readonly found = new Map<string, Found | Error>();
  /** How to get what is wanted, as it is there. */
  readonly wanted = new Map<string, () => Promise<Raw>>();
  readonly copies: ListCopies | undefined;
  readonly unread: Unread | undefined;

  constructor(copies?: ListCopies, unread?: Unread) {
    this.copies = copies;
    this.unread = unread;
  }
}

/** Lists from the web that could not be had, by where they are: why. Who gives it goes on without their items. */
export type Unread = Map<string, string>;

// A load takes its time in slices: another may begin before it is done.
const loading = new AsyncLocalStorage<Lists>();

/** Two lists are the same when they are asked for in the same way. */
const keyOf = ({ address, headers }: ItemsFrom) => JSON.stringify([address, headers]);

/** Finds what a list comes from; undefined while that is only wanted. @throws Error that says why it cannot be had */
export function* findItems(from: ItemsFrom): Steps<Found | undefined> {
  const key = keyOf(from);
  const lists = loading.getStore();
  const found = lists?.found.get(key);
  if (found instanceof Error) {
    if (from.kind === 'file' || lists?.unread === undefined) throw found;
    lists.unread.set(from.location, whyNot(found));
    return undefined;
  }
  if (found !== undefined) return found;
  if (from.kind === 'url') {
    lists?.wanted.set(key, () => fetched(from, lists.copies));
    return undefined;
  }
  const raw = yield* readInSteps(from.address);
  if (lists === undefined || !isGzip(raw)) return { raw, text: () => unpackedAtOnce(raw) };
  lists.wanted.set(key, async () => ({ raw }));
  return { raw, text: () => undefined };
}

/** The text of a list; undefined while it is only wanted. @throws Error that says why it cannot be had */
export function* readItems(from: ItemsFrom): Steps<Uint8Array | undefined> {
  return (yield* findItems(from))?.text();
}

/** Where copies of lists are kept, for the load that goes on; undefined: nowhere. */
export const listCopies = (): ListCopies | undefined => loading.getStore()?.copies;

/** The copy of a list from the web; undefined when there is none. @throws Error that says why it cannot be used */
export function* keptItems(from: ItemsFrom): Steps<(KeptText & Copy) | undefined> {
  const copy = yield* listCopies()?.read(from) ?? nothing();
  return copy && { ...copy, text: unpackedAtOnce(copy.content) };
}

function* nothing(): Steps<undefined> {}

/**
 * Loads rules or makes a plan; when lists were missing, waits for them and does it again. Of those that have a copy in `copies`
 * their addresses are asked for another one only. Those that cannot be had are errors of the rules, or noted in `unread`.
 */
export function withFetchedItems<T>(load: () => T | Promise<T>, copies?: ListCopies, unread?: Unread): Promise<T> {
  const lists = new Lists(copies, unread);
  return loading.run(lists, async () => {
    try {
      const first = await load();
      if (lists.wanted.size === 0) return first;
      await Promise.all(
        [...lists.wanted].map(async ([key, get]) => {
          lists.found.set(key, await get().then(unpackedAside, (error: Error) => error));
        }),
      );
      return await load();
    } finally {
      // Connections that it has opened hold on to where they were opened from.
      lists.found.clear();
      lists.wanted.clear();
    }
  });
}

/** Makes a plan in which lists from the web have nothing yet, whoever has them: for those who look at something else in it. */
export function withoutFetching<T>(load: () => Promise<T>): Promise<T> {
  return loading.run(new Lists(), load);
}

async function fetched(from: ItemsFrom, copies?: ListCopies): Promise<Raw> {
  const get = await fetchByProxy();
  const before = copies?.tallyOf(from);
  const wait = copies?.has(from) ? WAIT_WITH_COPY : undefined;
  const answer = await fetchItems(from, get, copies?.validatorsOf(from), undefined, wait);
  if (answer !== undefined) return rawOf(answer, { before });
  const copy = await inSlices(copies?.read(from) ?? nothing()).catch((error: Error) => error);
  if (copy !== undefined && !(copy instanceof Error)) {
    await copies?.confirm(from);
    return { raw: copy.content, fetched: { validators: copy.validators, isCopy: true } };
  }
  // Asked without conditions it answers whole.
  const whole = (await fetchItems(from, get)) ?? { content: new Uint8Array() };
  return rawOf(whole, copy === undefined ? {} : { damage: copy.message });
}

function rawOf({ content, validators }: Answer, more: Omit<Fetched, 'validators' | 'isCopy'> = {}): Raw {
  return { raw: content, fetched: { validators, isCopy: false, ...more } };
}

async function unpackedAside(raw: Raw): Promise<Found> {
  try {
    const text = await unpacked(raw.raw);
    return { ...raw, text: () => text };
  } catch (error) {
    return {
      ...raw,
      text: () => {
        throw error;
      },
    };
  }
}

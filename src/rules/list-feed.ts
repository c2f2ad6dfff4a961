/** A list whose items come from elsewhere: what conditions hold on to while its content is exchanged. */

import { readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import type { Scalar } from '../events/field.ts';
import type { Issue } from './issue.ts';
import { makeIssue } from './issue.ts';
import type { ItemsFrom } from './items-from.ts';
import type { Keeper, Kept, Use } from './items-kept.ts';
import { makeKeeper } from './items-kept.ts';
import { countLines, ScanError, scanItems } from './items-scan.ts';

/**
 * Reads what a list comes from. Undefined: it is not here yet, and the list stays empty until it is loaded again.
 * @throws Error that says why it cannot be read
 */
export type ReadItems = (from: ItemsFrom) => Uint8Array | undefined;

/** What conditions see of a list in one use. */
export class FeedItems {
  #kept: Kept | undefined;

  count(value: Scalar): number {
    return this.#kept?.count(value) ?? 0;
  }

  get size(): number {
    return this.#kept?.size ?? 0;
  }

  exchange(kept: Kept): void {
    this.#kept = kept;
  }
}

/** What was made of a text. */
export interface Built {
  /** How many items it has. */
  readonly items: number;
  /** How many things in it are no items, and what is wrong with the first. */
  readonly skipped: number;
  readonly problem?: { readonly message: string; readonly line: number };
  /** Puts them in the place of those that were there. */
  exchange(): void;
}

/** Items between two chances to do something else. */
const STEP = 1024;

export class ListFeed {
  readonly name: string;
  readonly from: ItemsFrom;
  readonly #uses = new Map<string, { readonly use: Use; readonly items: FeedItems }>();

  constructor(name: string, from: ItemsFrom) {
    this.name = name;
    this.from = from;
  }

  /** Whether a condition uses it. */
  get isUsed(): boolean {
    return this.#uses.size > 0;
  }

  /** The items for a use, which are there once the list is loaded. */
  itemsFor(use: Use): FeedItems {
    const key = JSON.stringify(use);
    let found = this.#uses.get(key);
    if (found === undefined) this.#uses.set(key, (found = { use, items: new FeedItems() }));
    return found.items;
  }

  /** Reads a text in steps; what comes of it is exchanged by the caller. @throws ScanError */
  *build(content: Uint8Array): Generator<void, Built> {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    const expected = { items: countLines(bytes), bytes: bytes.length };
    const keepers = [...this.#uses.values()].map(({ use, items }) => ({ items, keeper: makeKeeper(use, expected) }));
    let items = 0;
    let skipped = 0;
    let problem: Built['problem'];
    for (const { text, line } of scanItems(bytes, this.from)) {
      const wrong = addTo(keepers, text);
      if (wrong === undefined) items++;
      else if (skipped++ === 0) problem = { message: wrong, line };
      if ((items + skipped) % STEP === 0) yield;
    }
    const kept: Kept[] = [];
    for (const { keeper } of keepers) {
      if (keeper.steps) yield* keeper.steps();
      kept.push(keeper.finish());
    }
    return {
      items,
      skipped,
      ...(problem === undefined ? {} : { problem }),
      exchange: () => {
        for (const [index, { items: seen }] of keepers.entries()) seen.exchange(kept[index] as Kept);
      },
    };
  }
}

/** What is wrong with a text; undefined when all take it. */
function addTo(keepers: readonly { readonly keeper: Keeper }[], text: string): string | undefined {
  try {
    for (const { keeper } of keepers) keeper.add(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Loads a list. What is wrong with it comes back; an error when the list cannot be used. */
export function* loadFeed(feed: ListFeed, read: ReadItems): Generator<void, readonly Issue[]> {
  const { from, name } = feed;
  let content: Uint8Array | undefined;
  try {
    content = read(from);
  } catch (error) {
    const message = `Cannot read ${from.location}: ${messageOf(error)}`;
    return from.optional
      ? [issue('warning', 'LOAD_WARNING_EXTENSION', `${message}; the list ${name} is empty`, from)]
      : [issue('error', 'LOAD_ERR_FILE_READ', message, from, 'Say optional: true where it may be missing.')];
  }
  if (content === undefined) return [];
  try {
    const built = yield* feed.build(content);
    built.exchange();
    return contentIssues(built, feed);
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    return [atLine(issue('error', 'LOAD_ERR_EXTENSION', error.message, from), from, error.line)];
  }
}

function contentIssues({ items, skipped, problem }: Built, { from, name }: ListFeed): readonly Issue[] {
  if (problem !== undefined) {
    const others = skipped > 1 ? `, as are ${skipped - 1} others` : '';
    const found =
      items === 0
        ? issue('error', 'LOAD_ERR_EXTENSION', `no item of the list ${name} can be used: ${problem.message}`, from)
        : issue('warning', 'LOAD_WARNING_EXTENSION', `${problem.message}: left out of the list ${name}${others}`, from);
    return [atLine(found, from, problem.line)];
  }
  if (items > 0) return [];
  return [issue('warning', 'LOAD_WARNING_EXTENSION', `the list ${name} is empty: ${from.location} has no items`, from)];
}

function issue(
  severity: Issue['severity'],
  code: Issue['code'],
  message: string,
  { context }: ItemsFrom,
  hint?: string,
): Issue {
  return makeIssue(severity, code, message, context, { diagnostic: hint === undefined ? {} : { hint } });
}

/** The same issue, shown in the file that the items come from. */
function atLine(found: Issue, { location }: ItemsFrom, line: number): Issue {
  const via = found.diagnostic.at;
  return {
    ...found,
    diagnostic: {
      ...found.diagnostic,
      at: { file: location, line, column: 1 },
      ...(via === undefined ? {} : { via: [`named at ${via.file}:${via.line}:${via.column}`] }),
    },
  };
}

/** Reads files; addresses of the web are somebody else's. */
export function readItemsFile({ kind, address }: ItemsFrom): Uint8Array {
  if (kind === 'url') throw new Error('nothing here fetches from the web');
  return readFileSync(address);
}

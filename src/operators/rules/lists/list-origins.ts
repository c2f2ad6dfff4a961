/** What is known of how lists from the web were come by, for whoever reads them again and keeps them. */

import type { ItemsFrom, ListFeed } from '../../../rules/index.ts';
import type { Validators } from '../../../rules/lists/items-fetch.ts';
import type { Found } from './fetched-items.ts';
import type { Answer, Copy, ListCopies } from './list-copies.ts';
import type { Had } from './lists.ts';

/** Of the items that a list has now. */
export interface Origin {
  /** What tells whether the address would give others. */
  readonly validators?: Validators | undefined;
  /** The SHA-256 of what its items are of. */
  readonly sha256?: string;
  /** What is to be kept. */
  readonly answer?: Answer;
  /** Why the copy that there was could not be used. */
  readonly damage?: string | undefined;
  /** What an earlier run had. */
  readonly before?: Had | undefined;
}

/** Of the lists of one plan. */
export class Origins {
  /** Where they are kept; undefined: nowhere. */
  readonly copies: ListCopies | undefined;
  readonly #known = new Map<ItemsFrom, Origin>();
  /** Of these the copy goes on in the place of what was found. */
  readonly #kept = new Set<ItemsFrom>();

  constructor(copies: ListCopies | undefined) {
    this.copies = copies;
  }

  found(from: ItemsFrom, found: Found | undefined): void {
    if (found?.fetched === undefined) return;
    const { isCopy, ...origin } = found.fetched;
    const answer = { content: found.raw, validators: origin.validators };
    this.#known.set(from, { ...origin, ...(isCopy || this.copies === undefined ? {} : { answer }) });
  }

  digested(from: ItemsFrom, sha256: string): void {
    this.#known.set(from, { ...this.#known.get(from), sha256 });
  }

  /** What was found could not be used, and there is a copy. */
  keeps(from: ItemsFrom, { validators }: Copy): void {
    this.#known.set(from, { validators });
    this.#kept.add(from);
  }

  /** What is known of a list that was loaded; its bytes are not held any longer. */
  take({ from, isRead, missed }: ListFeed): Origin {
    const origin = this.#known.get(from) ?? {};
    this.#known.delete(from);
    // The items of one that was missed are those of its copy, or of a list that ran before, of which nothing is known here.
    return isRead && (missed === undefined || this.#kept.has(from)) ? origin : {};
  }
}

/** A list whose items come from elsewhere: what conditions hold on to while its content is exchanged. */

import { messageOf } from '../../core/errors.ts';
import type { Scalar } from '../../events/field.ts';
import type { PathSet } from '../../events/necessary.ts';
import type { Constant } from '../values/constants.ts';
import { refuseBinary, refuseOtherForms } from './items-form.ts';
import type { ItemsFrom } from './items-from.ts';
import { constantOf, type Keeper, type Kept, makeKeeper, takesTexts, type Use } from './items-kept.ts';
import { countLines, type FoundItem, ItemScanner } from './items-scan.ts';

/** Lists of so many items are judged as if they stood in the rules. */
const FEW = 64;

/** What can be told ahead of the items of a list; undefined: nothing. */
export interface Outline {
  /** The items, each once, when they are few. */
  readonly few: readonly Constant[] | undefined;
  /** Any text that counts begins with one of these. */
  readonly beginnings: readonly string[] | undefined;
  /** What tells more of paths, in this process. */
  readonly paths?: PathSet | undefined;
}

/** Whose items are asked: those that lists have now, will have, or keep. */
export type Lists = (items: FeedItems) => Outline;

/** With all that can be asked in this process. */
export const asKeptHere: Lists = (items) => items;
export const asTheyAre: Lists = ({ few, beginnings }) => ({ few, beginnings });
/** Only of lists that hold the same items for as long as the rules are loaded. */
export const asTheyStay: Lists = (items) => (items.isFixed ? asTheyAre(items) : UNKNOWN);
const UNKNOWN: Outline = { few: undefined, beginnings: undefined };

interface Content extends Outline {
  readonly kept: Kept;
}

/** What conditions see of a list in one use. What is made of the items is forgotten when others are exchanged for them. */
export class FeedItems implements Outline {
  /** Whether it holds the same items for as long as the rules are loaded. */
  readonly isFixed: boolean;
  #content: Content | undefined;

  constructor(isFixed: boolean) {
    this.isFixed = isFixed;
  }

  count(value: Scalar): number {
    return this.#content?.kept.count(value) ?? 0;
  }

  get size(): number {
    return this.#content?.kept.size ?? 0;
  }

  /** The items when they are few; undefined also before any are known. */
  get few(): readonly Constant[] | undefined {
    return this.#content?.few;
  }

  /** Any text that counts begins with one of these; undefined: nothing is known. */
  get beginnings(): readonly string[] | undefined {
    return this.#content?.beginnings;
  }

  get paths(): PathSet | undefined {
    return this.#content?.kept.paths;
  }

  exchange(content: Content): void {
    this.#content = content;
  }

  /** Goes on with what another one has, of the same use. */
  takeOver(other: FeedItems): void {
    this.#content = other.#content;
  }
}

/** What a text has. */
export interface Tally {
  /** How many items it has. */
  readonly items: number;
  /** How many things in it are no items, and what is wrong with the first. */
  readonly skipped: number;
  readonly problem?: { readonly message: string; readonly line: number };
  /** How many items begin with a slash. */
  readonly absolute: number;
}

/** What was made of a text. */
export interface Built extends Tally {
  /** With them in the place of those that are there. */
  readonly lists: Lists;
  /** Puts them there. */
  exchange(): void;
}

const SLASH = 47;
/** Items between two chances to do something else. */
const STEP = 1024;

/** A list by its name and whence it comes, with what its text had, and the items of each use, exchanged together. */
export class ListFeed {
  readonly name: string;
  readonly from: ItemsFrom;
  /** What the text had that its items are of. */
  tally: Tally = { items: 0, skipped: 0, absolute: 0 };
  /** Whether its items are those of a text, which may be none. */
  isRead = false;
  /** Why its text could not be had when it was loaded; undefined: it could, or was read since. */
  missed: string | undefined;
  /** When its items were read, in ms since the epoch, where they are those of a copy that an earlier run has left. */
  keptSince: number | undefined;
  #hasBlindUses = false;
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
    if (found === undefined)
      this.#uses.set(key, (found = { use, items: new FeedItems(this.from.refresh === undefined) }));
    return found.items;
  }

  /** Reads a text in steps; what comes of it is exchanged by the caller. @throws ScanError */
  *build(text: Uint8Array): Generator<void, Built> {
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    refuseOtherForms(bytes);
    const expected = { items: yield* countLines(bytes), bytes: bytes.length };
    if ([...this.#uses.values()].some(({ use }) => takesTexts(use))) yield* refuseBinary(bytes);
    const making: Making[] = [];
    for (const { use, items } of this.#uses.values()) {
      // Much memory is asked for.
      yield;
      const keeper = makeKeeper(use, expected);
      making.push(new Making(use, items, keeper));
      if (keeper.prepare !== undefined) yield* keeper.prepare();
    }
    yield;
    let items = 0;
    let skipped = 0;
    let absolute = 0;
    let problem: Built['problem'];
    for (const scanner = new ItemScanner(bytes, this.from); scanner.next(); ) {
      const wrong = addTo(making, scanner);
      if (wrong === undefined) {
        items++;
        if (scanner.units[scanner.start] === SLASH) absolute++;
      } else if (skipped++ === 0) problem = { message: wrong, line: scanner.line };
      if ((items + skipped) % STEP === 0) yield;
    }
    const made = new Map<FeedItems, Content>();
    for (const each of making) made.set(each.items, yield* each.finish());
    const tally = { items, skipped, absolute, ...(problem === undefined ? {} : { problem }) };
    return {
      ...tally,
      lists: (items) => made.get(items) ?? asTheyAre(items),
      exchange: () => {
        for (const [items, content] of made) items.exchange(content);
        this.tally = tally;
        this.isRead = true;
        this.#hasBlindUses = false;
        this.confirm();
      },
    };
  }

  /** Its items are those that it has where it comes from. */
  confirm(): void {
    this.missed = undefined;
    this.keptSince = undefined;
  }

  /** Its text cannot be had: it goes on with the items of lists that were read before, or has none. */
  *goWithout(why: string, held: readonly ListFeed[] = []): Generator<void, void> {
    (yield* this.build(new Uint8Array())).exchange();
    for (const [key, { items }] of this.#uses) {
      const [before] = held.flatMap((list) => list.#uses.get(key)?.items ?? []);
      if (before === undefined) this.#hasBlindUses = true;
      else items.takeOver(before);
    }
    this.tally = held[0]?.tally ?? this.tally;
    this.isRead = held.length > 0;
    this.missed = why;
    this.keptSince = held[0]?.keptSince;
  }

  /** Its text cannot be had: it goes on with what was made of a copy, which was read at `time`. */
  goOnWith(copy: Built, time: number, why: string): void {
    copy.exchange();
    this.missed = why;
    this.keptSince = time;
  }

  /** What becomes of it while its text cannot be had, for people. */
  get standing(): string {
    if (!this.isRead) return `the list ${this.name} was never read: its rules see no items`;
    const stays = `the list ${this.name} ${this.#stays}`;
    return this.#hasBlindUses ? `${stays}, and rules that are new see no items of it` : stays;
  }

  get #stays(): string {
    if (this.keptSince === undefined) return 'stays as it is';
    const { items } = this.tally;
    const when = new Date(this.keptSince).toISOString();
    return `goes on with the ${items} ${items === 1 ? 'item' : 'items'} of ${when}, from the state folder`;
  }
}

/** What is being made of a list for one use. */
class Making {
  readonly #use: Use;
  readonly items: FeedItems;
  readonly #keeper: Keeper;
  #few: Set<Constant> | undefined;

  constructor(use: Use, items: FeedItems, keeper: Keeper) {
    this.#use = use;
    this.items = items;
    this.#keeper = keeper;
    // Networks have nothing of constants but their looks.
    this.#few = use.kind === 'networks' ? undefined : new Set();
  }

  /** @throws Error that says why it is no item */
  add(item: FoundItem): void {
    const isPrintable = item.units instanceof Uint8Array;
    const constant = this.#few === undefined && isPrintable ? undefined : constantOf(item.text, this.#use);
    this.#keeper.add(item);
    if (this.#few === undefined || constant === undefined) return;
    this.#few.add(constant);
    if (this.#few.size > FEW) this.#few = undefined;
  }

  *finish(): Generator<void, Content> {
    const kept = yield* this.#keeper.finish();
    return { kept, few: this.#few && [...this.#few], beginnings: kept.beginnings };
  }
}

/** Adds an item for each use that takes it, whatever the others say; what is wrong with it for the first that does not. */
function addTo(making: readonly Making[], item: FoundItem): string | undefined {
  const wrong: string[] = [];
  for (const each of making) {
    try {
      each.add(item);
    } catch (error) {
      wrong.push(messageOf(error));
    }
  }
  return wrong.length > 0 && wrong.length < making.length ? `${wrong[0]} (where it is compared as one)` : wrong[0];
}

/** A list whose items come from elsewhere: what conditions hold on to while its content is exchanged. */

import { type Diagnostic, messageOf, placeText } from '../../core/errors.ts';
import type { Scalar } from '../../events/field.ts';
import type { PathSet } from '../../events/necessary.ts';
import type { Constant } from '../values/constants.ts';
import { hiddenSecret } from '../yaml/hidden-secret.ts';
import { type Issue, makeIssue } from '../yaml/issue.ts';
import { readInSteps } from './items-file.ts';
import { refuseBinary, refuseOtherForms } from './items-form.ts';
import type { ItemsFrom } from './items-from.ts';
import { unpackedAtOnce } from './items-gzip.ts';
import { constantOf, type Keeper, type Kept, makeKeeper, takesTexts, type Use } from './items-kept.ts';
import { countLines, type FoundItem, ItemScanner, ScanError } from './items-scan.ts';
import { NoAnswer } from './no-answer.ts';

/**
 * The text of a list, unpacked, at once or in steps. Undefined: it is not here yet, and the list stays empty until it is
 * loaded again.
 * @throws ScanError for what is no text, another Error that says why it cannot be read
 */
export type ReadItems = (from: ItemsFrom) => Uint8Array | undefined | Generator<void, Uint8Array | undefined>;

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

/** Lists that were loaded before, run, and are to be what this one is. */
export type HeldLists = (feed: ListFeed) => readonly ListFeed[];

/** What an earlier run has read of a list: its text, unpacked, and when that was, in ms since the epoch. */
export interface KeptText {
  readonly text: Uint8Array;
  readonly time: number;
}

/** Undefined: there is no copy. @throws Error that says why the copy cannot be used */
export type KeptItems = (from: ItemsFrom) => Generator<void, KeptText | undefined>;

/** What lists are loaded with. */
export interface ListReaders {
  readonly items: ReadItems;
  readonly held: HeldLists;
  readonly kept: KeptItems;
}

/**
 * Loads a list. What is wrong with it comes back; an error when the list cannot be used. Of an address that cannot be read
 * now, or gives no list or none with items, those that are held of it go on, or else those of its copy, which is for the caller to say.
 */
export function* loadFeed(feed: ListFeed, readers: ListReaders): Generator<void, readonly Issue[]> {
  let content: Uint8Array | undefined;
  try {
    const found = readers.items(feed.from);
    content = found !== undefined && 'next' in found ? yield* found : found;
  } catch (error) {
    return yield* loadWithout(feed, error, readers);
  }
  if (content === undefined) return [];
  let built: Built;
  try {
    built = yield* buildUsable(feed, content);
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    return yield* loadWithout(feed, error, readers);
  }
  const isEmptied = built.items === 0 && feed.from.kind === 'url';
  const before = isEmptied ? yield* loadBefore(feed, readers) : undefined;
  if (before !== undefined) return before;
  built.exchange();
  return contentIssues(built, feed);
}

/** What is wrong with an answer that has no items. */
export const NO_ITEMS = 'it has no items';

/**
 * An address gives an empty list: that is an accident where it had items, by which rules would fall silent. Those that are held
 * of it go on, or else those of its copy; undefined when neither has any.
 */
function* loadBefore(
  feed: ListFeed,
  { held, kept }: Omit<ListReaders, 'items'>,
): Generator<void, readonly Issue[] | undefined> {
  const running = held(feed);
  if (running.length === 0) return (yield* loadKept(feed, new Error(NO_ITEMS), kept, 1)) === 'taken' ? [] : undefined;
  const before = running.filter(({ tally }) => tally.items > 0);
  if (before.length === 0) return undefined;
  yield* feed.goWithout(NO_ITEMS, before);
  return [goneOnWithout(feed, NO_ITEMS)];
}

function goneOnWithout({ from, standing }: ListFeed, why: string): Issue {
  return issue('warning', 'LOAD_WARNING_EXTENSION', `Cannot read ${from.location}: ${why}; ${standing}`, from);
}

function* loadWithout(
  feed: ListFeed,
  error: unknown,
  { held, kept }: Omit<ListReaders, 'items'>,
): Generator<void, readonly Issue[]> {
  const { from } = feed;
  const isFile = from.kind === 'file';
  const before = isFile ? [] : held(feed);
  let more = '';
  if (before.length === 0) {
    const copy = isFile ? 'none' : yield* loadKept(feed, error, kept);
    if (copy === 'taken') return [];
    if (copy !== 'none') more = `; ${copy}`;
    if (error instanceof ScanError && (isFile || !from.optional)) return [scanIssue(error, from, more)];
    if (!from.optional) return [unread(from, error, more)];
  }
  const why = `${whyNot(error)}${more}`;
  yield* feed.goWithout(why, before);
  return [goneOnWithout(feed, why)];
}

/** What can be used of a text. @throws ScanError when that is nothing */
function* buildUsable(feed: ListFeed, text: Uint8Array): Generator<void, Built> {
  const built = yield* feed.build(text);
  const { items, problem } = built;
  if (items === 0 && problem !== undefined) {
    throw new ScanError(`no item of the list ${feed.name} can be used: ${problem.message}`, problem.line);
  }
  return built;
}

/** Goes on with the copy of a list, if there is one with so many items; in other words, why that cannot be. */
function* loadKept(
  feed: ListFeed,
  error: unknown,
  kept: KeptItems,
  least = 0,
): Generator<void, 'taken' | 'none' | string> {
  let copy: KeptText | undefined;
  try {
    copy = yield* kept(feed.from);
  } catch (failure) {
    return messageOf(failure);
  }
  if (copy === undefined) return 'none';
  try {
    const built = yield* buildUsable(feed, copy.text);
    if (built.items < least) return 'none';
    feed.goOnWith(built, copy.time, whyNot(error));
    return 'taken';
  } catch (failure) {
    if (!(failure instanceof ScanError)) throw failure;
    return `its copy in the state folder cannot be used: ${whyNot(failure)}`;
  }
}

function unread(from: ItemsFrom, error: unknown, more: string): Issue {
  const temporary = error instanceof NoAnswer;
  const hint = temporary ? LATER : from.kind === 'file' ? fileHint(error) : undefined;
  const message = `${cannotRead(from, error)}${more}`;
  return issue('error', 'LOAD_ERR_FILE_READ', message, from, {
    ...(hint === undefined ? {} : { hint }),
    ...(temporary && { temporary }),
  });
}

function fileHint(error: unknown): string | undefined {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isMissing ? 'Say optional: true where it may be missing.' : undefined;
}

/** What would help where the address may give a list some other time; where it will not, nothing here does. */
const LATER =
  'It may answer later: the exit status is 75, with which systemd starts a run again. ' +
  'Once a run with a state folder has read it, later ones start with the items that it had. ' +
  'With optional: true rules start all the same, and see no items of it until it is read.';

/** Why a list cannot be read, with the line where that is in its text. */
export function whyNot(error: unknown): string {
  return error instanceof ScanError ? `line ${error.line}: ${error.message}` : messageOf(error);
}

function cannotRead({ location }: ItemsFrom, error: unknown): string {
  return `Cannot read ${location}: ${whyNot(error)}`;
}

function scanIssue({ message, line }: ScanError, from: ItemsFrom, more: string): Issue {
  return atLine(issue('error', 'LOAD_ERR_EXTENSION', `${message}${more}`, from), from, line);
}

/** What was left out of a list, in words; undefined: nothing. */
export function leftOut({ name }: ListFeed, { skipped, problem }: Tally): string | undefined {
  if (problem === undefined) return undefined;
  const others = skipped > 2 ? `, as are ${skipped - 1} others` : skipped === 2 ? ', as is another' : '';
  return `${problem.message}: left out of the list ${name}${others}`;
}

function contentIssues(built: Built, feed: ListFeed): readonly Issue[] {
  const { items, problem } = built;
  const { from, name } = feed;
  if (problem !== undefined) {
    const found = issue('warning', 'LOAD_WARNING_EXTENSION', leftOut(feed, built) ?? '', from);
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
  more: Pick<Diagnostic, 'hint' | 'temporary'> = {},
): Issue {
  return makeIssue(severity, code, message, context, { diagnostic: { ...more, ...hiddenSecret(context) } });
}

/** The same issue, shown in the file that the items come from. */
function atLine(found: Issue, { location }: ItemsFrom, line: number): Issue {
  const via = found.diagnostic.at;
  return {
    ...found,
    diagnostic: {
      ...found.diagnostic,
      at: { file: location, line, column: 1 },
      ...(via === undefined ? {} : { via: [`named at ${placeText(via)}`] }),
    },
  };
}

/** Reads files, compressed or not; addresses of the web are somebody else's. */
export function* readItemsFile({ kind, address }: ItemsFrom): Generator<void, Uint8Array> {
  if (kind === 'url') throw new Error('nothing here fetches from the web');
  return unpackedAtOnce(yield* readInSteps(address));
}

/** Loading a list whose items come from elsewhere: what goes on where they cannot be had, and what is said of it. */

import { type Diagnostic, messageOf, placeText } from '../../core/errors.ts';
import { hiddenSecret } from '../yaml/hidden-secret.ts';
import { type Issue, makeIssue } from '../yaml/issue.ts';
import { readInSteps } from './items-file.ts';
import type { ItemsFrom } from './items-from.ts';
import { unpackedAtOnce } from './items-gzip.ts';
import { ScanError } from './items-scan.ts';
import type { Built, ListFeed, Tally } from './list-feed.ts';
import { NoAnswer } from './no-answer.ts';

/**
 * The text of a list, unpacked, at once or in steps. Undefined: it is not here yet, and the list stays empty until it is
 * loaded again.
 * @throws ScanError for what is no text, another Error that says why it cannot be read
 */
export type ReadItems = (from: ItemsFrom) => Uint8Array | undefined | Generator<void, Uint8Array | undefined>;

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

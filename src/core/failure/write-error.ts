/** What a sink can say of a write that failed, beside that it failed. */

import { messageOf } from '../errors.ts';
import type { Event } from '../event.ts';

export interface WriteFailure {
  /** Nothing of it will ever be taken; it is not offered again. */
  readonly permanent?: boolean;
  /** Events that will never be taken; they are not offered again, and counted as `refused`. */
  readonly refused?: readonly Event[];
  /** Events to be offered again; all others but the refused ones were taken. Default: all but the refused ones. */
  readonly again?: readonly Event[] | undefined;
  /** Nothing was tried yet but to write the refused ones down: the others are offered again at once, and it is no failure. */
  readonly untried?: boolean;
  /** The receiver asks to be left alone for so many milliseconds. */
  readonly wait?: number;
}

/** Rejects a write with more than its failure: what is lost, what is to be tried again, and when. */
export class WriteError extends Error implements WriteFailure {
  readonly permanent: boolean;
  readonly refused: readonly Event[];
  readonly again: readonly Event[] | undefined;
  readonly untried: boolean;
  readonly wait: number;

  constructor(message: string, failure: WriteFailure = {}, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'WriteError';
    this.permanent = failure.permanent ?? false;
    this.refused = failure.refused ?? [];
    this.again = failure.again;
    this.untried = failure.untried ?? false;
    this.wait = failure.wait ?? 0;
  }
}

/**
 * What `encode` makes of each event: called before anything is written. Throws a WriteError that refuses those on which it
 * throws, so that no other is held up by them: these are offered again at once.
 */
export function encodeEach<Made>(events: readonly Event[], encode: (event: Event) => Made): Made[] {
  const refused: Event[] = [];
  let why: unknown;
  const made: Made[] = [];
  for (const event of events) {
    try {
      made.push(encode(event));
    } catch (error) {
      why ??= error;
      refused.push(event);
    }
  }
  if (refused.length > 0) throw new WriteError(unwritable(why), { refused, untried: true }, { cause: why });
  return made;
}

/** What is said of events on which encoding throws. */
export function unwritable(error: unknown): string {
  return `it cannot be written down: ${messageOf(error)}`;
}

interface Outcome {
  readonly refused: readonly Event[];
  readonly again: Event[];
  /** See `WriteFailure`; never where nothing is left out of `again`. */
  readonly untried: boolean;
}

/** What became of the events of a write that ended with `error`: any error may have the keys of WriteFailure. */
export function outcomeOf(error: unknown, events: readonly Event[]): Outcome {
  const { permanent, refused = [], again, untried = false } = (error ?? {}) as WriteFailure;
  if (permanent) return { refused: events, again: [], untried: false };
  const lost = new Set(refused);
  const wanted = again && new Set(again);
  const left = events.filter((event) => !lost.has(event) && (wanted?.has(event) ?? true));
  return { refused, again: left, untried: untried && left.length < events.length };
}

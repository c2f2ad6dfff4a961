/** What the threads of the store say to each other. */

/** The one file of a state folder. */
export const STATE_FILE = 'state.db';

/** A change. Those of one message become one transaction: all of them, or none. */
export type Change =
  | { readonly kind: 'position'; readonly key: string; readonly value: string }
  | { readonly kind: 'seen'; readonly source: string; readonly ids: readonly string[]; readonly time: number }
  | { readonly kind: 'spool'; readonly sink: string; readonly count: number; readonly text: string }
  | { readonly kind: 'unspool'; readonly id: number }
  | {
      readonly kind: 'condemn';
      readonly id: number;
      readonly reason: string;
      readonly message: string;
      readonly time: number;
    }
  | ({ readonly kind: 'bury'; readonly text: string } & Omit<DeadLetter, 'id'>)
  | { readonly kind: 'exhume'; readonly sink: string | undefined; readonly ids: readonly number[] | undefined }
  | { readonly kind: 'discard'; readonly sink: string | undefined; readonly ids: readonly number[] | undefined }
  | { readonly kind: 'snapshot'; readonly operator: string; readonly identity: string; readonly data: Uint8Array };

/** Events that a sink gave up, as they were written together. */
export interface DeadLetter {
  readonly id: number;
  readonly sink: string;
  readonly reason: string;
  /** What the receiver said. */
  readonly message: string;
  /** When it was given up: ms since the epoch. */
  readonly time: number;
  /** Events in it. */
  readonly count: number;
}

/** A row of the spool: its events as lines of JSON. */
export interface SpoolRow {
  readonly id: number;
  readonly count: number;
  /** Absent when what is on disk is damaged. */
  readonly text?: string;
}

/** A question. */
export type Question =
  | { readonly ask: 'seen'; readonly source: string; readonly ids: readonly string[] }
  | { readonly ask: 'spooled'; readonly sink: string; readonly after: number; readonly events: number }
  | { readonly ask: 'kept' }
  | { readonly ask: 'dead'; readonly sink: string | undefined }
  | { readonly ask: 'letter'; readonly id: number }
  | { readonly ask: 'close' };

export type Message =
  | { readonly id: number; readonly changes: readonly Change[] }
  | { readonly id: number; readonly question: Question };

export interface Reply {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Events on disk, by sink. */
export interface Kept {
  readonly waiting: Readonly<Record<string, number>>;
  readonly dead: Readonly<Record<string, number>>;
  /** Bytes that dead letters take, by sink. */
  readonly deadBytes: Readonly<Record<string, number>>;
}

/** What the file held when it was opened. */
export interface Opened {
  readonly positions: readonly (readonly [key: string, value: string])[];
  readonly snapshots: readonly { operator: string; identity: string; data: Uint8Array }[];
  readonly kept: Kept;
}

/** The first message of the worker: what it has opened, or the error as a UserError is made of. */
export type First = { readonly opened: Opened } | { readonly message: string; readonly exit: number };

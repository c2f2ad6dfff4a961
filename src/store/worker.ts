/** The store's thread: the only one that touches the state file. */

import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { messageOf } from '../core/errors.ts';
import { explain, openDatabase, tryToWrite } from './database.ts';
import type { Change, First, Kept, Message, Opened, Question, Reply, SpoolRow } from './messages.ts';
import { type Statements, statements } from './statements.ts';

/** Ids of one source that are remembered, the youngest; more would only make the file grow. */
const SEEN = 1_000_000;
/** Every so many ids the oldest are forgotten. */
const FORGET_EVERY = 10_000;

type Changes = { readonly [Kind in Change['kind']]: (change: Extract<Change, { kind: Kind }>) => void };

/** The state file, and what is done with it. */
class StateFile {
  readonly #database: DatabaseSync;
  readonly #run: Statements;
  readonly #changes: Changes;

  constructor(folder: string) {
    this.#database = openDatabase(folder);
    this.#run = statements(this.#database);
    this.#changes = changesBy(this.#run);
  }

  /** What a program that begins has to know. */
  opened(): Opened {
    return {
      positions: (this.#run.positions() as { key: string; value: string }[]).map(({ key, value }) => [key, value]),
      snapshots: this.#run.snapshots() as Opened['snapshots'],
      kept: this.#kept(),
    };
  }

  /** All of them, or none. Also without any the file is written. */
  commit(all: readonly Change[]): void {
    this.#database.exec('BEGIN');
    try {
      if (all.length === 0) tryToWrite(this.#database);
      for (const change of all) (this.#changes[change.kind] as (change: Change) => void)(change);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  answer(question: Question): unknown {
    switch (question.ask) {
      case 'seen':
        return question.ids.filter((id) => this.#run.isSeen(question.source, id) !== undefined);
      case 'spooled':
        return this.#spooled(question);
      case 'kept':
        return this.#kept();
      case 'dead':
        return this.#run.listDead(question.sink ?? null, question.sink ?? null);
      case 'close':
        this.#database.close();
        parentPort?.close();
        return undefined;
      case 'letter': {
        const row = this.#run.getDead(question.id) as { data: Uint8Array } | undefined;
        return row && (readable(row.data).text ?? unreadable(row.data));
      }
    }
  }

  /** Whole rows, until they hold as many events as are wanted; at least one. */
  #spooled({ sink, after, events }: Extract<Question, { ask: 'spooled' }>): SpoolRow[] {
    const rows: SpoolRow[] = [];
    let count = 0;
    for (const row of this.#run.readSpool(sink, after) as Iterable<{ id: number; count: number; data: Uint8Array }>) {
      if (rows.length > 0 && count + row.count > events) break;
      count += row.count;
      rows.push({ id: row.id, count: row.count, ...readable(row.data) });
    }
    return rows;
  }

  #kept(): Kept {
    const bySink = (rows: unknown[], what: 'events' | 'bytes' = 'events') =>
      Object.fromEntries(
        (rows as { sink: string; events: number; bytes: number }[]).map((row) => [row.sink, row[what]]),
      );
    const dead = this.#run.countDead();
    return { waiting: bySink(this.#run.countSpool()), dead: bySink(dead), deadBytes: bySink(dead, 'bytes') };
  }
}

function changesBy(run: Statements): Changes {
  let added = 0;
  return {
    position: ({ key, value }) => run.setPosition(key, value),
    seen: ({ source, ids, time }) => {
      for (const id of ids) run.setSeen(source, id, time);
      added += ids.length;
      if (added < FORGET_EVERY) return;
      added = 0;
      run.forgetSeen(source, source, SEEN);
    },
    spool: ({ sink, count, text }) => run.addSpool(sink, count, zstdCompressSync(text)),
    unspool: ({ id }) => run.removeSpool(id),
    condemn: ({ id, reason, message, time }) => {
      run.buryRow(reason, message, time, id);
      run.removeSpool(id);
    },
    bury: ({ sink, reason, message, time, count, text }) =>
      run.addDead(sink, reason, message, time, count, zstdCompressSync(text)),
    exhume: ({ sink, ids }) => {
      const chosen = ids === undefined ? null : JSON.stringify(ids);
      run.respool(sink ?? null, sink ?? null, chosen, chosen);
      run.removeDead(sink ?? null, sink ?? null, chosen, chosen);
    },
    discard: ({ sink, ids }) => {
      const chosen = ids === undefined ? null : JSON.stringify(ids);
      run.discardDead(sink ?? null, sink ?? null, chosen, chosen);
    },
    snapshot: ({ operator, identity, data }) => run.setSnapshot(operator, identity, data),
  };
}

// What waits behind a damaged row must not wait for ever.
function readable(data: Uint8Array): { text?: string } {
  try {
    return { text: zstdDecompressSync(data).toString() };
  } catch {
    return {};
  }
}

// A line of JSON like others, with the bytes as they are.
function unreadable(data: Uint8Array): string {
  return JSON.stringify({ unreadable: Buffer.from(data).toString('base64') });
}

function say(message: Reply | First): void {
  parentPort?.postMessage(message);
}

function serve(folder: string): void {
  const file = new StateFile(folder);
  say({ opened: file.opened() });
  parentPort?.on('message', (message: Message) => {
    try {
      if ('changes' in message) say({ id: message.id, answer: file.commit(message.changes) });
      else say({ id: message.id, answer: file.answer(message.question) });
    } catch (error) {
      say({ id: message.id, error: messageOf(error) });
    }
  });
}

const { folder } = workerData as { folder: string };
try {
  serve(folder);
} catch (error) {
  const { message, exit } = explain(folder, error);
  say({ message, exit });
}

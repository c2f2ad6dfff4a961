/** The store's thread: the only one that touches the state file. */

import { parentPort, workerData } from 'node:worker_threads';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { messageOf } from '../core/errors.ts';
import { explain, openDatabase } from './database.ts';
import type { Change, First, Kept, Message, Opened, Question, Reply, SpoolRow } from './messages.ts';

/** Ids of one source that are remembered, the youngest; more would only make the file grow. */
const SEEN = 1_000_000;
/** Every so many ids the oldest are forgotten. */
const FORGET_EVERY = 10_000;

function serve(): void {
  const { folder } = workerData as { folder: string };
  const database = openDatabase(folder);
  const run = statements(database);
  let added = 0;

  const changes: { [Kind in Change['kind']]: (change: Extract<Change, { kind: Kind }>) => void } = {
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

  function commit(all: readonly Change[]): void {
    database.exec('BEGIN');
    try {
      for (const change of all) (changes[change.kind] as (change: Change) => void)(change);
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  function answer(question: Question): unknown {
    switch (question.ask) {
      case 'seen':
        return question.ids.filter((id) => run.isSeen(question.source, id) !== undefined);
      case 'spooled':
        return spooled(question);
      case 'kept':
        return kept();
      case 'dead':
        return run.listDead(question.sink ?? null, question.sink ?? null);
      case 'close':
        database.close();
        parentPort?.close();
        return undefined;
      case 'letter': {
        const row = run.getDead(question.id) as { data: Uint8Array } | undefined;
        return row && (readable(row.data).text ?? unreadable(row.data));
      }
    }
  }

  // Whole rows, until they hold as many events as are wanted; at least one.
  function spooled({ sink, after, events }: Extract<Question, { ask: 'spooled' }>): SpoolRow[] {
    const rows: SpoolRow[] = [];
    let count = 0;
    for (const row of run.readSpool(sink, after) as Iterable<{ id: number; count: number; data: Uint8Array }>) {
      if (rows.length > 0 && count + row.count > events) break;
      count += row.count;
      rows.push({ id: row.id, count: row.count, ...readable(row.data) });
    }
    return rows;
  }

  function kept(): Kept {
    const bySink = (rows: unknown[], what: 'events' | 'bytes' = 'events') =>
      Object.fromEntries(
        (rows as { sink: string; events: number; bytes: number }[]).map((row) => [row.sink, row[what]]),
      );
    const dead = run.countDead();
    return { waiting: bySink(run.countSpool()), dead: bySink(dead), deadBytes: bySink(dead, 'bytes') };
  }

  const opened: Opened = {
    positions: (run.positions() as { key: string; value: string }[]).map(({ key, value }) => [key, value]),
    snapshots: run.snapshots() as Opened['snapshots'],
    kept: kept(),
  };
  say({ opened });
  parentPort?.on('message', (message: Message) => {
    try {
      if ('changes' in message) say({ id: message.id, answer: commit(message.changes) });
      else say({ id: message.id, answer: answer(message.question) });
    } catch (error) {
      say({ id: message.id, error: messageOf(error) });
    }
  });
}

function statements(database: ReturnType<typeof openDatabase>) {
  const run = (sql: string) => {
    const statement = database.prepare(sql);
    return (...values: (string | number | null | Uint8Array)[]): void => void statement.run(...values);
  };
  const all = (sql: string) => {
    const statement = database.prepare(sql);
    return (...values: (string | number | null)[]): unknown[] => statement.all(...values);
  };
  const one = (sql: string) => {
    const statement = database.prepare(sql);
    return (...values: (string | number)[]): unknown => statement.get(...values);
  };
  const rows = (sql: string) => {
    const statement = database.prepare(sql);
    return (...values: (string | number)[]): Iterable<unknown> => statement.iterate(...values);
  };
  const chosen = 'WHERE (? IS NULL OR sink = ?) AND (? IS NULL OR id IN (SELECT value FROM json_each(?)))';
  // What a source has rejected stays: there is no sink to deliver it to.
  const deliverable = `${chosen} AND sink NOT LIKE 'source %'`;
  return {
    positions: all('SELECT key, value FROM position'),
    setPosition: run('INSERT INTO position VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'),
    isSeen: one('SELECT 1 FROM seen WHERE source = ? AND id = ?'),
    setSeen: run('INSERT OR IGNORE INTO seen VALUES (?, ?, ?)'),
    forgetSeen: run(`DELETE FROM seen WHERE source = ? AND time <
      (SELECT time FROM seen WHERE source = ? ORDER BY time DESC LIMIT 1 OFFSET ?)`),
    addSpool: run('INSERT INTO spool (sink, count, data) VALUES (?, ?, ?)'),
    removeSpool: run('DELETE FROM spool WHERE id = ?'),
    buryRow: run(`INSERT INTO dead (sink, reason, message, time, count, data)
      SELECT sink, ?, ?, ?, count, data FROM spool WHERE id = ?`),
    readSpool: rows('SELECT id, count, data FROM spool WHERE sink = ? AND id > ? ORDER BY id'),
    countSpool: all('SELECT sink, sum(count) AS events FROM spool GROUP BY sink'),
    countDead: all('SELECT sink, sum(count) AS events, sum(length(data)) AS bytes FROM dead GROUP BY sink'),
    addDead: run('INSERT INTO dead (sink, reason, message, time, count, data) VALUES (?, ?, ?, ?, ?, ?)'),
    listDead: all(`SELECT id, sink, reason, message, time, count FROM dead WHERE (? IS NULL OR sink = ?) ORDER BY id`),
    getDead: one('SELECT data FROM dead WHERE id = ?'),
    respool: run(`INSERT INTO spool (sink, count, data) SELECT sink, count, data FROM dead ${deliverable} ORDER BY id`),
    removeDead: run(`DELETE FROM dead ${deliverable}`),
    discardDead: run(`DELETE FROM dead ${chosen}`),
    snapshots: all('SELECT operator, identity, data FROM snapshot'),
    setSnapshot: run(`INSERT INTO snapshot VALUES (?, ?, ?)
      ON CONFLICT (operator) DO UPDATE SET identity = excluded.identity, data = excluded.data`),
  };
}

function text(data: Uint8Array): string {
  return zstdDecompressSync(data).toString();
}

// What waits behind a damaged row must not wait for ever.
function readable(data: Uint8Array): { text?: string } {
  try {
    return { text: text(data) };
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

try {
  serve();
} catch (error) {
  const { message, exit } = explain((workerData as { folder: string }).folder, error);
  say({ message, exit });
}

/** What is asked of the state file, in SQL; each statement is prepared once. */

import type { DatabaseSync } from 'node:sqlite';

export type Statements = ReturnType<typeof statements>;

/** Prepares them. */
export function statements(database: DatabaseSync) {
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

/** Where replayable sources stood, kept across runs in one SQLite file. */

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { exitCode, messageOf, UserError } from '../core/errors.ts';

/** The version of the file's layout; a newer file is refused, an older one is migrated. */
const LAYOUT = 1;

/** Positions that move within this many ms are written together. */
const GROUP = 10;

/** After a failure it is tried again in this many ms. */
const AGAIN = 1000;

export interface PositionStore {
  /** The position of a key; undefined when it has none. */
  get(key: string): unknown;
  /** Notes a position; it is written within 10 ms, or at `close`. */
  set(key: string, position: unknown): void;
  close(): void;
}

/**
 * Opens, or makes, the state file in a folder, for this process alone. Throws a UserError: exit 78 when another process
 * has it, when a newer program wrote it or it is damaged; 77 when it may not be written. `failed` is told when positions
 * could not be written (a full disk); they are kept and tried again.
 */
export function openPositions(folder: string, failed: (error: unknown) => void): PositionStore {
  const path = join(folder, 'state.db');
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Tried beforehand: SQLite would call a want of rights an I/O error.
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    // The exclusive lock is taken by the first write and kept until the file is closed.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; COMMIT',
    );
    chmodSync(path, 0o600);
    migrate(database, path);
    return new Positions(database, failed);
  } catch (error) {
    if (database?.isOpen) database.close();
    throw explain(path, error);
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > LAYOUT) {
    throw new UserError(`${path} was written by a newer falco-pipe (layout ${version}, this one knows ${LAYOUT})`, {
      exit: exitCode.config,
    });
  }
  if (version === 0) {
    database.exec(
      `BEGIN; CREATE TABLE position (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT; PRAGMA user_version = ${LAYOUT}; COMMIT`,
    );
  }
}

function explain(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const message = messageOf(error);
  if (/locked|busy/.test(message)) {
    return new UserError(`${path} is in use by another falco-pipe; give this one a --state folder of its own.`, {
      exit: exitCode.config,
      cause: error,
    });
  }
  const { code } = error as NodeJS.ErrnoException;
  if (/readonly|unable to open/.test(message) || (code && /^E(ACCES|PERM|ROFS|EXIST|NOTDIR|NOENT|NOSPC)$/.test(code))) {
    const advice = 'Name a folder that this user may write to with --state or `state:`';
    return new UserError(`${path} cannot be written: ${message}. ${advice}.`, {
      exit: exitCode.noPermission,
      cause: error,
    });
  }
  const advice = 'Move it away to start afresh: replayable sources then begin where they first began';
  return new UserError(`${path} cannot be used: ${message}. ${advice}.`, { exit: exitCode.config, cause: error });
}

class Positions implements PositionStore {
  readonly #database: DatabaseSync;
  readonly #failed: (error: unknown) => void;
  readonly #read: StatementSync;
  readonly #put: StatementSync;
  readonly #changed = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: DatabaseSync, failed: (error: unknown) => void) {
    this.#database = database;
    this.#failed = failed;
    this.#read = database.prepare('SELECT value FROM position WHERE key = ?');
    this.#put = database.prepare(
      'INSERT INTO position VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  get(key: string): unknown {
    const changed = this.#changed.get(key);
    if (changed !== undefined) return JSON.parse(changed);
    const row = this.#read.get(key) as { value: string } | undefined;
    return row === undefined ? undefined : JSON.parse(row.value);
  }

  set(key: string, position: unknown): void {
    this.#changed.set(key, JSON.stringify(position));
    this.#timer ??= setTimeout(() => this.#write(), GROUP);
  }

  close(): void {
    this.#write();
    clearTimeout(this.#timer);
    this.#database.close();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#changed.size === 0) return;
    try {
      this.#database.exec('BEGIN');
      for (const [key, value] of this.#changed) this.#put.run(key, value);
      this.#database.exec('COMMIT');
      this.#changed.clear();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#failed(error);
      this.#timer = setTimeout(() => this.#write(), AGAIN);
    }
  }
}

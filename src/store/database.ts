/** The state file: opened for one process alone, migrated, and its errors explained. */

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { hasFewFilesLeft, isOfFileLimit, MORE_FILES } from '../core/files/file-limit.ts';
import { STATE_FILE } from './messages.ts';

/** The version of the file's layout; a newer file is refused, an older one is migrated. */
const LAYOUT = 2;

/** Files that an open database may need: itself, its log, a journal, and its folder. */
const FILES = 4;

/** Bytes of a file that is looked through when it is opened. */
const CHECKED = 64 * 1024 ** 2;

/**
 * Opens, or makes, the state file in a folder, for this process alone. Throws a UserError: exit 78 when another process
 * has it, when a newer program wrote it or it is damaged; 77 when it may not be written; 75 when its disk is full.
 */
export function openDatabase(folder: string): DatabaseSync {
  const path = join(folder, STATE_FILE);
  let database: DatabaseSync | undefined;
  try {
    makeFolder(folder);
    // Tried beforehand: SQLite would call a want of rights an I/O error.
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    // The exclusive lock is taken by the first write and kept until the file is closed.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; COMMIT',
    );
    chmodSync(path, 0o600);
    check(database, path);
    migrate(database, path);
    return database;
  } catch (error) {
    if (database?.isOpen) database.close();
    throw explain(folder, error);
  }
}

// Damage is said at the start, not when a row is needed; a large file is not read for that.
function check(database: DatabaseSync, path: string): void {
  if (statSync(path).size > CHECKED) return;
  const { quick_check: found } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (found !== 'ok') throw new Error(`it is damaged: ${found.replaceAll('\n', ' ')}`);
}

// One level at a time, upwards first: mkdir's own recursion never ends below /proc.
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  mkdirSync(folder, { mode: 0o700 });
}

/** What each layout adds to the one before it. */
const STEPS = [
  'CREATE TABLE position (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT',
  `CREATE TABLE seen (source TEXT, id TEXT, time INTEGER NOT NULL, PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;
   CREATE INDEX seen_by_time ON seen (source, time);
   CREATE TABLE spool (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, count INTEGER NOT NULL,
     data BLOB NOT NULL) STRICT;
   CREATE INDEX spool_by_sink ON spool (sink, id);
   CREATE TABLE dead (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, reason TEXT NOT NULL,
     message TEXT NOT NULL, time INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
   CREATE TABLE snapshot (operator TEXT PRIMARY KEY, identity TEXT NOT NULL, data BLOB NOT NULL) STRICT`,
];

function migrate(database: DatabaseSync, path: string): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > LAYOUT) {
    throw new UserError(`${path} was written by a newer falco-pipe (layout ${version}, this one knows ${LAYOUT})`, {
      exit: exitCode.config,
    });
  }
  if (version === LAYOUT) return;
  database.exec(`BEGIN; ${STEPS.slice(version).join('; ')}; PRAGMA user_version = ${LAYOUT}; COMMIT`);
}

/** Writes what is there already: fails as any other write does. */
export function tryToWrite(database: DatabaseSync): void {
  database.exec(`PRAGMA user_version = ${LAYOUT}`);
}

/** The id of the user that a folder belongs to, where that is another one and can be known. */
function foreignOwner(folder: string): number | undefined {
  try {
    const { uid } = statSync(folder);
    return uid === process.getuid?.() ? undefined : uid;
  } catch {
    return undefined;
  }
}

/** What is wrong with the state file in a folder, and what to do. */
export function explain(folder: string, error: unknown): UserError {
  const path = join(folder, STATE_FILE);
  if (error instanceof UserError) return error;
  const message = messageOf(error);
  if (/locked|busy/.test(message)) {
    return new UserError(`${path} is in use by another falco-pipe; give this one a --state folder of its own.`, {
      exit: exitCode.config,
      cause: error,
    });
  }
  // SQLite does not say why.
  if (isOfFileLimit(error) || (/unable to open/.test(message) && hasFewFilesLeft(FILES))) {
    const what = `${path} cannot be opened, for this process may have no more files open`;
    return new UserError(`${what}: ${MORE_FILES}`, { exit: exitCode.unavailable, cause: error });
  }
  const { code = '' } = error as NodeJS.ErrnoException;
  if (['ENOSPC', 'EDQUOT', 'EIO'].includes(code) || /disk is full|disk I\/O error/.test(message)) {
    const advice = 'Make room on its disk, and look whether that is well; what the file has is left as it is';
    return new UserError(`${path} cannot be written: ${message}. ${advice}.`, {
      exit: exitCode.temporary,
      cause: error,
    });
  }
  if (/readonly|unable to open/.test(message) || /^E[A-Z]+$/.test(code)) {
    const owner = foreignOwner(folder);
    const name = owner === undefined ? 'Name' : `It belongs to the user ${owner}: run this as that one, or name`;
    const advice = `${name} a folder that this user may write to with --state or \`state:\``;
    return new UserError(`${path} cannot be written: ${message}. ${advice}.`, {
      exit: exitCode.noPermission,
      cause: error,
    });
  }
  const advice = 'Move it away to start afresh: replayable sources then begin where they first began';
  return new UserError(`${path} cannot be used: ${message}. ${advice}.`, { exit: exitCode.config, cause: error });
}

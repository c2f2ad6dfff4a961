/** The files of a log that is rotated: the one that is written, and those that it was before. */

import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

export interface LogPart {
  readonly path: string;
  /** Tells files apart whatever their names become: device and inode. */
  readonly identity: string;
}

/** Digits of a number, a date or a time, as logrotate and kube-apiserver (lumberjack) put them into names. */
const NUMBERED = /^[.-]\d[\dT.:-]*$/;
const DATED = /^-\d{4}[\dT.:-]*$/;

/** Whether `name` is what a rotated `log` may be called: `audit.log.1`, `audit.log-20260302`, `audit-2026-03-02T10-15-01.007.log`. */
export function isRotated(name: string, log: string): boolean {
  if (name === log) return false;
  if (name.startsWith(log)) return NUMBERED.test(name.slice(log.length));
  const extension = extname(log);
  const stem = log.slice(0, log.length - extension.length);
  if (extension === '' || !name.startsWith(stem) || !name.endsWith(extension)) return false;
  return DATED.test(name.slice(stem.length, name.length - extension.length));
}

/** The identity of a file; undefined when it is not there. */
export async function identityOf(path: string): Promise<string | undefined> {
  const found = await look(path);
  return found?.identity;
}

/** The parts of a log that are there, the oldest first; the one that is written is the last. */
export async function partsOf(path: string): Promise<LogPart[]> {
  for (;;) {
    const parts = await tryPartsOf(path);
    if (parts) return parts;
  }
}

// Undefined where it was rotated while we looked: a part may be missing.
async function tryPartsOf(path: string): Promise<LogPart[] | undefined> {
  const folder = dirname(path);
  const log = basename(path);
  const current = await look(path);
  const names = (await readdir(folder)).filter((name) => isRotated(name, log)).map((name) => join(folder, name));
  const found = (await Promise.all(names.map(look))).filter((each) => each !== undefined);
  if (found.length < names.length || (await identityOf(path)) !== current?.identity) return undefined;
  found.sort((a, b) => (a.written === b.written ? (a.path < b.path ? -1 : 1) : a.written < b.written ? -1 : 1));
  const parts = current ? [...found.filter((each) => each.identity !== current.identity), current] : found;
  return parts.map(({ path, identity }) => ({ path, identity }));
}

async function look(path: string): Promise<(LogPart & { readonly written: bigint }) | undefined> {
  try {
    const { dev, ino, mtimeNs } = await stat(path, { bigint: true });
    return { path, identity: `${dev}:${ino}`, written: mtimeNs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

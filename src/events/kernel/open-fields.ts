/** What readers of fields of the open family share. */

import { joinPath } from '../paths.ts';
import type { KernelEvent } from './event.ts';
import { OPEN, OPEN_TEXTS } from './layout.ts';
import { CREAT_FLAGS, creates, makesTemporary, opensDirectory } from './open-flags.ts';
import { openedPath } from './opened-paths.ts';
import { type SplitPath, split } from './path-cache.ts';

const NR_CREAT = 85;
export const NR_OPENAT2 = 437;
export const AT_FDCWD = -100;
const RESOLVE_IN_ROOT = 0x10;
const UNKNOWN = '<UNKNOWN>';

const MEMO_NAME = 2;

export const isCreat = (event: KernelEvent) => event.u32(OPEN.nr) === NR_CREAT;

/** open(2)'s flags; creat has none, and means these. */
export function linuxFlags(event: KernelEvent): number {
  return isCreat(event) ? CREAT_FLAGS : event.u32(OPEN.open_flags);
}

export const succeeded = (event: KernelEvent) => event.i32(OPEN.ret + 4) >= 0;

/** The path as the caller wrote it. */
export function rawPath(event: KernelEvent): string {
  const path = openedPath(event);
  if (path === undefined) return event.text(OPEN_TEXTS, OPEN_TEXTS.raw);
  return (path.raw ??= event.decode(OPEN_TEXTS, OPEN_TEXTS.raw));
}

/**
 * The path as the call names it, absolute and normalised. Where the kernel could not read all of it from the caller's memory,
 * or its directory is not known, it is the canonical one when the call succeeded; else undefined, or with `<UNKNOWN>` in front.
 */
export function openName(event: KernelEvent): string | undefined {
  const path = openedPath(event);
  if (path === undefined) return event.memo(MEMO_NAME, makeName);
  if (path.name === null) path.name = makeName(event);
  return path.name;
}

/** The directory that the call starts from stands for the root: its path is in front of absolute ones too. */
export function isInRoot(event: KernelEvent): boolean {
  return event.u32(OPEN.nr) === NR_OPENAT2 && (event.u32(OPEN.resolve) & RESOLVE_IN_ROOT) !== 0;
}

function makeName(event: KernelEvent): string | undefined {
  const inRoot = isInRoot(event);
  const raw = rawPath(event);
  if (raw === '') return event.has('unread') ? realPath(event) : '';
  // Without its end a path would pass for another one, and so would a directory without its beginning.
  if (event.has('cut')) return realPath(event) ?? UNKNOWN + raw;
  if (!inRoot && raw.startsWith('/')) return joinPath('', raw);
  const base = event.text(OPEN_TEXTS, OPEN_TEXTS.base);
  if (base === '' || baseIsCut(event)) return realPath(event) ?? UNKNOWN + raw;
  return joinPath(base, inRoot ? joinPath('', `/${raw}`).slice(1) || '.' : raw);
}

/** Directory and name of the file that `openName` names. */
export function openParts(event: KernelEvent, name: string): SplitPath {
  const path = openedPath(event);
  return path === undefined ? split(name) : (path.parts ??= split(name));
}

/** Whether the directory that the path starts from lacks its beginning. */
export const baseIsCut = (event: KernelEvent) => event.has('base_partial');

/** The canonical path of what was opened; undefined unless it is complete and as the process sees it. */
export function realPath(event: KernelEvent): string | undefined {
  const path = openedPath(event);
  if (path === undefined) return makeReal(event);
  if (path.real === null) path.real = makeReal(event);
  return path.real;
}

function makeReal(event: KernelEvent): string | undefined {
  return realIsWhole(event) ? event.decode(OPEN_TEXTS, OPEN_TEXTS.real) : undefined;
}

/** Whether the canonical path is there, complete and as the process sees it. */
export function realIsWhole(event: KernelEvent): boolean {
  const length = event.textLength(OPEN_TEXTS, OPEN_TEXTS.real);
  return length > 0 && !event.has('path_partial') && !event.has('path_outside');
}

/** Whether the call may make a file: else its mode means nothing, and may be whatever stood in the register. */
export function makesFile(event: KernelEvent): boolean {
  const flags = linuxFlags(event);
  return creates(flags) || makesTemporary(flags);
}

export const opensADirectory = (event: KernelEvent) => opensDirectory(linuxFlags(event));

/** Major and minor number of a device as userspace encodes it (makedev(3), 32 bits). */
export const major = (dev: number) => (dev >>> 8) & 0xfff;
export const minor = (dev: number) => (dev & 0xff) | ((dev >>> 12) & 0xfff00);

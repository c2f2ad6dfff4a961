/** What only one part of a pipeline can have: a file that is written, an address that is listened at, a queue that is read. */

import { fstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { addressOf, hostsOf } from './net/address.ts';

/** Symbolic links that are followed, as the system does: path_resolution(7). */
const LINKS = 40;
/** The major number of the devices that are memory, or nothing: null(4). */
const MEMORY = 1;

/** The resource that is the standard output of whatever process the pipeline runs in. */
export const STDOUT = 'the standard output';

export interface Claim {
  /** Equal where the same is meant. */
  readonly resource: string;
  /** What is done with it, for people: `listens at 127.0.0.1:9765`. */
  readonly does: string;
  /** Others who say the same may share it. */
  readonly shared?: true | 'reads' | 'writes';
  /** Why two cannot have it, and what to do. Default: each needs its own. */
  readonly advice?: string;
}

/** The file at an absolute path, by whatever name others call it. */
export function writing(path: string): Claim[] {
  const resource = isStdout(path) ? STDOUT : fileAt(path);
  const does = `writes ${path}`;
  return resource === undefined ? [] : [{ resource, does }, ...makingBelow(path, does)];
}

/** All files below a folder, at an absolute path, whose names have one of these endings (`.json`), also those yet to be made. */
export function readingBelow(folder: string, endings: readonly string[]): Claim[] {
  const does = `reads what is below ${folder}`;
  const root = fileAt(folder) as string;
  return endings.map((ending) => ({ resource: below(root, ending), does, shared: 'reads', advice: READ }));
}

// Of a file that is there whoever reads its folder names it itself.
function makingBelow(path: string, does: string): Claim[] {
  const place = placeToBe(path);
  if (place === undefined) return [];
  const endings = [
    ...basename(place)
      .toLowerCase()
      .matchAll(/(?=(\..*))/g),
  ].map(([, ending]) => ending as string);
  return foldersOf(place).flatMap((folder) =>
    endings.map((ending) => ({ resource: below(fileAt(folder) as string, ending), does, shared: 'writes' as const })),
  );
}

const below = (root: string, ending: string) => `files *${ending} below ${root}`;

function foldersOf(place: string): string[] {
  const folder = dirname(place);
  return folder === place ? [] : [folder, ...foldersOf(folder)];
}

/** The file at an absolute path, for those who read it or are made of it: none of them, nor anybody else, may write it. */
export function reading(path: string, does = `reads ${path}`): Claim[] {
  const resource = fileAt(path);
  return resource === undefined ? [] : [{ resource, does, shared: true, advice: READ }];
}

const READ = 'What is read here must not be written here: name another file.';

/** Those who write to the standard output share it with each other. */
export function writingToStdout(): Claim[] {
  return [{ resource: STDOUT, does: 'writes to the standard output', shared: true }];
}

/** What the standard output of this process is, as the resource of a claim; undefined: all may write to it. */
export function standardOutput(): string | undefined {
  return existing(fstatSync(1));
}

/** HOST:PORT. All addresses of a family are taken with any one of it (ip(7), and ipv6(7) for `::`, which is both). */
export function listening(listen: string): Claim[] {
  const { host, port } = addressOf(listen);
  if (port === 0) return []; // each gets another
  const does = `listens at ${listen}`;
  const all = (family: 4 | 6) => ({ resource: `port ${port} of IPv${family}`, does });
  return hostsOf(host).flatMap((each): Claim[] => {
    const one = { resource: `port ${port} of ${each}`, does };
    if (each === '0.0.0.0') return [all(4)];
    if (each === '::') return [all(4), all(6)];
    if (isIPv4(each)) return [one, { ...all(4), shared: true }];
    if (isIPv6(each)) return [one, { ...all(6), shared: true }];
    return [one]; // whichever address the name stands for
  });
}

// By its inode where there is one, so that all links lead to the same; else by its place in what there is of folders.
function fileAt(path: string): string | undefined {
  try {
    return existing(statSync(path));
  } catch {
    return `file ${placeToBe(path)}`;
  }
}

/** Where a file at an absolute path would be made; undefined when it is there. */
function placeToBe(path: string, links = LINKS): string | undefined {
  if (isThere(path)) return undefined;
  const target = links > 0 ? linkAt(path) : undefined;
  return target === undefined ? placeOf(path) : placeToBe(target, links - 1);
}

/** Whether a path names the standard output of whoever opens it: proc_pid_fd(5). */
function isStdout(path: string, links = LINKS): boolean {
  if (placeOf(path) === `/proc/${process.pid}/fd/1`) return true;
  const target = links > 0 ? linkAt(path) : undefined;
  return target !== undefined && isStdout(target, links - 1);
}

/** The name at an absolute path, by whatever way others come to its folder; a link there is not followed. */
export function placeOf(path: string): string {
  return join(real(dirname(path)), basename(path));
}

function existing(found: Stats): string | undefined {
  // /dev/null takes everything from everybody.
  const isMemory = found.isCharacterDevice() && found.rdev >> 8 === MEMORY;
  return isMemory ? undefined : `inode ${found.dev}:${found.ino}`;
}

function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Where a symbolic link leads that leads to nothing yet. */
function linkAt(path: string): string | undefined {
  try {
    return resolve(real(dirname(path)), readlinkSync(path));
  } catch {
    return undefined;
  }
}

function real(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder === dirname(folder) ? folder : join(real(dirname(folder)), basename(folder));
  }
}

/** What is named like a file and gives what it has only once. */

import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';

/** What pipes gave, by their inode: whoever names one of them later gets the same. */
const given = new Map<string, string>();

/**
 * Whether a path is that of a pipe or a device: `/dev/fd/9`, a FIFO. What is read of it is gone, and who reads waits for
 * who writes. False also where nothing is there, or may be looked at: reading says why.
 */
export function isReadOnce(path: string): boolean {
  try {
    return givesOnce(statSync(path));
  } catch {
    return false;
  }
}

/** Whether a path means what the program was given open: its standard input, `<(…)` of a shell. */
export function isHandedOver(path: string): boolean {
  return /^\/(?:dev\/(?:stdin|fd\/\d+)|proc\/(?:self|\d+)\/fd\/\d+)$/.test(path);
}

/** Bytes of the largest configuration; a device may have no end. */
const LIMIT = 128 * 1024 ** 2;
const CHUNK = 64 * 1024;

/** All bytes of a file, or of an open descriptor. Throws as the system does, and for more than 128 MiB. */
export function readLimited(from: string | number): Buffer {
  const fd = typeof from === 'number' ? from : openSync(from, 'r');
  const chunks: Buffer[] = [];
  try {
    for (let left = LIMIT; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const length = readSync(fd, chunk);
      if (length === 0) return Buffer.concat(chunks);
      left -= length;
      if (left < 0) throw new Error('it has more than 128 MiB, or no end');
      chunks.push(chunk.subarray(0, length));
    }
  } finally {
    if (fd !== from) closeSync(fd);
  }
}

/**
 * The text of a file, each time anew. A pipe is read once and what it gave is kept, whoever asks. Throws as the system
 * does, for a pipe that has nothing to give, and for more than 128 MiB.
 */
export function readText(path: string): string {
  if (!isReadOnce(path)) return readLimited(path).toString();
  const stat = statSync(path);
  const inode = `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
  // A socket, as programs give their children, is read but not opened.
  const text = given.get(inode) || readLimited(path === '/dev/stdin' ? 0 : path).toString();
  if (text === '') throw new Error(`the pipe ${path} has nothing, or nothing more, to give`);
  given.set(inode, text);
  return text;
}

function givesOnce(stat: Stats): boolean {
  return stat.isFIFO() || stat.isCharacterDevice() || stat.isSocket();
}

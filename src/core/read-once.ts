/** What is named like a file and gives what it has only once. */

import { readFileSync, type Stats, statSync } from 'node:fs';

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

/**
 * The text of a file, each time anew. A pipe is read once and what it gave is kept, whoever asks. Throws as the system
 * does, and for a pipe that has nothing to give.
 */
export function readText(path: string): string {
  if (!isReadOnce(path)) return readFileSync(path, 'utf8');
  const stat = statSync(path);
  const inode = `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
  // A socket, as programs give their children, is read but not opened.
  const text = given.get(inode) || readFileSync(path === '/dev/stdin' ? 0 : path, 'utf8');
  if (text === '') throw new Error(`the pipe ${path} has nothing, or nothing more, to give`);
  given.set(inode, text);
  return text;
}

function givesOnce(stat: Stats): boolean {
  return stat.isFIFO() || stat.isCharacterDevice() || stat.isSocket();
}

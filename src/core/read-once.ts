/** What is named like a file and gives what it has only once. */

import { statSync } from 'node:fs';

/**
 * Whether a path is that of a pipe or a device: `/dev/fd/9`, a FIFO. What is read of it is gone, and who reads waits for
 * who writes. False also where nothing is there, or may be looked at: reading says why.
 */
export function isReadOnce(path: string): boolean {
  try {
    const stat = statSync(path);
    return stat.isFIFO() || stat.isCharacterDevice() || stat.isSocket();
  } catch {
    return false;
  }
}

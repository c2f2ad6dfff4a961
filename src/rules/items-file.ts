/** Reads a file that may be large while others have their turn. */

import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/** Bytes between two chances to do something else. */
const SLICE = 1024 * 1024;

/** The content of a file, or what a pipe gives. Throws as the system does. */
export function* readInSteps(path: string): Generator<void, Uint8Array> {
  const file = openSync(path, 'r');
  try {
    // One byte more shows whether it has grown; a pipe says that it has none.
    const bytes = Buffer.allocUnsafeSlow(fstatSync(file).size + 1);
    for (let end = 0; end < bytes.length; ) {
      const length = readSync(file, bytes, end, Math.min(SLICE, bytes.length - end), null);
      if (length === 0) return bytes.subarray(0, end);
      end += length;
      yield;
    }
    return Buffer.concat([bytes, readFileSync(file)]);
  } finally {
    closeSync(file);
  }
}

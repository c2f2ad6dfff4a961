/** Files that lists come from: regular ones, and not without bound. */

import * as regular from '../../core/files/regular-file.ts';
import { MOST_BYTES } from './items-bounds.ts';

/** The content of a file, in steps of some ms. Throws for what is no regular file, or larger than a list may be. */
export function readInSteps(path: string): Generator<void, Uint8Array> {
  return regular.readInSteps(path, MOST_BYTES);
}

/** The same beside this thread. */
export function readAside(path: string, signal: AbortSignal): Promise<Uint8Array> {
  return regular.readAside(path, MOST_BYTES, signal);
}

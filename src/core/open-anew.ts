/** A pipe or terminal that was given to the program, without waiting for its reader. */

import { constants, openSync } from 'node:fs';

const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * A descriptor of the same pipe or terminal that does not block, and is ours alone: the one that was given is shared with
 * the shell, and would be so for all. Undefined where it cannot be opened anew: a socket, and what another user opened.
 */
export function openAnew(fd: 1 | 2): number | undefined {
  try {
    return openSync(`/dev/fd/${fd}`, FLAGS);
  } catch {
    return undefined;
  }
}

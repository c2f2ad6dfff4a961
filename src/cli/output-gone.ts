/** A verb whose standard output cannot be written any more ends: `falco-pipe list fields | head`. */

import { exitCode, messageOf } from '../core/errors.ts';
import { complain } from './fail.ts';

/** As a shell tells of a program that the signal SIGPIPE has ended. */
const SIGPIPE = 128 + 13;

let isWatched = false;

/** From now on a reader who has gone ends the program quietly, any other failure of the standard output with a line. */
export function endWithOutput(): void {
  if (isWatched) return;
  isWatched = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(SIGPIPE);
    complain(`The standard output cannot be written: ${messageOf(error)}`);
    process.exit(exitCode.failure);
  });
}

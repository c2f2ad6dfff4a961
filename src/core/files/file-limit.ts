/** The limit of files that a process may have open (RLIMIT_NOFILE): how it shows, and what to do. */

import { closeSync, openSync } from 'node:fs';
import { messageOf } from '../errors.ts';

/** What to do where this process may not open as many files as it needs. */
export const MORE_FILES = 'raise the limit: ulimit -n 1024, or LimitNOFILE= of the service';

/** Whether an error is of the limit, in the words of Node.js, of its threads or of the system. */
export function isOfFileLimit(error: unknown): boolean {
  return /\bEMFILE\b|\btoo many open files\b/i.test(messageOf(error));
}

/** Whether fewer than `count` more files can be opened: for who has an error that does not say why. */
export function hasFewFilesLeft(count: number): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < count) opened.push(openSync('/dev/null', 'r'));
    return false;
  } catch (error) {
    return isOfFileLimit(error);
  } finally {
    for (const each of opened) closeSync(each);
  }
}

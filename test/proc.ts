/** What /proc says of a process. */

import { readFileSync } from 'node:fs';

/** Field N of /proc/PID/stat, proc_pid_stat(5); the name in parentheses is field 2. Throws when there is no such process. */
export function statOf(pid: number, field: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[field - 3]);
}

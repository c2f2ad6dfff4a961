/** A pipe or terminal that was given to the program, without waiting for its reader. */

import { constants, fstatSync, openSync, readFileSync } from 'node:fs';

const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * A descriptor of the same pipe or terminal that does not block, and is ours alone: the one that was given is shared with
 * the shell, and would be so for all. Undefined where it cannot be opened anew: a socket, and what another user opened,
 * unless it is the controlling terminal, which everybody may open by another name (tty(4)).
 */
export function openAnew(fd: 1 | 2): number | undefined {
  return opened(`/dev/fd/${fd}`) ?? (isControlling(fd) ? opened('/dev/tty') : undefined);
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, FLAGS);
  } catch {
    return undefined;
  }
}

/** By the device number in proc_pid_stat(5), five fields after the name in brackets. */
function isControlling(fd: number): boolean {
  try {
    const [terminal] = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ').slice(4) ?? [];
    return terminal !== '0' && fstatSync(fd).rdev === Number(terminal);
  } catch {
    return false;
  }
}

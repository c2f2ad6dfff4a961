/** Users and groups of containers: of their own passwd and group files, read through a process that is in them. */

import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { parseGroup, parsePasswd, type User } from './accounts.ts';

export interface ContainerAccountsOptions {
  /** Where the processes are; default `/proc`. */
  readonly proc?: string;
  /** Milliseconds of a steady clock. */
  readonly now?: () => number;
}

/** Mount namespaces that are remembered. */
const NAMESPACES = 1024;
/** ms after which files are read again. */
const FRESH = 10_000;
/** ms after which it is tried again, when no process was there to read them through. */
const RETRY = 20;
/** Bytes of a file; what a container makes larger is not believed. */
const MOST = 1024 * 1024;

interface Known {
  users: ReadonlyMap<number, User>;
  groups: ReadonlyMap<number, string>;
  again: number;
}

export class ContainerAccounts {
  readonly #proc: string;
  readonly #now: () => number;
  // In the order of use.
  readonly #known = new Map<number, Known>();

  constructor({ proc = '/proc', now = () => performance.now() }: ContainerAccountsOptions = {}) {
    this.#proc = proc;
    this.#now = now;
  }

  /** A user of a mount namespace (its inode number). `pids`: processes that are in it, or were. */
  user(namespace: number, uid: number, pids: () => Iterable<number>): User | undefined {
    return this.#of(namespace, pids).users.get(uid);
  }

  groupName(namespace: number, gid: number, pids: () => Iterable<number>): string | undefined {
    return this.#of(namespace, pids).groups.get(gid);
  }

  #of(namespace: number, pids: () => Iterable<number>): Known {
    let known = this.#known.get(namespace);
    if (known) this.#known.delete(namespace);
    else known = { users: new Map(), groups: new Map(), again: 0 };
    this.#known.set(namespace, known);
    if (this.#known.size > NAMESPACES) this.#known.delete(this.#known.keys().next().value as number);
    if (this.#now() >= known.again) this.#read(namespace, known, pids());
    return known;
  }

  #read(namespace: number, known: Known, pids: Iterable<number>): void {
    known.again = this.#now() + RETRY;
    for (const pid of pids) {
      const folder = `${this.#proc}/${pid}`;
      const users = parsePasswd(readSmall(`${folder}/root/etc/passwd`));
      const groups = parseGroup(readSmall(`${folder}/root/etc/group`));
      // Gone meanwhile, or a number that is another process's by now: another one may still be there.
      if (namespaceOf(folder) !== namespace) continue;
      Object.assign(known, { users, groups, again: this.#now() + FRESH });
      return;
    }
  }
}

function namespaceOf(folder: string): number | undefined {
  try {
    return statSync(`${folder}/ns/mnt`).ino;
  } catch {
    return undefined;
  }
}

/** A file of a container, which may be anything: a pipe that nobody writes to, or without an end. Nothing when it is no file. */
function readSmall(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY);
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= MOST ? readFileSync(fd, 'utf8') : '';
  } catch {
    return '';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

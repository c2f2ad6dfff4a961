/** Names of users and groups, from the passwd and group files of a root directory (passwd(5), group(5)). */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface User {
  readonly uid: number;
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

/** The users of a passwd file by uid; of two with one uid the first counts. Malformed lines are passed over. */
export function parsePasswd(text: string): ReadonlyMap<number, User> {
  const users = new Map<number, User>();
  for (const line of text.split('\n')) {
    const [name, , id, , , home = '', shell = ''] = line.split(':');
    const uid = parseId(id);
    if (name && uid !== undefined && !users.has(uid)) users.set(uid, { uid, name, home, shell });
  }
  return users;
}

/** The names of a group file by gid; of two with one gid the first counts. Malformed lines are passed over. */
export function parseGroup(text: string): ReadonlyMap<number, string> {
  const groups = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    const gid = parseId(id);
    if (name && gid !== undefined && !groups.has(gid)) groups.set(gid, name);
  }
  return groups;
}

function parseId(text: string | undefined): number | undefined {
  const id = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  return id !== undefined && id <= 0xffffffff ? id : undefined;
}

/** A file of text: its version changes when its contents may have. Either is undefined when there is no such file. */
export interface TextFile {
  version(): string | undefined;
  read(): string | undefined;
}

function textFile(path: string): TextFile {
  return {
    version() {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat && `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
    },
    read: () => readFileSync(path, 'utf8'),
  };
}

export interface AccountsOptions {
  /** Where `etc/passwd` and `etc/group` are looked for; default `/`. */
  readonly root?: string;
  readonly passwd?: TextFile;
  readonly group?: TextFile;
  /** Milliseconds of a steady clock. A file is looked at again after a second at the earliest. */
  readonly now?: () => number;
}

const CHECK_AFTER_MS = 1000;

/** Looks users and groups up; keeps the parsed files and reads them again when they have changed. */
export class Accounts {
  readonly #users: Cached<ReadonlyMap<number, User>>;
  readonly #groups: Cached<ReadonlyMap<number, string>>;

  constructor({ root = '/', passwd, group, now = () => performance.now() }: AccountsOptions = {}) {
    this.#users = new Cached(passwd ?? textFile(join(root, 'etc/passwd')), parsePasswd, now);
    this.#groups = new Cached(group ?? textFile(join(root, 'etc/group')), parseGroup, now);
  }

  /** The user, or undefined without a record; uid 0 is root in any case, as in Falco (spec/falco-engine.md §6.1). */
  user(uid: number): User | undefined {
    return this.#users.get().get(uid) ?? (uid === 0 ? { uid, name: 'root', home: '/root', shell: '' } : undefined);
  }

  userName(uid: number): string | undefined {
    return this.user(uid)?.name;
  }

  groupName(gid: number): string | undefined {
    return this.#groups.get().get(gid) ?? (gid === 0 ? 'root' : undefined);
  }
}

class Cached<T> {
  readonly #file: TextFile;
  readonly #parse: (text: string) => T;
  readonly #now: () => number;
  #checked = Number.NEGATIVE_INFINITY;
  #version: string | undefined;
  #value: T;

  constructor(file: TextFile, parse: (text: string) => T, now: () => number) {
    this.#file = file;
    this.#parse = parse;
    this.#now = now;
    this.#value = parse('');
  }

  get(): T {
    const now = this.#now();
    if (now - this.#checked >= CHECK_AFTER_MS) {
      this.#checked = now;
      this.#refresh();
    }
    return this.#value;
  }

  #refresh(): void {
    try {
      const version = this.#file.version();
      if (version === this.#version) return;
      this.#value = this.#parse(version === undefined ? '' : (this.#file.read() ?? ''));
      this.#version = version;
    } catch {
      // Unreadable, or replaced while we read: what we know stays, and the next look tries again.
    }
  }
}

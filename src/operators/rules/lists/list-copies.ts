/**
 * Copies of what lists from the web had last, in a folder of the state folder: a start goes on with them where an address
 * gives no list, and asks by them whether it has another one.
 */

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../core/errors.ts';
import { readBeginning, readInSteps } from '../../../core/files/regular-file.ts';
import { inSlices, type Steps } from '../../../core/steps.ts';
import type { ItemsFrom } from '../../../rules/index.ts';
import { MOST_BYTES } from '../../../rules/lists/items-bounds.ts';
import type { Validators } from '../../../rules/lists/items-fetch.ts';
import type { Had } from './lists.ts';

/** What an address gave, as it came. */
export interface Answer {
  readonly content: Uint8Array;
  readonly validators?: Validators | undefined;
  /** What was found in it. */
  readonly tally?: Had | undefined;
}

/** A copy of it, and when the address gave that last, in ms since the epoch. */
export interface Copy extends Answer {
  readonly time: number;
}

const FOLDER = 'lists';
/**
 * What a copy begins with: then come the SHA-256 of its name and of all that follows, the
 * validators and what was found in it, and the answer.
 */
const KIND = 'falco-pipe list 1 ';
/** Bytes that stand before the answer, at most. */
const HEAD = 64 * 1024;
/** Bytes between two chances to do something else. */
const SLICE = 1024 * 1024;
/** What is ours in the folder. */
const OURS = /^[0-9a-f]{64}(?:\.new)?$/;
const LINE_END = 10;

/** The copies of one run. Only one that has the state folder for itself writes. */
export class ListCopies {
  readonly #folder: string;
  readonly #used = new Set<string>();
  readonly #written = new WeakMap<Uint8Array, Promise<void>>();
  /** The digests of copies that are sound: what comes again every few minutes is not written again. */
  readonly #sound = new Map<string, string>();
  #last: Promise<void> = Promise.resolve();

  /** @param state the state folder */
  constructor(state: string) {
    this.#folder = join(state, FOLDER);
  }

  /** What its server said of the copy of a list; undefined when there is none, or none that can be read. */
  validatorsOf(from: ItemsFrom): Validators | undefined {
    try {
      return headOf(readBeginning(this.#pathOf(from), HEAD)).validators;
    } catch {
      return undefined; // it is said when the copy is needed
    }
  }

  /** Whether a list has a copy, of whatever worth. */
  has(from: ItemsFrom): boolean {
    return existsSync(this.#pathOf(from));
  }

  /** What was found in the copy of a list, for whoever asks of that list for the first time; undefined: that is not known. */
  tallyOf(from: ItemsFrom): Had | undefined {
    if (this.#used.has(nameOf(from))) return undefined;
    try {
      return headOf(readBeginning(this.#pathOf(from), HEAD)).tally;
    } catch {
      return undefined;
    }
  }

  /** The copy of a list; undefined when there is none. @throws Error that says why it cannot be used */
  *read(from: ItemsFrom): Steps<Copy | undefined> {
    const [name, path] = [nameOf(from), this.#pathOf(from)];
    try {
      const time = statSync(path).mtime.getTime();
      const file = yield* readInSteps(path, MOST_BYTES + HEAD);
      const { digest, rest, content, validators } = headOf(file);
      if (digest !== (yield* digestOf(name, rest))) throw new Error('it is damaged');
      this.#sound.set(name, digest);
      return { content, time, validators };
    } catch (error) {
      this.#sound.delete(name);
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new Error(`its copy ${path} cannot be used: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Makes an answer the copy of a list; until it is on disk the one before it stays. */
  write(from: ItemsFrom, answer: Answer): Promise<void> {
    const { content } = answer;
    let written = this.#written.get(content);
    if (written === undefined) {
      this.#written.set(content, (written = this.#last.then(() => this.#write(nameOf(from), answer))));
      this.#last = written.catch(() => void this.#written.delete(content));
    }
    return written;
  }

  /** Notes that the address of a list would give again what it has a copy of. Whether it has one. */
  confirm(from: ItemsFrom): Promise<boolean> {
    return touch(this.#pathOf(from));
  }

  /** Removes the copies of lists that nobody has asked for since this was made, and what a run that was killed has left. */
  async sweep(): Promise<void> {
    const files = await readdir(this.#folder).catch(() => []);
    for (const file of files) {
      if (OURS.test(file) && !this.#used.has(file)) await rm(join(this.#folder, file), { force: true });
    }
  }

  /** Resolves when all that is to be written so far is, or cannot be. */
  settled(): Promise<void> {
    return this.#last;
  }

  #pathOf(from: ItemsFrom): string {
    const name = nameOf(from);
    this.#used.add(name);
    return join(this.#folder, name);
  }

  async #write(name: string, { content, validators, tally }: Answer): Promise<void> {
    const { items, absolute } = tally ?? {};
    const head = Buffer.from(`${JSON.stringify({ ...validators, items, absolute })}\n`);
    const digest = await inSlices(digestOf(name, head, content));
    const path = join(this.#folder, name);
    if (this.#sound.get(name) === digest && (await touch(path))) return;
    this.#sound.delete(name);
    await mkdir(this.#folder, { mode: 0o700, recursive: true });
    await this.#refuseWithoutRoom(content.length);
    const fresh = `${path}.new`;
    try {
      await rm(fresh, { force: true });
      await writeThrough(fresh, [Buffer.from(`${KIND}${digest}\n`), head, content]);
      await rename(fresh, path);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      throw error;
    }
    await syncFolder(this.#folder);
    this.#sound.set(name, digest);
  }

  /** What would not fit must not take for a moment the room that the state file needs. */
  async #refuseWithoutRoom(bytes: number): Promise<void> {
    const { bavail, bsize, blocks } = await statfs(this.#folder);
    // Some file systems do not tell.
    if (blocks > 0 && bavail * bsize < bytes + HEAD) throw new Error('no space left on device');
  }
}

/** No two lists have one, and what may be a secret in an address is not in it. */
function nameOf({ address, headers }: ItemsFrom): string {
  return createHash('sha256')
    .update(JSON.stringify([address, headers]))
    .digest('hex');
}

/** What stands before the answer, and the answer. Throws when it is not there. */
function headOf(file: Uint8Array) {
  const top = file.subarray(0, HEAD);
  const first = top.indexOf(LINE_END) + 1;
  const second = top.indexOf(LINE_END, first) + 1;
  const [mark, head] = [top.subarray(0, first), top.subarray(first, second)].map((line) =>
    Buffer.from(line).toString(),
  );
  if (first === 0 || !mark?.startsWith(KIND)) throw new Error('it is no copy of a list');
  return {
    digest: mark.slice(KIND.length, -1),
    rest: file.subarray(first),
    content: file.subarray(second),
    ...toldIn(head ?? ''),
  };
}

function toldIn(head: string): Pick<Answer, 'validators' | 'tally'> {
  let told: Partial<Record<keyof Validators | keyof Had, unknown>>;
  try {
    told = JSON.parse(head) ?? {};
  } catch (cause) {
    throw new Error('it is damaged', { cause });
  }
  const { etag, modified, items, absolute } = told;
  const validators = { ...(isSent(etag) ? { etag } : {}), ...(isSent(modified) ? { modified } : {}) };
  return {
    ...(Object.keys(validators).length === 0 ? {} : { validators }),
    ...(typeof items === 'number' && typeof absolute === 'number' ? { tally: { items, absolute } } : {}),
  };
}

/** Whether it can stand in a header: it may be read before it is known to be sound. */
function isSent(value: unknown): value is string {
  return typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]+$/.test(value);
}

function* digestOf(name: string, ...parts: readonly Uint8Array[]): Steps<string> {
  const hash = createHash('sha256').update(name);
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE) {
      hash.update(part.subarray(at, at + SLICE));
      yield;
    }
  }
  return hash.digest('hex');
}

/** Makes it as old as this moment. Whether it is there. */
async function touch(path: string): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(path, now, now);
    return true;
  } catch {
    return false; // then it is older than it could be
  }
}

async function writeThrough(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What was renamed in it stays so. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

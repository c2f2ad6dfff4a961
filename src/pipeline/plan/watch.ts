/**
 * Watching files by their content. Folders are watched, not files: a rename, an editor that writes another file and a
 * ConfigMap whose `..data` link is turned elsewhere are all changes of an entry of a folder (inotify(7)).
 */

import { createHash } from 'node:crypto';
import { createReadStream, type FSWatcher, readFileSync, readlinkSync, statSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { stampOf } from '../../core/files/file-stamp.ts';
import { isReadOnce, readText } from '../../core/files/read-once.ts';
import { yamlNamesIn } from '../../core/files/yaml-folder.ts';

/** Changes within so many ms belong together. */
const TOGETHER = 100;
/** Bytes that are read of a file in one turn of the event loop. */
const SLICE = 256 * 1024;
/** The name of an entry that stands for whatever entry a folder has. */
const ANY = '';
/** As many symbolic links as the kernel follows. */
const LINKS = 40;

/** The content of files as it was read: digests by absolute path. */
export type Contents = Map<string, string>;

/** The content of a file as it is now; of a folder the names of the YAML files in it. */
export function contentOf(path: string): string {
  try {
    return digestOf(yamlNamesIn(path)?.join('\n') ?? (isReadOnce(path) ? readText(path) : readFileSync(path)));
  } catch {
    return digestOf(undefined);
  }
}

/** What stands for a content, or for none that could be read, in `Contents`. */
export function digestOf(content: string | Uint8Array | undefined): string {
  return content === undefined ? 'none' : createHash('sha256').update(content).digest('hex');
}

/** What a file had when its inode was so. */
interface Known {
  readonly stamp: string;
  readonly content: string;
}

/** Tells when files have another content than they had. What is as it was by its inode is not read again. */
export class Watcher {
  readonly #changed: () => void;
  readonly #failed: (error: unknown) => void;
  readonly #watched = new Map<string, FSWatcher>();
  #contents: Contents = new Map();
  #names = new Map<string, Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  readonly #known = new Map<string, Known>();
  /** Counts what it was told to watch; a look at what it was told before says nothing any more. */
  #watches = 0;
  #looking = false;
  #again = false;
  #closed = false;

  /** @param failed told that a folder cannot be watched */
  constructor(changed: () => void, failed: (error: unknown) => void) {
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Watches these files, and no others, against this content; what has changed since it was read is told soon. */
  watch(contents: Contents): void {
    this.#contents = contents;
    this.#watches++;
    for (const path of this.#known.keys()) if (!contents.has(path)) this.#known.delete(path);
    this.#arm();
    this.#soon();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #arm(): void {
    this.#names = entriesOf(this.#contents.keys());
    for (const [folder, watcher] of this.#watched) if (!this.#names.has(folder)) this.#forget(folder, watcher);
    for (const folder of this.#names.keys()) if (!this.#watched.has(folder)) this.#open(folder);
  }

  #open(folder: string): void {
    try {
      // Not persistent: watching alone keeps no program alive.
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // A folder that is gone says its own name; what replaces it has to be watched anew.
        if (name === basename(folder)) this.#forget(folder, watcher);
        else if (name !== null && !this.#isOfInterest(folder, name)) return;
        this.#soon();
      });
      watcher.on('error', () => this.#forget(folder, watcher));
      this.#watched.set(folder, watcher);
    } catch (error) {
      this.#failed(error);
    }
  }

  #isOfInterest(folder: string, name: string): boolean {
    const names = this.#names.get(folder);
    return names !== undefined && (names.has(name) || names.has(ANY));
  }

  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watched.get(folder) === watcher) this.#watched.delete(folder);
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), TOGETHER);
    this.#timer.unref();
  }

  // One look after the other: what changes during one is seen by the next.
  async #look(): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#lookAround();
      }
    } finally {
      this.#looking = false;
    }
  }

  async #lookAround(): Promise<void> {
    const watches = this.#watches;
    this.#arm();
    const changed: [path: string, content: string][] = [];
    for (const [path, content] of [...this.#contents]) {
      const now = await this.#contentOf(path, content);
      if (this.#closed || watches !== this.#watches) return;
      if (now !== content) changed.push([path, now]);
    }
    if (changed.length === 0) return;
    // Told once: whoever reads it again says then what it has read.
    for (const [path, content] of changed) this.#contents.set(path, content);
    this.#changed();
  }

  async #contentOf(path: string, had: string): Promise<string> {
    try {
      const stamp = stampOf(await stat(path, { bigint: true }), Date.now());
      const known = this.#known.get(path);
      if (stamp !== undefined && known?.stamp === stamp) return known.content;
      this.#known.delete(path);
      // To look at a pipe takes what it has from whoever it is for.
      const content = isReadOnce(path) ? had : isFolder(path) ? contentOf(path) : await readDigest(path);
      if (stamp !== undefined) this.#known.set(path, { stamp, content });
      return content;
    } catch {
      return digestOf(undefined);
    }
  }
}

// As `contentOf`, while others have their turn.
async function readDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const slice of createReadStream(path, { highWaterMark: SLICE })) hash.update(slice);
  return hash.digest('hex');
}

/** The folders whose entries decide what the paths lead to, and the names of those entries. */
function entriesOf(paths: Iterable<string>): Map<string, Set<string>> {
  const entries = new Map<string, Set<string>>();
  const add = (folder: string, name: string) => {
    let names = entries.get(folder);
    if (!names) entries.set(folder, (names = new Set()));
    names.add(name);
  };
  for (const path of paths) {
    let parts = resolve(path).split(sep).slice(1);
    let folder: string = sep;
    for (let links = 0; parts.length > 0; ) {
      const [name = '', ...rest] = parts;
      const target = linkTarget(join(folder, name));
      if (target !== undefined && ++links <= LINKS) {
        add(folder, name);
        parts = [...resolve(folder, target).split(sep).slice(1), ...rest];
        folder = sep;
        continue;
      }
      if (rest.length === 0) add(folder, name);
      folder = join(folder, name);
      parts = rest;
    }
    if (isFolder(folder)) add(folder, ANY);
  }
  return existing(entries);
}

// Of what is not there yet the nearest folder above is watched, until it is.
function existing(entries: Map<string, Set<string>>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [folder, names] of entries) {
    let here = folder;
    let wanted = names;
    while (here !== sep && !isFolder(here)) [here, wanted] = [dirname(here), new Set([basename(here)])];
    found.set(here, (found.get(here) ?? new Set()).union(wanted));
  }
  return found;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

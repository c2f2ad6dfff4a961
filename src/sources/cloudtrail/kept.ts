/** Log files that were found and could not be fetched yet: which they are, and when each is tried again. */

import { backoff } from '../../core/failure/retry.ts';

/** So many are known by their names; of the others of a folder only how old the oldest is. */
const MANY = 10_000;
/** One that is denied is tried again after such pauses, in ms. */
const AGAIN = { initial: 60_000, max: 3_600_000 };

/** A log file that was found by listing. */
export interface Found {
  /** What it is known by. */
  readonly name: string;
  readonly key: string;
  /** The prefix of its account and region. */
  readonly folder: string;
  /** Of its name, ms since the epoch. */
  readonly time: number;
}

export interface Failure {
  readonly message: string;
  /** It was denied to us: that others mend, in minutes or weeks. Anything else may be over at the next look. */
  readonly denied: boolean;
}

/** By folder: how old the oldest log file is that was not fetched, ms since the epoch. */
export type Marks = Readonly<Record<string, number>>;

interface Waiting extends Failure {
  readonly file: Found;
  readonly tries: number;
  /** When it is tried again, ms since the epoch. */
  readonly due: number;
}

export class Kept {
  readonly #most: number;
  readonly #files = new Map<string, Waiting>();
  /** By folder: from when on it has some that are not among the files: of an earlier run, or more than are remembered. */
  readonly #older: Map<string, number>;
  /** Folders of which something was fetched that had not been: the rest of them need not wait either. */
  readonly #mended = new Set<string>();

  /** @param marks those of an earlier run */
  constructor(marks: Marks = {}, most = MANY) {
    this.#most = most;
    this.#older = new Map(Object.entries(marks));
  }

  get size(): number {
    return this.#files.size;
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** A log file could not be fetched at `now` (ms since the epoch). Whether it is one more that is known by its name. */
  keep(file: Found, failure: Failure, now: number): boolean {
    const { name, folder, time } = file;
    const before = this.#files.get(name);
    if (failure.denied) this.#mended.delete(folder);
    if (before === undefined && this.#files.size >= this.#most) {
      this.mark(folder, time);
      return false;
    }
    const tries = (before?.tries ?? 0) + 1;
    // Behind the others: each has its turn.
    this.#files.delete(name);
    this.#files.set(name, { ...failure, file, tries, due: failure.denied ? now + backoff(AGAIN, tries) : now });
    return before === undefined;
  }

  /** A log file was read, or is given up. */
  done({ name, folder }: Found): void {
    if (this.#files.delete(name) || this.#older.has(folder)) this.#mended.add(folder);
  }

  /** Those to try again at `now` (ms since the epoch). */
  due(now: number): Found[] {
    const all = [...this.#files.values()];
    return all.filter(({ due, file }) => due <= now || this.#mended.has(file.folder)).map(({ file }) => file);
  }

  /** From when on a folder has some that are to be looked for, if they are to be now. Whoever asks looks, or marks it again. */
  claim(folder: string): number | undefined {
    const from = this.#older.get(folder);
    if (from === undefined || (this.#files.size > this.#most / 2 && !this.#mended.has(folder))) return undefined;
    this.#older.delete(folder);
    return from;
  }

  /** A folder has log files from `time` on that are not known by their names. */
  mark(folder: string, time: number): void {
    this.#older.set(folder, Math.min(this.#older.get(folder) ?? time, time));
  }

  /** What is marked above a prefix is marked there too: it could not be told apart. */
  inherit(prefix: string): void {
    for (const [above, time] of [...this.#older]) if (prefix.startsWith(above)) this.mark(prefix, time);
  }

  /** What a prefix was marked for is marked below it by now. */
  unmark(prefix: string): void {
    this.#older.delete(prefix);
  }

  isMarked(folder: string): boolean {
    return this.#older.has(folder);
  }

  /** What a later run must look for again. */
  marks(): Marks {
    const marks = new Map(this.#older);
    for (const { file } of this.#files.values()) {
      marks.set(file.folder, Math.min(marks.get(file.folder) ?? file.time, file.time));
    }
    return Object.fromEntries(marks);
  }

  /** Whether there are any, and no other try can help before somebody has given us access. */
  get areDenied(): boolean {
    return this.#files.size > 0 && this.#files.values().every(({ denied }) => denied);
  }

  /** How many there are, with one of them and why; undefined when there are none. */
  get problem(): string | undefined {
    const [first] = this.#files.values();
    if (first === undefined) return undefined;
    const count = this.#older.size > 0 ? `more than ${this.size}` : this.size;
    return `log files that cannot be fetched: ${count}, such as ${first.message}`;
  }
}

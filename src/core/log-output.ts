/** The standard error, as the log writes to it: its reader may be slow or gone, its disk full. No event waits for that. */

import { constants, fstatSync, readFileSync, write, writeSync } from 'node:fs';
import { openAnew } from './files/open-anew.ts';

/** Bytes that wait for a slow reader at most. */
const LIMIT = 1 << 20;
/** Ms between two tries at a full pipe. */
const RETRY = 50;
/** Ms that the end of the process waits for a slow reader. */
const LAST = 500;

interface Waiting {
  bytes: Buffer;
  /** How many lines are lost when it is. */
  readonly lines: number;
  /** Whether a part of a line stands before what is left of it. */
  torn: boolean;
}

class LogOutput {
  readonly #fd: number;
  #blocks: boolean;
  #waiting: Waiting[] = [];
  #size = 0;
  #lost = 0;
  #note = (_: number) => '';
  // A line was written in part, and its rest is lost; the next one must not be glued to it.
  #torn = false;
  #retry: NodeJS.Timeout | undefined;
  // The first that waits is being written by another thread.
  #writing = false;

  constructor() {
    const { fd, blocks } = standardError();
    this.#fd = fd;
    this.#blocks = blocks;
    process.on('exit', () => this.#end());
  }

  /**
   * Writes a line, or keeps it until there is room. Never blocks and never throws: what cannot be written is lost, and
   * `note` gives the line that says how many were, as soon as one can be written.
   */
  write(line: string, note: (lost: number) => string): void {
    this.#note = note;
    this.say(line, 1);
  }

  /** As `write`, of so many lines that are not the log's. */
  say(text: string, lines: number): void {
    if (this.#size < LIMIT / 2) this.#sayLost();
    this.#put(text, lines);
    if (this.#retry === undefined && !this.#writing) this.#drain();
  }

  #sayLost(): void {
    const lost = this.#lost;
    if (lost === 0) return;
    this.#lost = 0;
    this.#put(this.#note(lost), lost);
  }

  #put(text: string, lines: number): void {
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
    if (this.#size + bytes.length > LIMIT) {
      this.#lost += lines;
      return;
    }
    this.#waiting.push({ bytes, lines, torn: this.#torn });
    this.#torn = false;
    this.#size += bytes.length;
  }

  #drain(): void {
    try {
      for (let next = this.#next(); next; next = this.#next()) {
        if (this.#blocks) {
          this.#writeAside(next);
          return;
        }
        this.#wrote(next, writeSync(this.#fd, next.bytes));
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  // Nothing may be said any more for hours: what was lost is said once there is room.
  #next(): Waiting | undefined {
    if (this.#waiting.length === 0) this.#sayLost();
    return this.#waiting[0];
  }

  #writeAside(next: Waiting): void {
    this.#writing = true;
    write(this.#fd, next.bytes, (error, count) => {
      this.#writing = false;
      if (error) this.#failed(error);
      else {
        this.#wrote(next, count);
        this.#drain();
      }
    });
  }

  #wrote(next: Waiting, count: number): void {
    this.#size -= count;
    next.bytes = next.bytes.subarray(count);
    next.torn ||= count > 0;
    if (next.bytes.length === 0) this.#waiting.shift();
  }

  #failed(error: unknown): void {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') this.#later();
    else this.#lose();
  }

  #later(): void {
    const again = () => {
      this.#retry = undefined;
      this.#drain();
    };
    this.#retry ??= setTimeout(again, RETRY).unref();
  }

  #lose(): void {
    this.#torn = this.#waiting[0]?.torn ?? false;
    for (const { lines } of this.#waiting) this.#lost += lines;
    this.#waiting = [];
    this.#size = 0;
  }

  #end(): void {
    const [start, cell] = [Date.now(), new Int32Array(new SharedArrayBuffer(4))];
    // The process waits for its threads whatever is done here, and the system writes one after the other.
    const [first] = this.#waiting;
    if (this.#writing && first) this.#wrote(first, first.bytes.length);
    this.#blocks = false;
    this.#drain();
    while (this.#waiting.length > 0 && Date.now() - start < LAST) {
      Atomics.wait(cell, 0, 0, 10);
      this.#drain();
    }
  }
}

let output: LogOutput | undefined;

/** Writes a line of a log. Never waits and never throws; `note` gives the line that says that so many were lost. */
export function toStandardError(line: string, note: (lost: number) => string): void {
  output ??= new LogOutput();
  output.write(line, note);
}

/**
 * Writes lines to the standard error, after those of the log and as it does. False when nothing was logged there yet: then
 * nothing runs that could not wait.
 */
export function sayAfterLog(lines: string): boolean {
  output?.say(lines, lines.split('\n').length - 1);
  return output !== undefined;
}

/** The descriptor of the standard error, where possible one for us alone, and whether a write to it may have to wait. */
function standardError(): { fd: number; blocks: boolean } {
  if (fstatSync(2).isFile()) return { fd: 2, blocks: false };
  const anew = openAnew(2);
  if (anew !== undefined) return { fd: anew, blocks: false };
  // Node makes a socket (the journal's) non-blocking, and not a terminal.
  void process.stderr;
  return { fd: 2, blocks: !isNonBlocking(2) };
}

/** By proc_pid_fdinfo(5); false when that cannot be read. */
function isNonBlocking(fd: number): boolean {
  try {
    const [, flags = ''] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return false;
  }
}

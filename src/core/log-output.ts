/** The standard error, as the log writes to it: its reader may be slow or gone, its disk full. No event waits for that. */

import { constants, fstatSync, openSync, writeSync } from 'node:fs';

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
}

export class LogOutput {
  readonly #fd = standardError();
  #waiting: Waiting[] = [];
  #size = 0;
  #lost = 0;
  // A line was written in part; the next one must not be glued to it.
  #torn = false;
  #retry: NodeJS.Timeout | undefined;

  constructor() {
    process.on('exit', () => this.#end());
  }

  /**
   * Writes a line, or keeps it until there is room. Never blocks and never throws: what cannot be written is lost, and
   * `note` gives the line that says how many were, before the next one that can be.
   */
  write(line: string, note: (lost: number) => string): void {
    const lost = this.#lost;
    if (lost > 0 && this.#size < LIMIT / 2) {
      this.#lost = 0;
      this.#put(note(lost), lost);
    }
    this.#put(line, 1);
  }

  #put(text: string, lines: number): void {
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
    if (this.#size + bytes.length > LIMIT) {
      this.#lost += lines;
      return;
    }
    this.#waiting.push({ bytes, lines });
    this.#size += bytes.length;
    if (this.#retry === undefined) this.#drain();
  }

  #drain(): void {
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        const count = writeSync(this.#fd, next.bytes);
        this.#size -= count;
        next.bytes = next.bytes.subarray(count);
        this.#torn = next.bytes.length > 0;
        if (!this.#torn) this.#waiting.shift();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') this.#later();
      else this.#lose();
    }
  }

  #later(): void {
    const again = () => {
      this.#retry = undefined;
      this.#drain();
    };
    this.#retry ??= setTimeout(again, RETRY).unref();
  }

  #lose(): void {
    for (const { lines } of this.#waiting) this.#lost += lines;
    this.#waiting = [];
    this.#size = 0;
  }

  #end(): void {
    const [start, cell] = [Date.now(), new Int32Array(new SharedArrayBuffer(4))];
    while (this.#waiting.length > 0 && Date.now() - start < LAST) {
      this.#drain();
      Atomics.wait(cell, 0, 0, 10);
    }
  }
}

/** The descriptor of the standard error, where possible one that does not block, and for us alone. */
function standardError(): number {
  const stderr = fstatSync(2);
  if (stderr.isFile()) return 2;
  try {
    return openSync('/dev/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket (the journal's) cannot be opened anew, nor can another user's terminal: Node makes those non-blocking.
    void process.stderr;
    return 2;
  }
}

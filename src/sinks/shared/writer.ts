/** Writing so that a stalled reader is waited for: the queue above stays the only place where events pile up. */

import {
  close,
  closeSync,
  constants,
  fstatSync,
  open,
  openSync,
  readSync,
  type Stats,
  statSync,
  write,
  writeSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { aborted } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { openAnew } from '../../core/files/open-anew.ts';

const openFd = promisify(open);
const closeFd = promisify(close);
const writeFd: (fd: number, bytes: Buffer) => Promise<{ bytesWritten: number }> = promisify(write);

// A pipe without a reader would keep the thread that opens it for ever. To a file O_NONBLOCK is nothing (open(2)).
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;
const NEVER = new AbortController().signal;
const NEWLINE = 0x0a;
const NOTHING: Buffer = Buffer.alloc(0);
const POLL = 20; // ms between tries at a full pipe
const LAST_WORD = 50; // ms that a write that is given up has to say what of it was written

/** What is written to. */
interface Target {
  /** Writes what the system takes at once, and returns how many bytes that were. Absent where a write may have to wait. */
  now?(bytes: Buffer): number;
  /** Writes some of the bytes, waiting as long as that takes, and resolves with how many. */
  write(bytes: Buffer): Promise<number>;
  /** Whether its last line had no end when it was opened. */
  readonly torn?: boolean;
  /** What it is as a file now; undefined: it is none. */
  file?(): Stats | undefined;
  /** Whether nobody can find any more what is written: the file was removed. */
  removed?(): boolean;
  close(): Promise<void>;
}

/** What one of those has who write to the same: it closes its own share, once. */
export type SharedWriter = Pick<Writer, 'write' | 'rehearse' | 'close'>;

/** What a write is rejected with that was given up when some of its lines were written. */
export class WrittenInPart extends Error {
  /** How many of its first lines are there: the next write may begin with the one behind them. */
  readonly lines: number;

  constructor(lines: number, cause: unknown) {
    super(messageOf(cause), { cause });
    this.lines = lines;
  }
}

/** While it is used. */
let standardOutput: Writer | undefined;

export class Writer {
  readonly #open: () => Promise<Target>;
  #target: Target;
  // A write that was given up may still be under way, and a file may be opened again at any time: one after the other.
  #busy: Promise<void> | undefined;
  // A write that failed half-way leaves a torn line; the next one must not be glued to it.
  #torn = false;
  // What the last write was asked for, and how many bytes of it were there before: -1 where a line had to be ended first.
  #lines: readonly string[] = [];
  #text = NOTHING;
  #before = 0;
  // What is there of a write that failed, and how long a file was then: the next try goes on behind it.
  #there = NOTHING;
  #size = 0;
  #users = 1;
  #closing: Promise<void> | undefined;

  private constructor(target: Target, reopen: () => Promise<Target>) {
    this.#target = target;
    this.#torn = target.torn ?? false;
    this.#open = reopen;
  }

  /**
   * Appends to a file, made with its folder when it is not there; one level: a longer path is rather a mistake. A pipe that is
   * there is written as long as somebody reads it; else a write rejects, and says so.
   */
  static async toFile(path: string, mode: number): Promise<Writer> {
    const openFile = async () => {
      await mkdir(dirname(path)).catch(() => {});
      const open = () => openFd(path, APPEND, mode);
      if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) return namedPipe(path, open);
      const fd = await open();
      return { ...descriptor(fd), torn: endsTorn(path), removed: () => isRemoved(fd, path) };
    };
    return new Writer(await openFile(), openFile);
  }

  /** Writes to the standard output of the process: one for all, or a line of one would go on where another's was torn. */
  static async toStdout(): Promise<SharedWriter> {
    if (standardOutput) standardOutput.#users++;
    else {
      const target = stdoutTarget();
      standardOutput = new Writer(target, async () => target);
    }
    const shared = standardOutput;
    let closing: Promise<void> | undefined;
    return {
      write: (lines, signal) => shared.write(lines, signal),
      rehearse: () => shared.rehearse(),
      close: () => (closing ??= shared.#release()),
    };
  }

  /**
   * Resolves when the system has taken all of them. Rejects with the system's error, the signal's or WrittenInPart; the same
   * lines, or more of them, then go on behind what is there of them.
   */
  async write(lines: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#busy) return this.#waiting(() => this.#begin(lines), signal);
    signal.throwIfAborted();
    const bytes = this.#begin(lines);
    const rest = this.#after(bytes, this.#target.now?.(bytes) ?? 0);
    if (rest.length > 0) await this.#waiting(() => rest, signal, bytes.length - rest.length);
  }

  /** Writes nothing. */
  rehearse(): Promise<void> {
    return this.write([], NEVER);
  }

  // Writes what may have to wait, when so many bytes were written before.
  async #waiting(bytes: () => Buffer, signal: AbortSignal, before = 0): Promise<void> {
    let isGivenUp = false;
    const givenUp = aborted(signal).catch(async (reason) => {
      await sleep(LAST_WORD);
      isGivenUp = true;
      throw reason;
    });
    await this.#alone(() => this.#write(bytes(), before, signal, () => isGivenUp), givenUp);
  }

  async #write(bytes: Buffer, before: number, signal: AbortSignal, isGivenUp: () => boolean): Promise<void> {
    let rest = bytes;
    const leave = () => this.#leave(before + bytes.length - rest.length);
    try {
      while (rest.length > 0) {
        signal.throwIfAborted();
        try {
          rest = this.#after(rest, await this.#target.write(rest));
        } catch (error) {
          if (!isFull(error)) throw error;
          await sleep(POLL, undefined, { signal }).catch(() => {});
        }
      }
    } catch (error) {
      leave();
      throw signal.aborted && !isGivenUp() ? this.#inPart(error) : error;
    }
    // Whoever has given it up does not know that it is there after all.
    if (isGivenUp()) leave();
  }

  // What has to be written for lines.
  #begin(lines: readonly string[]): Buffer {
    if (lines.length === 0) return NOTHING;
    const text = lines.join('');
    const bytes = Buffer.from(text);
    const there = this.#stillThere;
    const length = Math.min(there.length, bytes.length);
    const goesOn = length > 0 && there.subarray(0, length).equals(bytes.subarray(0, length));
    this.#there = goesOn ? there.subarray(length) : NOTHING;
    this.#lines = lines;
    this.#text = bytes;
    this.#before = goesOn ? length : this.#torn ? -1 : 0;
    return this.#before < 0 ? Buffer.from(`\n${text}`) : bytes.subarray(this.#before);
  }

  // What is left when so many bytes have been written.
  #after(bytes: Buffer, count: number): Buffer {
    if (count > 0) this.#torn = bytes[count - 1] !== NEWLINE;
    return bytes.subarray(count);
  }

  // So many bytes were written for lines, and not all, as far as their writer knows.
  #leave(count: number): void {
    this.#there = this.#text.subarray(0, Math.max(this.#before + count, 0));
    this.#size = this.size;
  }

  // What is to be said of what is there: it counts as written up to the end of a line.
  #inPart(reason: unknown): unknown {
    let lines = 0;
    let end = 0;
    for (const line of this.#lines) {
      const next = end + Buffer.byteLength(line);
      if (next > this.#there.length) break;
      end = next;
      lines++;
    }
    this.#there = this.#there.subarray(end);
    return lines > 0 ? new WrittenInPart(lines, reason) : reason;
  }

  // Nothing once somebody else has written to the file, or cut it.
  get #stillThere(): Buffer {
    return this.size === this.#size ? this.#there : NOTHING;
  }

  /** Whether the file was removed: what is written to it is lost. One that was moved away is not. */
  get removed(): boolean {
    return this.#target.removed?.() ?? false;
  }

  /** Bytes that are in the file; 0: it is none. */
  get size(): number {
    return this.#target.file?.()?.size ?? 0;
  }

  /** Whether its last line has no end yet. */
  get torn(): boolean {
    return this.#torn;
  }

  /** Opens the same path again: the file was moved away. */
  reopen(): Promise<void> {
    return this.#alone(async () => {
      const old = this.#target;
      const before = old.file?.();
      const there = this.#stillThere;
      this.#target = await this.#open();
      const file = this.#target.file?.();
      const isSame = before !== undefined && before.ino === file?.ino && before.dev === file.dev;
      if (!isSame) {
        // In one that was moved away whole lines can be found; the torn one is written again.
        const lines = before === undefined || before.nlink === 0 ? 0 : there.lastIndexOf(NEWLINE) + 1;
        this.#there = there.subarray(0, lines);
        this.#size = file?.size ?? 0;
        this.#torn = this.#target.torn ?? false;
      }
      await old.close();
    });
  }

  async #alone(work: () => Promise<void>, givenUp: Promise<never> = new Promise(() => {})): Promise<void> {
    while (this.#busy) await Promise.race([this.#busy, givenUp]);
    const done = work();
    this.#busy = done
      .catch(() => {})
      .then(() => {
        this.#busy = undefined;
      });
    await Promise.race([done, givenUp]);
  }

  /** Another call does nothing: the number of the descriptor may be somebody else's by then. */
  async close(): Promise<void> {
    this.#closing ??= this.#target.close();
    await this.#closing;
  }

  // The last one closes it.
  async #release(): Promise<void> {
    if (--this.#users > 0) return;
    if (this === standardOutput) standardOutput = undefined;
    await this.close();
  }
}

// A blocked write would hold a thread that nothing can end. So a pipe or terminal is opened anew, non-blocking for us
// alone, and a socket (the journal's, of a service) is made so by Node. A file is written through the shell's descriptor,
// with which it shares the offset, and never blocks.
function stdoutTarget(): Target {
  const stdout = fstatSync(1);
  if (stdout.isSocket()) return socket(1);
  const shared = { ...descriptor(1), close: async () => {} };
  if (!stdout.isFIFO() && !stdout.isCharacterDevice()) return shared;
  // One that another user opened is written as it was given.
  const anew = openAnew(1);
  return anew === undefined ? shared : nonBlocking(anew);
}

/** Whether somebody who was killed has left a torn line. Nobody knows where the file may not be read. */
function endsTorn(path: string): boolean {
  try {
    const status = statSync(path);
    if (!status.isFile() || status.size === 0) return false;
    const last = Buffer.alloc(1);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      return readSync(fd, last, 0, 1, status.size - 1) === 1 && last[0] !== NEWLINE;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

function isRemoved(fd: number, path: string): boolean {
  const { nlink, dev, ino } = fstatSync(fd);
  if (nlink > 0) return false;
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.ino !== ino || found.dev !== dev;
}

const isFull = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EAGAIN';

// Waking another thread for each write would cost many times what the write does.
function writeNow(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (isFull(error)) return 0;
    throw error;
  }
}

function nonBlocking(fd: number): Target {
  return {
    now: (bytes) => writeNow(fd, bytes),
    write: async (bytes) => writeSync(fd, bytes),
    close: () => closeFd(fd),
  };
}

function descriptor(fd: number): Target {
  return {
    write: async (bytes) => (await writeFd(fd, bytes)).bytesWritten,
    file: () => {
      const status = fstatSync(fd);
      return status.isFile() ? status : undefined;
    },
    close: () => closeFd(fd),
  };
}

// Without a reader it can be neither opened (ENXIO) nor, where it is open, written (EPIPE): fifo(7). A reader may come again.
async function namedPipe(path: string, open: () => Promise<number>): Promise<Target> {
  const isUnread = (error: unknown) => ['ENXIO', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
  let fd = await open().catch((error) => {
    if (!isUnread(error)) throw error;
    return undefined;
  });
  return {
    async write(bytes) {
      try {
        return writeSync((fd ??= await open()), bytes);
      } catch (error) {
        throw isUnread(error) ? new Error(`nobody reads ${path}`, { cause: error }) : error;
      }
    },
    removed: () => fd !== undefined && isRemoved(fd, path),
    close: async () => {
      if (fd !== undefined) await closeFd(fd);
    },
  };
}

function socket(fd: number): Target {
  const stream = new Socket({ fd, readable: false, writable: true });
  stream.on('error', () => {});
  return { ...nonBlocking(fd), close: async () => void stream.destroy() };
}

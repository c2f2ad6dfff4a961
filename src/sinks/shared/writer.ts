/** Writing so that a stalled reader is waited for: the queue above stays the only place where events pile up. */

import { close, constants, fstatSync, open, write } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const openFd = promisify(open);
const closeFd = promisify(close);
const writeFd: (fd: number, bytes: Buffer) => Promise<{ bytesWritten: number }> = promisify(write);

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
const POLL = 20; // ms between tries at a full pipe

export class Writer {
  readonly #open: () => Promise<number>;
  #fd: number;
  // A write that failed half-way leaves a torn line; the next one must not be glued to it.
  #torn = false;

  private constructor(fd: number, reopen: () => Promise<number>) {
    this.#fd = fd;
    this.#open = reopen;
  }

  /** Appends to a file, made with its folder when it is not there. */
  static async toFile(path: string, mode: number): Promise<Writer> {
    const openFile = async () => {
      await mkdir(dirname(path), { recursive: true });
      return openFd(path, APPEND, mode);
    };
    return new Writer(await openFile(), openFile);
  }

  /** Writes to the standard output of the process. */
  static async toStdout(): Promise<Writer> {
    const stdout = fstatSync(1);
    // A pipe or terminal is opened anew to make it non-blocking for us alone: a blocked write would hold a thread that
    // nothing can end. Other things (a file, whose offset the shell shares; a socket) only work through their descriptor.
    const anew = stdout.isFIFO() || stdout.isCharacterDevice();
    const openStdout = async () => (anew ? openFd('/dev/fd/1', constants.O_WRONLY | constants.O_NONBLOCK) : 1);
    return new Writer(await openStdout(), openStdout);
  }

  /** Resolves when the system has taken all of it; one call at a time. Rejects with the system's error or the signal's. */
  async write(text: string, signal: AbortSignal): Promise<void> {
    let rest = Buffer.from(this.#torn ? `\n${text}` : text);
    while (rest.length > 0) {
      signal.throwIfAborted();
      try {
        const { bytesWritten } = await writeFd(this.#fd, rest);
        if (bytesWritten > 0) this.#torn = rest[bytesWritten - 1] !== NEWLINE;
        rest = rest.subarray(bytesWritten);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        await sleep(POLL);
      }
    }
  }

  /** Opens the same path again: the file was moved away. */
  async reopen(): Promise<void> {
    const old = this.#fd;
    this.#fd = await this.#open();
    this.#torn = false;
    await closeOwn(old);
  }

  async close(): Promise<void> {
    await closeOwn(this.#fd);
  }
}

async function closeOwn(fd: number): Promise<void> {
  if (fd > 2) await closeFd(fd);
}

const NEWLINE = 0x0a;

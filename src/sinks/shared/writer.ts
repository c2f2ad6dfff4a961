/** Writing so that a stalled reader is waited for: the queue above stays the only place where events pile up. */

import { constants, fstatSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
const POLL = 20; // ms between tries at a full pipe

export class Writer {
  readonly #open: () => Promise<FileHandle>;
  #handle: FileHandle;
  // A write that failed half-way leaves a torn line; the next one must not be glued to it.
  #torn = false;

  private constructor(handle: FileHandle, reopen: () => Promise<FileHandle>) {
    this.#handle = handle;
    this.#open = reopen;
  }

  /** Appends to a file, made with its folder when it is not there. */
  static async toFile(path: string, mode: number): Promise<Writer> {
    const openFile = async () => {
      await mkdir(dirname(path), { recursive: true });
      return open(path, APPEND, mode);
    };
    return new Writer(await openFile(), openFile);
  }

  /** Writes to the standard output of the process. */
  static async toStdout(): Promise<Writer> {
    const openStdout = () => {
      // A pipe or terminal is opened anew to make it non-blocking for us alone: a blocked write would hold a thread that
      // nothing can end. A file keeps its offset only through the descriptor that the shell opened.
      const { O_WRONLY, O_NONBLOCK } = constants;
      return fstatSync(1).isFile()
        ? open('/dev/fd/1', O_WRONLY | constants.O_APPEND)
        : open('/dev/fd/1', O_WRONLY | O_NONBLOCK);
    };
    return new Writer(await openStdout(), openStdout);
  }

  /** Resolves when the system has taken all of it; one call at a time. Rejects with the system's error or the signal's. */
  async write(text: string, signal: AbortSignal): Promise<void> {
    let rest = Buffer.from(this.#torn ? `\n${text}` : text);
    while (rest.length > 0) {
      signal.throwIfAborted();
      try {
        const { bytesWritten } = await this.#handle.write(rest);
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
    const old = this.#handle;
    this.#handle = await this.#open();
    this.#torn = false;
    await old.close();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const NEWLINE = 0x0a;

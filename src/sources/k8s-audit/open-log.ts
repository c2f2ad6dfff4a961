/** One file of a log, read from where it was left. */

import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { z } from 'zod';
import type { LogPart } from './rotation.ts';

/** Bytes at the beginning of a file by which it is known again: inodes are used anew, and files are cut. */
const HEAD = 256;
/** Bytes that are looked through for the last line end, at a time. */
const STEP = 64 * 1024;

/** A place in a log. `identity` is empty where there was no file yet. */
export const LogPosition = z.object({
  identity: z.string(),
  offset: z.int().min(0),
  head: z.object({ bytes: z.int().min(0), digest: z.string() }),
});
export type LogPosition = z.output<typeof LogPosition>;

/** Before anything was written: the file that comes is read from its beginning. */
export const NOTHING_YET: LogPosition = { identity: '', offset: 0, head: { bytes: 0, digest: '' } };

export class OpenLog {
  readonly part: LogPart;
  /** Bytes that were read. */
  offset = 0;
  readonly #handle: FileHandle;
  #head = NOTHING_YET.head;

  private constructor(part: LogPart, handle: FileHandle) {
    this.part = part;
    this.#handle = handle;
  }

  /** Opens a file by its path; what is told of it is what was opened. */
  static async open(path: string): Promise<OpenLog> {
    const handle = await open(path, 'r');
    const { dev, ino } = await handle.stat({ bigint: true });
    return new OpenLog({ path, identity: `${dev}:${ino}` }, handle);
  }

  /** Opens a part of a log; undefined when it has another name by now. */
  static async part({ path, identity }: LogPart): Promise<OpenLog | undefined> {
    const log = await OpenLog.open(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (log?.part.identity === identity) return log;
    await log?.close();
    return undefined;
  }

  /** Reads on; resolves with the number of bytes, 0 at the end. */
  async read(into: Buffer): Promise<number> {
    const { bytesRead } = await this.#handle.read(into, 0, into.length, this.offset);
    this.offset += bytesRead;
    return bytesRead;
  }

  /** The place at `offset` of this file. */
  async at(offset: number): Promise<LogPosition> {
    const bytes = Math.min(HEAD, offset);
    if (this.#head.bytes < bytes) this.#head = { bytes, digest: await this.#digest(bytes) };
    return { identity: this.part.identity, offset, head: this.#head };
  }

  /** Whether it is still the file that a place is in: not cut, nor another one of the same inode. */
  async holds(position: LogPosition): Promise<boolean> {
    return position.identity === this.part.identity && (await this.#hasAll(position));
  }

  /** Whether it is a copy of the file that a place is in: made before that was cut (logrotate's copytruncate). */
  async isCopyOf(position: LogPosition): Promise<boolean> {
    const { identity, head } = position;
    return identity !== this.part.identity && head.bytes === HEAD && (await this.#hasAll(position));
  }

  async #hasAll({ offset, head }: LogPosition): Promise<boolean> {
    const { size } = await this.#handle.stat();
    return size >= offset && (await this.#digest(head.bytes)) === head.digest;
  }

  /** It was cut: begins again. */
  rewind(): void {
    this.offset = 0;
    this.#head = NOTHING_YET.head;
  }

  /** Goes to the end of the last whole line. */
  async skip(): Promise<void> {
    let { size: end } = await this.#handle.stat();
    const buffer = Buffer.alloc(STEP);
    while (end > 0) {
      const from = Math.max(0, end - STEP);
      const { bytesRead } = await this.#handle.read(buffer, 0, end - from, from);
      const found = buffer.subarray(0, bytesRead).lastIndexOf('\n');
      if (found >= 0) {
        this.offset = from + found + 1;
        return;
      }
      end = from;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #digest(bytes: number): Promise<string> {
    if (bytes === 0) return '';
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await this.#handle.read(buffer, 0, bytes, 0);
    return hash('sha256', buffer.subarray(0, bytesRead), 'base64');
  }
}

/** The bytes of a file as they come, or of a named pipe: to wait for who writes to that can be ended. */

import { constants, createReadStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

export interface FileStreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a piece, of files. */
  readonly highWaterMark?: number;
}

/** A stream that fails as the system does when the file cannot be read, and ends with an AbortError by its signal. */
export function fileStream(path: string, { signal, highWaterMark }: FileStreamOptions = {}): Readable {
  // Opened as files are, it would keep a thread, and the end of the program, until somebody opens the other end: fifo(7).
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) {
    const pipe = new Socket({ fd: openSync(path, FLAGS), readable: true, writable: false });
    return signal ? addAbortSignal(signal, pipe) : pipe;
  }
  return createReadStream(path, { ...(signal && { signal }), ...(highWaterMark && { highWaterMark }) });
}

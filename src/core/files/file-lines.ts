/** Files of lines that people name: read as they come, compressed or not, and what is wrong with one said in our words. */

import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { exitCode, messageOf, UserError } from '../errors.ts';
import { fileStream } from './file-stream.ts';
import { sniffGzip } from './gzip.ts';

/** The longest line, in UTF-16 units: a list of all alerts of a day may be one. */
const LONGEST = 64 * 1024 * 1024;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read by this user',
  EISDIR: 'it is a folder',
  Z_BUF_ERROR: 'it ends in the middle of what is compressed',
  Z_DATA_ERROR: 'what is compressed in it is damaged',
};

export interface FileLinesOptions {
  /** Of what there is a line each, for people: `events`. */
  readonly what: string;
  /** The file as it was named. Default: its path. */
  readonly shown?: string;
  readonly signal?: AbortSignal;
}

/**
 * The lines of a file, which is not held; `-` is the standard input. What begins as gzip does is compressed, whatever its
 * name.
 * @throws UserError (exit 69) when it cannot be read, or a line has more than 64 MiB; the signal's reason once that is aborted
 */
export async function* fileLines(path: string, options: FileLinesOptions): AsyncGenerator<string> {
  const { what, shown = path, signal } = options;
  let raw: Readable | undefined;
  let rest: string[] = [];
  let length = 0;
  let before = 0;
  try {
    raw = path === '-' ? process.stdin : fileStream(path, { signal });
    for await (const chunk of await textOf(raw, path)) {
      const end = chunk.lastIndexOf('\n');
      if (end >= 0) {
        const lines = (rest.join('') + chunk.slice(0, end)).split('\n');
        before += lines.length;
        yield* lines;
        rest = [];
        length = 0;
      }
      rest.push(chunk.slice(end + 1));
      length += chunk.length - end - 1;
      if (length > LONGEST) throw new Error(`line ${before + 1} has more than ${LONGEST / 1024 / 1024} MiB`);
    }
  } catch (error) {
    signal?.throwIfAborted();
    const why = WORDS[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
    throw new UserError(`Cannot read ${what} from ${shown}: ${why}`, { exit: exitCode.unavailable, cause: error });
  } finally {
    raw?.destroy();
  }
  const last = rest.join('');
  if (last !== '') yield last;
}

/** Its text in pieces, decompressed. */
async function textOf(raw: Readable, path: string): Promise<AsyncIterable<string>> {
  const { isEmpty, isGzip, pieces } = await sniffGzip(raw[Symbol.asyncIterator]());
  if (path.endsWith('.gz') && !isGzip && !isEmpty) throw new Error('it is not gzip, though its name says so');
  const whole = Readable.from(pieces, { objectMode: false });
  // The error of one ends the other, and is met where that is read.
  const input: Readable = isGzip ? pipeline(whole, createGunzip(), () => {}) : whole;
  return input.setEncoding('utf8');
}

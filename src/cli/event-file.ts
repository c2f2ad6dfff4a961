/** Files of events that verbs look at. */

import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import type { EventRecord } from '../events/record.ts';
import { parseRecord } from '../events/record-json.ts';

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read by this user',
  EISDIR: 'it is a folder',
  Z_BUF_ERROR: 'it ends in the middle of what is compressed',
  Z_DATA_ERROR: 'what is compressed in it is damaged',
};

function unreadable(path: string, what: string, error: unknown): UserError {
  const why = WORDS[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
  const message = `Cannot read ${what} from ${path}: ${why}`;
  return new UserError(message, { exit: exitCode.unavailable, cause: error });
}

/**
 * The lines of a file, which is not held; `-` is the standard input. What begins as gzip does is compressed, whatever its
 * name.
 * @throws UserError (exit 69) that says what (`what`) could not be read
 */
export async function* linesOf(path: string, what: string): AsyncGenerator<string> {
  const raw = path === '-' ? process.stdin : createReadStream(path);
  let rest: string[] = [];
  try {
    for await (const chunk of await textOf(raw, path)) {
      const end = chunk.lastIndexOf('\n');
      if (end >= 0) {
        yield* (rest.join('') + chunk.slice(0, end)).split('\n');
        rest = [];
      }
      rest.push(chunk.slice(end + 1));
    }
  } catch (error) {
    throw unreadable(path, what, error);
  } finally {
    raw.destroy();
  }
  const last = rest.join('');
  if (last !== '') yield last;
}

/** Its text in pieces, decompressed. */
async function textOf(raw: Readable, path: string): Promise<AsyncIterable<string>> {
  const chunks: AsyncIterator<Buffer> = raw[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  for (let next: IteratorResult<Buffer>; head.length < 2; head = Buffer.concat([head, next.value])) {
    next = await chunks.next();
    if (next.done) break;
  }
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  if (path.endsWith('.gz') && !isGzip && head.length > 0) throw new Error('it is not gzip, though its name says so');
  const whole = Readable.from(chain(head, chunks), { objectMode: false });
  // The error of one ends the other, and is met where that is read.
  const input: Readable = isGzip ? pipeline(whole, createGunzip(), () => {}) : whole;
  return input.setEncoding('utf8');
}

async function* chain(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* { [Symbol.asyncIterator]: () => chunks };
}

/**
 * The records of a file with their lines, from 1; `-` is the standard input.
 * @throws UserError (exit 69, 78) when it cannot be read, holds what is no record, or nothing
 */
export async function* eventsOf(path: string): AsyncGenerator<readonly [number, EventRecord]> {
  let line = 0;
  let count = 0;
  for await (const text of linesOf(path, 'events')) {
    line++;
    if (text.trim() === '') continue;
    const parsed = parseRecord(text, { file: path, line });
    if ('problem' in parsed) {
      const texts = [{ name: path, text: '\n'.repeat(line - 1) + text }];
      throw new UserError(parsed.problem.message, { exit: exitCode.config, diagnostics: [parsed.problem], texts });
    }
    count++;
    yield [line, parsed.record];
  }
  if (count === 0) throw new UserError(`There is no event in ${path}`, { exit: exitCode.config });
}

/** All of them, by their lines. */
export async function readEvents(path: string): Promise<ReadonlyMap<number, EventRecord>> {
  const events = new Map<number, EventRecord>();
  for await (const [line, record] of eventsOf(path)) events.set(line, record);
  return events;
}

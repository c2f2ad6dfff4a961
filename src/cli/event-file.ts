/** Files of events that verbs look at. */

import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import type { EventRecord } from '../events/record.ts';
import { parseRecord } from '../events/record-json.ts';

function unreadable(path: string, what: string, error: unknown): UserError {
  const message = `Cannot read ${what} from ${path}: ${messageOf(error)}`;
  return new UserError(message, { exit: exitCode.unavailable, cause: error });
}

/**
 * The lines of a file, which is not held; `-` is the standard input, and what ends in .gz is compressed.
 * @throws UserError (exit 69) that says what (`what`) could not be read
 */
export async function* linesOf(path: string, what: string): AsyncGenerator<string> {
  const raw = path === '-' ? process.stdin : createReadStream(path);
  const input = path.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.once('error', (error: Error) => input.destroy(error));
  input.setEncoding('utf8');
  let rest: string[] = [];
  try {
    for await (const chunk of input as AsyncIterable<string>) {
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

/** Files of events that verbs look at. */

import { exitCode, UserError } from '../core/errors.ts';
import { fileLines } from '../core/files/file-lines.ts';
import type { EventRecord } from '../events/record.ts';
import { parseRecord } from '../events/record-json.ts';

/**
 * The records of a file with their lines, from 1; `-` is the standard input.
 * @throws UserError (exit 69, 78) when it cannot be read, holds what is no record, or nothing
 */
export async function* eventsOf(path: string): AsyncGenerator<readonly [number, EventRecord]> {
  let line = 0;
  let count = 0;
  for await (const text of fileLines(path, { what: 'events' })) {
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

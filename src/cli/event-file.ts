/** Files of events that verbs look at. */

import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import type { EventRecord } from '../events/record.ts';
import { parseRecord } from '../events/record-json.ts';

/**
 * The text of a file; `-` is the standard input, and what ends in .gz is compressed.
 * @throws UserError (exit 69) that says what (`what`) could not be read
 */
export async function readWhole(path: string, what: string): Promise<string> {
  try {
    // A pipe may have nothing yet: to read it at once would fail.
    const bytes = path === '-' ? await buffer(process.stdin) : readFileSync(path);
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    const message = `Cannot read ${what} from ${path}: ${messageOf(error)}`;
    throw new UserError(message, { exit: exitCode.unavailable, cause: error });
  }
}

/** The records of a file by their lines, from 1; `-` is the standard input. */
export async function readEvents(path: string): Promise<ReadonlyMap<number, EventRecord>> {
  const text = await readWhole(path, 'events');
  const events = new Map<number, EventRecord>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parsed = parseRecord(line, { file: path, line: index + 1 });
    if ('problem' in parsed) {
      const texts = [{ name: path, text }];
      throw new UserError(parsed.problem.message, { exit: exitCode.config, diagnostics: [parsed.problem], texts });
    }
    events.set(index + 1, parsed.record);
  }
  if (events.size === 0) throw new UserError(`There is no event in ${path}`, { exit: exitCode.config });
  return events;
}

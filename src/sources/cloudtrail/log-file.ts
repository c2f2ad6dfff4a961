/** One log file: from its bytes to the events that are given on. */

import type { SourceContext } from '../../core/component.ts';
import { headKeys } from '../../events/cloud/heads.ts';
import { Broken, unpack } from '../shared/cloud-worker/unpack.ts';
import type { Config } from './config.ts';
import type { Parcel } from './parcel.ts';
import type { Recent } from './recent.ts';
import { eventsOf } from './records.ts';

export interface LogFileOptions {
  readonly config: Pick<Config, 'max_record' | 'max_object'>;
  readonly ctx: Pick<SourceContext, 'reject' | 'now' | 'metrics'>;
  readonly recent: Recent;
  /** It is unpacked a little, and nothing goes, before this has resolved: what came lately is what was given before. */
  readonly after?: Promise<void>;
}

/**
 * Gives the records of a log file on, in order, as they come; those that came lately are left out. What is none is a dead
 * letter, once, however often the file is read. Rejects with Broken when it cannot be read to its end, after what could be
 * read was given. `place` is what it is called in reports.
 */
export async function giveLogFile(
  chunks: AsyncIterable<Uint8Array>,
  place: string,
  parcel: Parcel,
  { config, ctx, recent, after }: LogFileOptions,
): Promise<void> {
  const options = { list: 'Records', heads: headKeys, maxRecord: config.max_record, maxBytes: config.max_object };
  // What is no event has no id: it is known by its number, in an order that is the same however the file comes in pieces.
  const numbers = [0, 0];
  for await (const pack of unpack(notEmpty(chunks), options)) {
    await after;
    const { events, problems, duplicates, release } = eventsOf(pack, ctx, recent);
    if (duplicates > 0) ctx.metrics.add('duplicates', '', duplicates);
    await parcel.give(events, release);
    for (const [kind, all] of [problems, pack.problems].entries()) {
      for (const { text, reason, message } of all) {
        const number = (numbers[kind] ?? 0) + 1;
        numbers[kind] = number;
        if (recent.isNew(`${place} ${kind} ${number}`)) ctx.reject(text, { reason, message: `${place}: ${message}` });
      }
    }
  }
}

/** Ends with Broken where nothing came but blanks: a file that has not even an empty list was not written to its end. */
async function* notEmpty(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const chunk of chunks) {
    isEmpty &&= chunk.every((byte) => byte <= BLANK);
    yield chunk;
  }
  if (isEmpty) throw new Broken('it is empty');
}

const BLANK = 0x20;

/** Fields that the time of an event alone answers, whatever its form. */

import type { Value } from './field.ts';
import { clockSeconds, clockTime, dateTime, dateTimeSeconds, iso8601 } from './time.ts';

const SECOND = 1_000_000_000n;

/** By field: its value for a time in ns since the epoch. */
export const timeFields: ReadonlyMap<string, (time: bigint) => Value> = new Map(
  Object.entries({
    'evt.time': clockTime,
    'evt.time.s': clockSeconds,
    'evt.time.iso8601': iso8601,
    'evt.outputtime': clockTime,
    'evt.datetime': dateTime,
    'evt.datetime.s': dateTimeSeconds,
    'evt.rawtime': (time: bigint) => time,
    'evt.rawtime.s': (time: bigint) => Number(time / SECOND),
    'evt.rawtime.ns': (time: bigint) => Number(time % SECOND),
  }),
);

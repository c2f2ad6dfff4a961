/** How much memory an event holds: an estimate, for queues that are bounded in bytes. */

import type { Event, Value } from '../../core/event.ts';
import { Alert } from '../../events/alert.ts';
import { EventRecord } from '../../events/record.ts';

const OBJECT = 120; // an event object and its field map
const FIELD = 24; // a field's slot and a number, or the header of a string
const ALERT = 300; // what an alert has beside: its output fields once more by name, and how its id is made

/**
 * Bytes that an event holds, estimated: text counts as it is stored, one byte a unit for Latin-1. Throws a TypeError for what
 * no record can hold, so that it could neither wait on disk nor be sent: people make events too.
 */
export function weigh(event: Event): number {
  let bytes = OBJECT;
  if (event instanceof EventRecord) {
    const { fields } = event;
    if (typeof event.time !== 'bigint') throw new TypeError('the time of an event is a bigint, in ns since 1970');
    if (!event.source || !event.type) throw new TypeError('an event has a source and a type: texts, and not empty');
    for (const name in fields) bytes += FIELD + weighValue(fields[name], name);
    if (event instanceof Alert) bytes += ALERT + FIELD * Object.keys(event.outputFields).length;
  }
  return bytes;
}

function weighValue(value: Value | undefined, name: string): number {
  if (typeof value === 'string') return value.length;
  // Not by a set of names: this is done for each field of each event.
  const type = typeof value;
  if ((type !== 'object' && type !== 'function' && type !== 'symbol') || value === null) return 0;
  if (value instanceof Uint8Array) return value.byteLength;
  if (Array.isArray(value)) return value.reduce((sum: number, item: Value) => sum + FIELD + weighValue(item, name), 0);
  const allowed = 'text, a number, a bigint, true, false, a Uint8Array, or an array of these';
  throw new TypeError(
    `the field ${name} is ${Object.prototype.toString.call(value).slice(8, -1)}: a value is ${allowed}`,
  );
}

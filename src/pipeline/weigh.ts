/** How much memory an event holds: an estimate, for queues that are bounded in bytes. */

import type { Event, Value } from '../core/event.ts';
import { Alert } from '../events/alert.ts';
import { EventRecord } from '../events/record.ts';

const OBJECT = 120; // an event object and its field map
const FIELD = 24; // a field's slot and a number, or the header of a string
const ALERT = 300; // what an alert has beside: its output fields once more by name, and how its id is made

/** Bytes that an event holds, estimated: text counts as it is stored, one byte a unit for Latin-1. */
export function weigh(event: Event): number {
  let bytes = OBJECT;
  if (event instanceof EventRecord) {
    const { fields } = event;
    for (const name in fields) bytes += FIELD + weighValue(fields[name]);
    if (event instanceof Alert) bytes += ALERT + FIELD * Object.keys(event.outputFields).length;
  }
  return bytes;
}

function weighValue(value: Value | undefined): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  if (Array.isArray(value)) return value.reduce((sum: number, item: Value) => sum + FIELD + weighValue(item), 0);
  return 0;
}

/** Dividing a stream of events: those that are alike in some fields have one subject, and so come to one reader. */

import { z } from 'zod';
import { joinedKey, keyText } from '../events/key-text.ts';
import type { EventRecord } from '../events/record.ts';

/** The keys of whoever divides events, or reads what was divided: they must say the same. */
export const partitionKeys = {
  of: z.int().min(1).max(1024).describe('How many there are; the number of one is added to the subject.'),
  key: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .default('node.name')
    .describe('The field, or fields, that decide: events alike in them have one subject.'),
};

export interface Partitions {
  readonly of: number;
  readonly key: string | readonly string[];
}

/** The partition of an event; one that has none of the fields has a partition too. */
export function partitionOf(record: EventRecord, { of, key }: Partitions): number {
  return hash(keyText(record, key)) % of;
}

/** The partition of events whose fields have these values, in the order of the fields. */
export function partitionOfValues(values: readonly string[], of: number): number {
  return hash(joinedKey(values)) % of;
}

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

// FNV-1a, 32 bit, of the text in UTF-8, as nats-server's own partition(n, …): the same on every machine.
function hash(text: string): number {
  let value = OFFSET;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, PRIME) >>> 0;
  return value;
}

/** The subject of a partition: its number as one more word. */
export function partitionSubject(subject: string, partition: number): string {
  return `${subject}.${partition}`;
}

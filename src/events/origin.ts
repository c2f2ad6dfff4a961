/** Where an event was seen: the fields that it gets before it leaves its machine, so that a collector can tell. */

import type { Origin } from '../core/component.ts';
import { Alert } from './alert.ts';
import type { Field, Value } from './field.ts';
import { defineFields } from './field-table.ts';
import type { EventRecord } from './record.ts';

export const originFields: readonly Field[] = defineFields('origin', [
  ['node.name', 'CHARBUF', 'Of an event that came over NATS: the machine that published it.'],
  ['cluster.name', 'CHARBUF', 'Of an event that came over NATS: the `cluster` of the pipeline that published it.'],
  ['pipeline.name', 'CHARBUF', 'Of an event that came over NATS: the `name` of the pipeline that published it.'],
  [
    'pipeline.digest',
    'CHARBUF',
    'Of an event that came over NATS: the digest of that pipeline with all files it names.',
  ],
]);

const names: ReadonlySet<string> = new Set(originFields.map(({ name }) => name));

/** Whether a field is one of `originFields`: no event has it on the machine that it was seen on. */
export function isOriginField(field: string): boolean {
  return names.has(field);
}

/** The event, marked with where it was seen. What it has been marked with before stays: that was nearer. */
export function withOrigin(record: EventRecord, { node, cluster, pipeline, digest }: Origin): EventRecord {
  const marks: Record<string, Value> = {
    'node.name': node,
    ...(cluster === undefined ? {} : { 'cluster.name': cluster }),
    'pipeline.name': pipeline,
    'pipeline.digest': digest,
  };
  if (record.get('node.name') !== undefined) return record;
  if (!(record instanceof Alert)) return record.with({ ...record.fields, ...marks });
  const { fields, outputFields, time } = record;
  // Its id stays: it is the same alert, wherever it goes.
  return new Alert(time, { ...fields }, { ...outputFields, ...marks }, () => record.id);
}

/** Where an event was seen: the fields that it gets before it leaves its machine, so that a collector can tell. */

import type { Demand, Origin } from '../core/component.ts';
import { hostName } from '../core/host.ts';
import { Alert } from './alert.ts';
import type { Field, Value } from './field.ts';
import { defineFields } from './field-table.ts';
import type { EventRecord } from './record.ts';

/** The one that an event has already on the machine that it was seen on. */
export const NODE = 'node.name';

export const originFields: readonly Field[] = defineFields('origin', [
  [NODE, 'CHARBUF', 'The machine that saw it: this one, or of an event that came over NATS the one that published it.'],
  ['cluster.name', 'CHARBUF', 'Of an event that came over NATS: the `cluster` of the pipeline that published it.'],
  ['pipeline.name', 'CHARBUF', 'Of an event that came over NATS: the `name` of the pipeline that published it.'],
  [
    'pipeline.digest',
    'CHARBUF',
    'Of an event that came over NATS: the digest of that pipeline with all files it names.',
  ],
]);

const names: ReadonlySet<string> = new Set(originFields.map(({ name }) => name));

/** Whether a field is one of `originFields`: whoever sends an event away marks it with them. */
export function isOriginField(field: string): boolean {
  return names.has(field);
}

/** Whether an event may have a field on the machine that it was seen on. */
export function isSeenHere(field: string): boolean {
  return field === NODE || !names.has(field);
}

/** What an event that is seen here has of `originFields`, where it is wanted. */
export function originHere(demand: Demand | undefined): Readonly<Record<string, Value>> {
  return demand?.fields.has(NODE) ? { [NODE]: hostName() } : {};
}

/** The event, marked with where it was seen. One that was marked before stays as it is: that was nearer. */
export function withOrigin(record: EventRecord, { node, cluster, pipeline, digest }: Origin): EventRecord {
  const seen = record.get(NODE) ?? node;
  if (seen !== node || record.get('pipeline.name') !== undefined) return record;
  const marks: Record<string, Value> = {
    [NODE]: node,
    ...(cluster === undefined ? {} : { 'cluster.name': cluster }),
    'pipeline.name': pipeline,
    'pipeline.digest': digest,
  };
  if (!(record instanceof Alert)) return record.with({ ...record.fields, ...marks });
  const { fields, outputFields, time } = record;
  // Its id stays: it is the same alert, wherever it goes.
  return new Alert(time, { ...fields }, { ...outputFields, ...marks }, () => record.id);
}

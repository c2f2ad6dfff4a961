/** What becomes of a CloudEvent: its type decides of which event source it is an event. */

import type { Batch } from '../../core/flow/batch.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import { type CloudSourceName, decodeDocument } from '../../events/cloud/decode.ts';
import { evidence, isObject, json } from '../../events/cloud/document.ts';
import { CloudEvent } from '../../events/cloud/event.ts';
import { readFalcoAlert } from '../../events/falco-json.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { parseRecord } from '../../events/record-json.ts';
import type { CloudEventMessage } from './decode.ts';

export const documents = ['aws_cloudtrail', 'azure_audit', 'k8s_audit', 'vcd_audit'] as const;
export const records = ['alert', 'syscall', 'container', 'internal'] as const;
export const targets = [...documents, ...records] as const;
export type Target = (typeof targets)[number];

/** An event, with what tells it apart. */
export interface Routed {
  readonly source: string;
  readonly id: string | undefined;
  readonly event: CloudEvent | EventRecord;
}

/** What of a message is an event, and what is none. */
export interface Fate {
  readonly routed: readonly Routed[];
  readonly rejected: readonly { readonly text: string; readonly reason: string; readonly problem: string }[];
}

/** Finds the event source of a type: the first pattern that fits, in which `*` stands for anything. */
export function routeOf(routes: Readonly<Record<string, Target>>): (type: string) => Target | undefined {
  const patterns = Object.entries(routes).map(([pattern, target]) => {
    const words = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return [new RegExp(`^${words.join('.*')}$`, 's'), target] as const;
  });
  return (type) => patterns.find(([pattern]) => pattern.test(type))?.[1];
}

/** The events that a message carries. `received`: ns since the epoch. */
export function eventsOf(message: CloudEventMessage, target: Target | undefined, received: bigint): Fate {
  const { id, source, type, data } = message;
  if (target === undefined) {
    return none(data, `there is no route for the type "${type.slice(0, 100)}": name it under routes`, 'no_route');
  }
  const at = message.time ?? received;
  // Producers make source and id unique together.
  const own = `${source}\n${id}`;
  if (isDocument(target)) return documentsOf(target, data, at, own);
  if (target === 'alert' && isObject(data) && data.rule !== undefined) {
    const read = readFalcoAlert(data, at, id);
    return 'alert' in read ? one({ source: 'alert', id: own, event: read.alert }) : none(data, read.problem);
  }
  const parsed = parseRecord(json(data) ?? 'null', { file: `CloudEvent ${id}`, line: 1 });
  if ('problem' in parsed) return none(data, parsed.problem.message);
  if (parsed.record.source === target) return one({ source: target, id: own, event: parsed.record });
  return none(data, `it is a record of ${parsed.record.source}, not of ${target}`);
}

function one(routed: Routed): Fate {
  return { routed: [routed], rejected: [] };
}

function none(data: unknown, problem: string, reason = 'bad_event'): Fate {
  return { routed: [], rejected: [{ text: evidence(data), reason, problem }] };
}

function isDocument(target: Target): target is CloudSourceName {
  return (documents as readonly string[]).includes(target);
}

function documentsOf(target: CloudSourceName, data: unknown, at: bigint, own: string): Fate {
  const items = itemsOf(data);
  const fates = items.map((item, index) => {
    const decoded = decodeDocument(target, item, at);
    if ('problem' in decoded) return none(item, decoded.problem);
    const { event } = decoded;
    return one({ source: target, id: event.id ?? (items.length === 1 ? own : `${own}\n${index}`), event });
  });
  return { routed: fates.flatMap(({ routed }) => routed), rejected: fates.flatMap(({ rejected }) => rejected) };
}

/** One document, or the several that services put into one list. */
function itemsOf(data: unknown): readonly unknown[] {
  if (Array.isArray(data)) return data;
  if (!isObject(data)) return [data];
  const list = data.Records ?? data.records ?? (data.kind === 'EventList' ? data.items : undefined);
  return Array.isArray(list) ? list : [data];
}

/** A batch of events of one source. */
export function batchOf(source: string, routed: readonly Routed[]): Omit<Batch, 'ack'> {
  const events = routed.map(({ event }) => event);
  if (events.every((event) => event instanceof CloudEvent)) return cloudBatch(source, events);
  return { source, form: recordForm, events };
}

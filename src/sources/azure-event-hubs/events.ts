/** From what a hub holds to events: the audit log of Kubernetes clusters is taken out of its envelope. */

import { decodeDocument } from '../../events/cloud/decode.ts';
import { evidence, isObject, json, memberAnyCase, text } from '../../events/cloud/document.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import type { Origin } from '../../events/cloud/table.ts';
import { readJson } from '../../events/exact-json.ts';
import { recordsOf } from './body.ts';

/** One event of a hub, as far as it is read here. */
export interface HubEvent {
  readonly body: unknown;
  readonly offset: string;
  readonly sequenceNumber: number;
  readonly enqueuedTimeUtc: Date;
}

export interface Decoded {
  readonly events: readonly CloudEvent[];
  /** What could not be read: a sentence, and the text in question. */
  readonly problems: readonly {
    readonly reason: 'bad_body' | 'bad_record' | 'other_source';
    readonly message: string;
    readonly text: string;
  }[];
  readonly mended: boolean;
}

/** The events in the body of one event of a hub that are of the event sources `emits`. Never throws. */
export function eventsOf(
  { body, offset, sequenceNumber, enqueuedTimeUtc }: HubEvent,
  partition: string,
  emits: readonly string[],
): Decoded {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : (json(body) ?? ''));
  const place = `event ${sequenceNumber} of partition ${partition}`;
  const found = recordsOf(bytes);
  if ('problem' in found) {
    const message = `the body of ${place} cannot be read: ${found.problem}`;
    return {
      events: [],
      problems: [{ reason: 'bad_body', message, text: Buffer.from(bytes).toString() }],
      mended: false,
    };
  }
  const enqueued = BigInt(enqueuedTimeUtc.getTime()) * 1_000_000n;
  const origin: Origin = {
    'azure.eventhub.partition': partition,
    'azure.eventhub.offset': offset,
    'azure.eventhub.seq': sequenceNumber,
    'azure.eventhub.enqueued': enqueued,
  };
  const events: CloudEvent[] = [];
  const problems: Decoded['problems'][number][] = [];
  const refuse = (reason: 'bad_record' | 'other_source', why: string, record: unknown) =>
    problems.push({ reason, message: `a record in ${place}: ${why}`, text: evidence(record) });
  const alone = found.records.length === 1;
  for (const [index, record] of found.records.entries()) {
    // So that also records without an id of their own are told apart.
    const decoded = decode(record, enqueued, alone ? origin : { ...origin, 'azure.eventhub.record': index });
    if ('problem' in decoded) refuse('bad_record', decoded.problem, record);
    else if (emits.includes(decoded.event.source)) events.push(decoded.event);
    else refuse('other_source', `It is of ${decoded.event.source}, which \`emits\` does not name.`, record);
  }
  return { events, problems, mended: found.mended };
}

const KUBE_AUDIT = /^kube-audit(-admin)?$/i;

function decode(record: unknown, enqueued: bigint, origin: Origin): ReturnType<typeof decodeDocument> {
  const category = text(memberAnyCase(record, 'category')) ?? '';
  if (!KUBE_AUDIT.test(category)) return decodeDocument('azure_audit', record, enqueued, origin);
  const given = memberAnyCase(record, 'properties');
  const log = memberAnyCase(typeof given === 'string' ? readJson(given) : given, 'log');
  const document = typeof log === 'string' ? readJson(log) : log;
  if (!isObject(document)) return { problem: `Its category is ${category}, and its properties.log is no audit event.` };
  // …/managedClusters/NAME
  const cluster = text(memberAnyCase(record, 'resourceId'))?.split('/').at(-1);
  return decodeDocument('k8s_audit', document, enqueued, cluster ? { ...origin, 'ka.cluster.name': cluster } : origin);
}

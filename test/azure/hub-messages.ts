/** Messages to an Event Hubs namespace, and what it says of itself: who may, what there is, which events came. */

import { createHmac } from 'node:crypto';
import rhea from 'rhea';

const { types } = rhea;

/** An event as a partition holds it. */
export interface Stored {
  readonly sequence: number;
  readonly offset: string;
  readonly enqueued: number;
  readonly body: Buffer;
  readonly key?: string | undefined;
  readonly id?: string | undefined;
  readonly properties?: Record<string, unknown> | undefined;
}

/** A message, as far as it is looked at. */
export interface Message {
  readonly body?: unknown;
  readonly message_id?: unknown;
  readonly reply_to?: unknown;
  readonly application_properties?: Record<string, unknown>;
  readonly message_annotations?: Record<string, unknown>;
}

/** Whether a claim is good: a signature by the key, which has not expired, or one of the bearer tokens. */
export function isRight(token: string, key: string, tokens: ReadonlySet<string>): boolean {
  if (!token.startsWith('SharedAccessSignature ')) return tokens.has(token);
  const parts = new URLSearchParams(token.slice('SharedAccessSignature '.length));
  const [, resource = ''] = /[ &]sr=([^&]*)/.exec(token) ?? [];
  const sign = createHmac('sha256', key)
    .update(`${resource}\n${parts.get('se')}`)
    .digest('base64');
  return sign === parts.get('sig') && Number(parts.get('se')) > Date.now() / 1000;
}

/** What is said of a partition; `last`: the sequence number of the last event it got, -1 before the first. */
export function aboutPartition(hub: string, partition: number, entries: readonly Stored[], last: number) {
  return types.wrap_map({
    name: hub,
    type: 'com.microsoft:partition',
    partition: String(partition),
    begin_sequence_number: types.wrap_long(entries[0]?.sequence ?? last + 1),
    last_enqueued_sequence_number: types.wrap_long(last),
    last_enqueued_offset: String(last < 0 ? -1 : last * 128),
    last_enqueued_time_utc: types.wrap_timestamp(entries.at(-1)?.enqueued ?? 0),
    is_partition_empty: entries.length === 0,
  });
}

/** What is said of a hub. */
export function aboutHub(hub: string, partitions: number) {
  return types.wrap_map({
    name: hub,
    type: 'com.microsoft:eventhub',
    created_at: types.wrap_timestamp(0),
    partition_count: types.wrap_int(partitions),
    partition_ids: types.wrap_array(
      Array.from({ length: partitions }, (_, each) => String(each)),
      0xa1,
      undefined as never,
    ),
    georeplication_factor: types.wrap_int(1),
  });
}

/** The events of a transfer, and their partition key: a transfer is one event, or a batch of events that are encoded once more. */
export function carried(
  message: Buffer | Message,
): Pick<Stored, 'key'> & { events: Pick<Stored, 'body' | 'id' | 'properties'>[] } {
  const outer = (Buffer.isBuffer(message) ? rhea.message.decode(message) : message) as Message;
  const events = Buffer.isBuffer(message)
    ? [contentOf(outer) ?? []].flat().map((each) => rhea.message.decode(each) as unknown as Message)
    : [outer];
  return {
    key: (outer.message_annotations?.['x-opt-partition-key'] ??
      events[0]?.message_annotations?.['x-opt-partition-key']) as string | undefined,
    events: events.map((event) => ({
      body: Buffer.from((contentOf(event) ?? Buffer.alloc(0)) as Buffer),
      id: event.message_id as string | undefined,
      properties: event.application_properties,
    })),
  };
}

/** Its data section, or sections. */
function contentOf({ body }: Message): Buffer | Buffer[] | undefined {
  return (body as { content?: Buffer | Buffer[] } | undefined)?.content;
}

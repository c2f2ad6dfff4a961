/** Events as messages of a broker: what the sinks nats and azure_event_hubs publish. */

import { z } from 'zod';
import type { Demands, Origin } from '../../core/component.ts';
import type { Event } from '../../core/event.ts';
import { Alert, alertJson } from '../../events/alert.ts';
import { isOriginField, withOrigin } from '../../events/origin.ts';
import { EventRecord } from '../../events/record.ts';
import { recordJson } from '../../events/record-json.ts';
import { redactCommon, redacted } from '../../events/redact.ts';
import { asAlert } from './as-alert.ts';
import { lineReads, redactKey } from './lines.ts';

/** The keys of sinks that publish messages. */
export const messageKeys = {
  format: z
    .enum(['record', 'falco'])
    .default('record')
    .describe("record: what the source `nats` reads, exact. falco: alerts as Falco's JSON."),
  ...redactKey,
  fields: z
    .array(z.string())
    .optional()
    .describe('Fields to publish of events that are not alerts. Default: a few that say who did what.'),
};

export interface EventMessage {
  /** The event, marked with where it was seen. */
  readonly record: EventRecord;
  readonly body: string;
  /** The same for the same alert; only of alerts it is known what tells them apart. */
  readonly id: string | undefined;
}

interface MessageConfig {
  readonly format: 'record' | 'falco';
  readonly redact: boolean;
  readonly fields?: readonly string[] | undefined;
}

/** The message of an event that comes from `origin`. */
export function eventMessage(event: Event, { format, redact }: MessageConfig, origin: Origin): EventMessage {
  const record = withOrigin(recordFor(event, format, redact), origin);
  return {
    record,
    body: format === 'falco' ? alertJson(record, { iso8601: true }) : recordJson(record),
    id: record instanceof Alert ? record.id : undefined,
  };
}

/** What messages need, and the fields of the key that divides them. */
export function messageReads(
  { fields }: Pick<MessageConfig, 'fields'>,
  sources: readonly string[],
  key: string | readonly string[] = [],
): Demands {
  const more = new Set([key].flat().filter((each) => !isOriginField(each)));
  const line = lineReads({ fields }, sources);
  return new Map([...line].map(([source, demand]) => [source, { ...demand, fields: demand.fields.union(more) }]));
}

function recordFor(event: Event, format: 'record' | 'falco', redact: boolean): EventRecord {
  if (format === 'falco') return asAlert(event, redact);
  if (!(event instanceof EventRecord)) throw new TypeError(`an event of ${event.source} is not a record`);
  return redact ? redacted(event, redactCommon) : event;
}

/** The sink `nats`: events to a NATS JetStream stream, which acknowledges each and tells repetitions by the alert's id. */

import { z } from 'zod';
import { defineSink, type Origin } from '../core/component.ts';
import { messageOf } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { WriteError } from '../core/write-error.ts';
import { Alert, alertJson } from '../events/alert.ts';
import { isOriginField, withOrigin } from '../events/origin.ts';
import { EventRecord } from '../events/record.ts';
import { recordJson } from '../events/record-json.ts';
import { redactCommon, redacted } from '../events/redact.ts';
import { connectionKeys, subjectText } from '../nats/connection.ts';
import { partitionKeys, partitionOf, partitionSubject } from '../nats/partition.ts';
import { asAlert } from './shared/as-alert.ts';
import { type Message, Publisher } from './shared/jetstream.ts';
import { lineReads, redactKey } from './shared/lines.ts';

const config = z.strictObject({
  ...connectionKeys,
  subject: subjectText
    .default('falco-pipe.events')
    .describe('The subject that events are published to; a stream must take it.'),
  partitions: z
    .strictObject(partitionKeys)
    .optional()
    .describe('Divide events, for replicas of a collector that keep state: see docs/guides/edge-and-collector.md.'),
  format: z
    .enum(['record', 'falco'])
    .default('record')
    .describe("record: what the source `nats` reads, exact. falco: alerts as Falco's JSON."),
  ...redactKey,
  fields: z
    .array(z.string())
    .optional()
    .describe('Fields to publish of events that are not alerts. Default: a few that say who did what.'),
});

export const nats = defineSink({
  type: 'nats',
  summary: 'Publishes events to NATS JetStream; what a stream has acknowledged is delivered.',
  config,
  examples: [
    {
      title: 'From every node to the collector',
      yaml: 'centre: { type: nats, from: detect, servers: "tls://nats.example:4222", subject: falco.alerts, credentials: { file: /run/secrets/nats.creds } }',
    },
  ],
  reads: ({ fields, partitions }, sources) => {
    const key = [partitions?.key ?? []].flat().filter((each) => !isOriginField(each));
    const line = lineReads({ fields }, sources);
    return new Map(
      [...line].map(([source, demand]) => [source, { ...demand, fields: demand.fields.union(new Set(key)) }]),
    );
  },
  async open(given, ctx) {
    const publisher = await Publisher.open(given, ctx);
    const publish = async (events: readonly Event[], signal: AbortSignal) => {
      const origin = ctx.origin();
      const messages = events.map((event) => messageFor(event, given, origin));
      return publisher.publish(messages, signal);
    };
    return {
      async write(events, signal) {
        const outcomes = await publish(events, signal);
        const of = (fate: 'refused' | 'again') => events.filter((_, place) => outcomes[place]?.fate === fate);
        const refused = of('refused');
        const again = of('again');
        const why = outcomes.find(({ fate }) => fate !== 'taken')?.what ?? '';
        if (refused.length + again.length > 0) throw new WriteError(why, { refused, again });
      },
      async probe(events, signal) {
        const [outcome] = await publish(events, signal);
        if (outcome?.fate === 'taken') return outcome.what;
        throw new Error(outcome?.what ?? messageOf(undefined));
      },
      close: () => publisher.close(),
    };
  },
});

function messageFor(event: Event, given: z.output<typeof config>, origin: Origin): Message {
  const { format, redact, subject, partitions } = given;
  const record = recordFor(event, format, redact);
  const marked = withOrigin(record, origin);
  return {
    subject: partitions ? partitionSubject(subject, partitionOf(marked, partitions)) : subject,
    body: format === 'falco' ? alertJson(marked, { iso8601: true }) : recordJson(marked),
    // Only of alerts it is known what tells them apart.
    id: marked instanceof Alert ? marked.id : undefined,
  };
}

function recordFor(event: Event, format: 'record' | 'falco', redact: boolean): EventRecord {
  if (format === 'falco') return asAlert(event, redact);
  if (!(event instanceof EventRecord)) throw new TypeError(`an event of ${event.source} is not a record`);
  return redact ? redacted(event, redactCommon) : event;
}

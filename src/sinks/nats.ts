/** The sink `nats`: events to a NATS JetStream stream, which acknowledges each and tells repetitions by the alert's id. */

import { z } from 'zod';
import { defineSink, type Origin } from '../core/component.ts';
import { messageOf } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { encodeEach, WriteError } from '../core/failure/write-error.ts';
import { checkConnection, connectionKeys, oneLogin, subjectText } from '../nats/connection.ts';
import { partitionKeys, partitionOf, partitionSubject } from '../nats/partition.ts';
import { type Message, Publisher } from './shared/jetstream.ts';
import { eventMessage, messageKeys, messageReads } from './shared/message.ts';

const config = z
  .strictObject({
    ...connectionKeys,
    subject: subjectText
      .default('falco-pipe.events')
      .describe('The subject that events are published to; a stream must take it.'),
    partitions: z
      .strictObject(partitionKeys)
      .optional()
      .describe('Divide events, for replicas of a collector that keep state: see docs/guides/edge-and-collector.md.'),
    ...messageKeys,
  })
  .refine(...oneLogin);

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
  reads: ({ fields, partitions }, sources) => messageReads({ fields }, sources, partitions?.key),
  prepare: checkConnection,
  async open(given, ctx) {
    const publisher = await Publisher.open(given, ctx);
    const publish = async (events: readonly Event[], signal: AbortSignal) => {
      const origin = ctx.origin();
      const messages = encodeEach(events, (event) => messageFor(event, given, origin));
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
  const { subject, partitions } = given;
  const { record, body, id } = eventMessage(event, given, origin);
  return { subject: partitions ? partitionSubject(subject, partitionOf(record, partitions)) : subject, body, id };
}

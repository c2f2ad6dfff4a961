/** The sink `nats`: events to a NATS JetStream stream, which acknowledges each and tells repetitions by the alert's id. */

import { z } from 'zod';
import { defineSink } from '../core/component.ts';
import { messageOf } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { secret } from '../core/secret.ts';
import { tlsFileKeys } from '../core/tls.ts';
import { WriteError } from '../core/write-error.ts';
import { Alert, alertJson } from '../events/alert.ts';
import { EventRecord } from '../events/record.ts';
import { recordJson } from '../events/record-json.ts';
import { redactCommon, redacted } from '../events/redact.ts';
import { asAlert } from './shared/as-alert.ts';
import { Publisher } from './shared/jetstream.ts';
import { lineReads, redactKey } from './shared/lines.ts';

const config = z.strictObject({
  servers: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('Addresses of servers of one cluster: `nats://HOST:4222` or `tls://HOST:4222`.'),
  subject: z
    .string()
    .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, 'a subject is words joined by dots, without * and >')
    .default('falco-pipe.events')
    .describe('The subject that events are published to; a stream must take it.'),
  format: z
    .enum(['record', 'falco'])
    .default('record')
    .describe("record: what the source `nats` reads, exact. falco: alerts as Falco's JSON."),
  credentials: secret().optional().describe('A credentials file (`nsc generate creds`).'),
  token: secret().optional().describe('A token.'),
  basic: z
    .strictObject({ user: z.string().min(1).describe('The user.'), password: secret().describe('The password.') })
    .optional()
    .describe('A user and a password.'),
  tls: tlsFileKeys.optional(),
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
  reads: ({ fields }, sources) => lineReads({ fields }, sources),
  async open(given, ctx) {
    const publisher = await Publisher.open(given, ctx);
    const publish = async (events: readonly Event[], signal: AbortSignal) => {
      const messages = events.map((event) => messageFor(event, given));
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

function messageFor(
  event: Event,
  { format, redact }: z.output<typeof config>,
): { body: string; id: string | undefined } {
  if (format === 'falco') {
    const alert = asAlert(event, redact);
    return { body: alertJson(alert, { iso8601: true }), id: alert.id };
  }
  if (!(event instanceof EventRecord)) throw new TypeError(`an event of ${event.source} is not a record`);
  const record = redact ? redacted(event, redactCommon) : event;
  // Only of alerts it is known what tells them apart.
  return { body: recordJson(record), id: record instanceof Alert ? record.id : undefined };
}

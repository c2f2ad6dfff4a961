/** The source `nats`: what edge agents have published to a NATS JetStream stream, by a durable pull consumer. */

import { Observable } from 'rxjs';
import type { Claim } from '../../core/claim.ts';
import { defineSource } from '../../core/component.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { accountsOf, checkConnection } from '../../nats/connection.ts';
import { partitionOfValues } from '../../nats/partition.ts';
import { config, consumersOf, type NatsConfig, ownPartitions } from './config.ts';
import { Reader } from './reader.ts';

export const nats = defineSource({
  type: 'nats',
  summary: 'Reads events that the sink `nats` has published to NATS JetStream; several replicas may divide them.',
  config,
  examples: [
    {
      title: 'What all nodes publish, divided among the replicas as they ask',
      yaml: 'nodes: { type: nats, servers: "tls://nats.example:4222", stream: FALCO, credentials: { file: /run/secrets/nats.creds } }',
    },
    {
      title: 'A third of the partitions, for operators that keep state by node',
      yaml: [
        'nodes:',
        '  type: nats',
        '  servers: nats://localhost:4222',
        '  stream: FALCO',
        '  subject: falco-pipe.events',
        '  partitions: { of: 12, mine: [0, 1, 2, 3] }',
      ].join('\n'),
    },
  ],
  delivery: 'at_least_once',
  emits: ({ emits }) => emits,
  shared(given) {
    const { partitions, exclusive } = given;
    if (!partitions) return exclusive ? undefined : { by: [] };
    const own = new Set(ownPartitions(given));
    if (own.size === partitions.of) return undefined;
    return { by: [partitions.key].flat(), has: (values) => own.has(partitionOfValues(values, partitions.of)) };
  },
  prepare(given, plan) {
    checkConnection(given, plan);
    plan.claim(consuming(given), ['consumer']);
  },
  open: (given, ctx) =>
    new Observable<Batch>((subscriber) => {
      const reader = new Reader(given, ctx, (batch) => subscriber.next(batch));
      reader.run().catch((error) => subscriber.error(error));
      return () => reader.stop();
    }),
});

function consuming(given: NatsConfig): Claim[] {
  const { stream } = given;
  const advice =
    'A consumer gives an event to one of those who read it: name another `consumer`, or read both from one source.';
  return consumersOf(given).flatMap(({ name }) =>
    accountsOf(given).map((account) => ({
      resource: JSON.stringify(['nats', account, stream, name]),
      does: `reads with the consumer ${name} of the stream ${stream}`,
      advice,
    })),
  );
}

/**
 * The source azure_event_hubs: events/s over two partitions, from a hub on loopback in a process of its own (test/azure) to
 * settled events, beside what the SDK alone gives with the same batches. One record in a body, then a hundred.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { EventHubConsumerClient, earliestEventPosition } from '@azure/event-hubs';
import type { SourceContext } from '../../src/core/component.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Credit } from '../../src/core/flow/credit.ts';
import { createLogger } from '../../src/core/log.ts';
import { Counters } from '../../src/core/metrics.ts';
import { azureEventHubs } from '../../src/sources/azure-event-hubs/index.ts';
import { EventHub } from '../../test/azure/event-hubs.ts';

const BODIES = 60_000;
const BATCH = 500;

const record = (n: number) => ({
  time: '2026-11-26T10:00:00.0000000Z',
  resourceId: `/SUBSCRIPTIONS/1/RESOURCEGROUPS/G${n % 50}/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/VM${n % 997}`,
  operationName: 'MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE',
  category: 'Administrative',
  resultType: 'Success',
  resultSignature: 'Succeeded.OK',
  durationMs: '0',
  callerIpAddress: `203.0.113.${n % 250}`,
  correlationId: `corr-${n}`,
  identity: { claims: { name: 'jane', appid: 'a', ipaddr: '203.0.113.9' } },
  level: 'Information',
  properties: { statusCode: 'OK', eventCategory: 'Administrative', entity: `vm${n}` },
});

if (process.send) {
  const [bodies, records] = process.argv.slice(2).map(Number) as [number, number];
  const hub = await EventHub.start({ partitions: 2 });
  for (let n = 0; n < bodies; n++) {
    hub.publish(n % 2, { records: Array.from({ length: records }, (_, index) => record(n * records + index)) });
  }
  process.send(hub.connectionString);
} else {
  for (const [bodies, records] of [
    [BODIES, 1],
    [BODIES / 50, 100],
  ] as const) {
    const server = fork(import.meta.filename, [String(bodies), String(records)], { stdio: 'inherit' });
    const [connection] = (await once(server, 'message')) as [string];
    const alone = await sdk(connection, bodies);
    const ours = await source(connection, bodies * records);
    const each = Math.round((ours * 1000) / records) / 1000;
    console.log(
      `${records} records a body: ${Math.round(ours)} records/s, ${Math.round(each)} events of the hub/s; ` +
        `the SDK alone ${Math.round(alone)} events of the hub/s (${(each / alone).toFixed(2)}x)`,
    );
    server.kill();
    await once(server, 'exit');
  }
}

async function sdk(connection: string, bodies: number): Promise<number> {
  const client = new EventHubConsumerClient('$Default', connection);
  let seen = 0;
  const began = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = client.subscribe(
    {
      processEvents: async (events) => {
        if ((seen += events.length) === bodies) resolve();
      },
      processError: async (error) => {
        throw error;
      },
    },
    { maxBatchSize: BATCH, maxWaitTimeInSeconds: 1, startPosition: earliestEventPosition, skipParsingBodyAsJson: true },
  );
  await promise;
  const rate = bodies / ((performance.now() - began) / 1000);
  await subscription.close();
  await client.close();
  return rate;
}

async function source(connection: string, records: number): Promise<number> {
  process.env.BENCH_HUB = connection;
  const abort = new AbortController();
  const credit = new Credit(10_000);
  const closing: ((settling: AbortSignal) => Promise<void>)[] = [];
  const ctx: Partial<SourceContext> = {
    id: 'azure',
    signal: abort.signal,
    log: createLogger({ level: 'warn' }),
    metrics: new Counters(),
    now: Date.now,
    sleep: () => Promise.resolve(),
    resolve: String,
    credit: (count) => credit.take(count, abort.signal),
    report: (_type, { message }) => console.error(message),
    reject: (_text, { message }) => console.error(message),
    trouble: () => {},
    onStop: (close) => {
      closing.push(close);
      return () => {};
    },
    position: () => undefined,
    advance: () => {},
  };
  let seen = 0;
  const began = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const config = azureEventHubs.config.parse({ connection: { env: 'BENCH_HUB' }, batch: BATCH });
  const subscription = azureEventHubs.open(config, ctx as SourceContext).subscribe({
    next: ({ events, ack }: Batch) => {
      credit.release(events.length);
      ack.settle('delivered');
      if ((seen += events.length) === records) resolve();
    },
    error: reject,
  });
  await promise;
  const rate = records / ((performance.now() - began) / 1000);
  subscription.unsubscribe();
  abort.abort(new Error('done'));
  for (const close of closing) await close(AbortSignal.abort());
  return rate;
}

/** The sink `azure_event_hubs`: events to Azure Event Hubs, in batches as large as the hub takes. */

import { z } from 'zod';
import {
  checkConnection,
  clientOptions,
  connectionKeys,
  explained,
  isRefusal,
  readConnection,
  targetOf,
} from '../azure/connection.ts';
import type { EventHubProducerClient } from '../azure/event-hubs.ts';
import { type Context, defineSink } from '../core/component.ts';
import type { Event } from '../core/event.ts';
import { encodeEach, WriteError } from '../core/failure/write-error.ts';
import { keyText } from '../events/key-text.ts';
import { type EventMessage, eventMessage, messageKeys, messageReads } from './shared/message.ts';

/** Batches that are under way at once, where many keys make many. */
const AT_ONCE = 8;
/** ms that a hub which throttles is left alone: as its documentation asks. */
const BUSY = 4000;

const config = z.strictObject({
  ...connectionKeys,
  partition_key: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      'The field, or fields, that decide: events alike in them have one partition. Default: the hub spreads them.',
    ),
  ...messageKeys,
});

type Config = z.output<typeof config>;

export const azureEventHubs = defineSink({
  type: 'azure_event_hubs',
  summary: 'Sends events to Azure Event Hubs; what the hub has accepted is delivered.',
  config,
  examples: [
    {
      title: "Alerts as Falco's JSON, those of a machine in order",
      yaml: 'hub: { type: azure_event_hubs, from: detect, connection: { file: /run/secrets/hub }, hub: alerts, format: falco, partition_key: node.name }',
    },
  ],
  reads: ({ fields, partition_key }, sources) => messageReads({ fields }, sources, partition_key),
  prepare: checkConnection,
  async open(given, ctx) {
    // What is wrong with the configuration is said now.
    readConnection(given, ctx);
    const hub = new Hub(given, ctx);
    return {
      async write(events, signal) {
        const origin = ctx.origin();
        const letters = encodeEach(events, (event) => ({ event, ...eventMessage(event, given, origin) }));
        await hub.send(letters, signal);
      },
      async probe(events, signal) {
        const origin = ctx.origin();
        await hub.send(
          events.map((event) => ({ event, ...eventMessage(event, given, origin) })),
          signal,
        );
        return `${hub.name} has accepted it`;
      },
      close: () => hub.close(),
    };
  },
});

interface Letter extends EventMessage {
  readonly event: Event;
}

class Hub {
  name = '';
  readonly #config: Config;
  readonly #ctx: Context;
  #client: EventHubProducerClient | undefined;

  constructor(config: Config, ctx: Context) {
    this.#config = config;
    this.#ctx = ctx;
  }

  /** Resolves when the hub has accepted all; rejects with a WriteError that says which it has not. */
  async send(letters: readonly Letter[], signal: AbortSignal): Promise<void> {
    const refused: Event[] = [];
    const again: Event[] = [];
    let why: { message: string; wait: number } | undefined;
    const groups = [...this.#grouped(letters)];
    const work = async () => {
      for (let group = groups.shift(); group; group = groups.shift()) {
        const [key, members] = group;
        const left = [...members];
        try {
          const client = await this.#connected();
          while (left.length > 0) {
            const batch = await client.createBatch({
              abortSignal: signal,
              ...(key === undefined ? {} : { partitionKey: key }),
            });
            const fits = left.findIndex((letter) => !batch.tryAdd(dataOf(letter)));
            if (fits === 0) {
              const most = batch.maxSizeInBytes;
              const size = Buffer.byteLength(left[0]?.body ?? '');
              why ??= { message: `an event of ${size} bytes, where the hub takes ${most} in a batch`, wait: 0 };
              refused.push((left.shift() as Letter).event);
              continue;
            }
            await client.sendBatch(batch, { abortSignal: signal });
            left.splice(0, batch.count);
          }
        } catch (error) {
          again.push(...left.map(({ event }) => event));
          why = { message: `${this.name}: ${explained(error)}`, wait: isBusy(error) ? BUSY : 0 };
          // A key may have been exchanged: it is read anew with the next client.
          if (isRefusal(error)) await this.close();
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, groups.length) }, work));
    if (why) throw new WriteError(why.message, { refused, again, wait: why.wait });
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  #grouped(letters: readonly Letter[]): ReadonlyMap<string | undefined, readonly Letter[]> {
    const { partition_key: key } = this.#config;
    return Map.groupBy(letters, ({ record }) => (key === undefined ? undefined : keyText(record, key)));
  }

  async #connected(): Promise<EventHubProducerClient> {
    if (this.#client) return this.#client;
    const { EventHubProducerClient } = await import('../azure/event-hubs.ts');
    const target = await targetOf(this.#config, this.#ctx);
    // Trying again is for the queue of the sink, which knows what else waits.
    const options = await clientOptions(this.#config, target.host, 0);
    this.name = target.name;
    const Client = EventHubProducerClient as unknown as new (...given: unknown[]) => EventHubProducerClient;
    this.#client ??= new Client(...target.arguments, options);
    return this.#client;
  }
}

function dataOf({ record, body, id }: Letter) {
  const priority = record.get('priority');
  return {
    body: Buffer.from(body),
    contentType: 'application/json',
    ...(id === undefined ? {} : { messageId: id }),
    properties: {
      source: record.source,
      type: record.type,
      ...(id === undefined ? {} : { id }),
      ...(typeof priority === 'string' ? { priority } : {}),
    },
  };
}

function isBusy(error: unknown): boolean {
  const { code, errors } = error as { code?: string; errors?: unknown[] };
  return code === 'ServerBusyError' || (errors?.some(isBusy) ?? false);
}

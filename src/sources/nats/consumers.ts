/** The durable consumers that a replica reads from: made when they are not there, held to what we need when they are. */

import { messageOf } from '../../core/errors.ts';
import type {
  Consumer,
  ConsumerInfo,
  JetStreamClient,
  JetStreamManager,
  NatsConnection,
  StreamInfo,
  StreamState,
} from '../../nats/client.ts';
import { consumersOf, type NatsConfig } from './config.ts';

type Client = typeof import('../../nats/client.ts');

export interface Opened {
  /** When the stream was made: its numbers begin again in one that is made anew. */
  readonly born: string;
  readonly lanes: readonly OpenedConsumer[];
  /** What the stream holds now. */
  readonly state: () => Promise<StreamState>;
}

export interface OpenedConsumer {
  readonly name: string;
  readonly consumer: Consumer;
  /** It was not there before. */
  readonly made: boolean;
}

/** Opens one consumer, or one for each partition. Rejects with what is wrong with the stream or a consumer. */
export async function openConsumers(config: NatsConfig, connection: NatsConnection, client: Client): Promise<Opened> {
  const { stream, ack_wait } = config;
  const { jetstream, manager, born } = await jetStreamOf(config, connection, client);
  const lanes: OpenedConsumer[] = [];
  for (const each of consumersOf(config)) {
    const made = await ensure(manager, client, stream, { ...each, ackWait: ack_wait * 1_000_000 });
    lanes.push({ name: each.name, consumer: await jetstream.consumers.get(stream, each.name), made });
  }
  return { born, lanes, state: async () => (await manager.streams.info(stream)).state };
}

async function jetStreamOf(
  config: NatsConfig,
  connection: NatsConnection,
  client: Client,
): Promise<{ jetstream: JetStreamClient; manager: JetStreamManager; born: string }> {
  try {
    const manager = await client.jetstreamManager(connection);
    const { created } = await streamOf(config, manager, client);
    return { jetstream: client.jetstream(connection), manager, born: created };
  } catch (error) {
    const name = nameOf(error);
    if (name === 'JetStreamNotEnabled' || name === 'NoRespondersError') {
      throw new Error('the server, or our account on it, has no JetStream: enable it', { cause: error });
    }
    throw error;
  }
}

async function streamOf(
  { stream, subject = '', create_stream: limits }: NatsConfig,
  manager: JetStreamManager,
  client: Client,
): Promise<StreamInfo> {
  try {
    return await manager.streams.info(stream);
  } catch (error) {
    if (nameOf(error) !== 'StreamNotFoundError') throw error;
    if (!limits) {
      const advice = 'make it for the subjects that edges publish to, or let `create_stream` do so';
      throw new Error(`there is no stream ${stream}: ${advice}`, { cause: error });
    }
    return manager.streams.add({
      name: stream,
      subjects: [subject, `${subject}.>`],
      storage: client.StorageType.File,
      max_age: limits.max_age * 1_000_000,
      max_bytes: limits.max_size,
      num_replicas: limits.replicas,
    });
  }
}

interface Wanted {
  readonly name: string;
  readonly subject: string | undefined;
  /** ns. */
  readonly ackWait: number;
}

// Replicas pull what they have room for, and one that was killed must not use up what all may have unsettled.
const UNLIMITED = -1;

async function ensure(
  manager: JetStreamManager,
  client: Client,
  stream: string,
  { name, subject, ackWait }: Wanted,
): Promise<boolean> {
  const known = await manager.consumers.info(stream, name).catch((error) => {
    if (nameOf(error) === 'ConsumerNotFoundError') return undefined;
    throw new Error(`the consumer ${name} cannot be looked up: ${messageOf(error)}`, { cause: error });
  });
  try {
    if (known) {
      const wrong = flawOf(known, subject);
      if (wrong) throw new Error(wrong);
      const { ack_wait: wait, max_ack_pending: most } = known.config;
      if (wait !== ackWait || most !== UNLIMITED) {
        await manager.consumers.update(stream, name, { ack_wait: ackWait, max_ack_pending: UNLIMITED });
      }
      return false;
    }
    await manager.consumers.add(stream, {
      durable_name: name,
      ack_policy: client.AckPolicy.Explicit,
      ack_wait: ackWait,
      max_ack_pending: UNLIMITED,
      max_deliver: UNLIMITED,
      ...(subject === undefined ? {} : { filter_subject: subject }),
    });
    return true;
  } catch (error) {
    const advice = known ? 'name another `consumer`, or remove that one' : 'have it made, or name one that is there';
    throw new Error(`the consumer ${name} of ${stream} cannot be used: ${messageOf(error)}: ${advice}`, {
      cause: error,
    });
  }
}

function flawOf({ config }: ConsumerInfo, subject: string | undefined): string | undefined {
  const { ack_policy: policy, deliver_subject: push, filter_subject: filter, filter_subjects: filters } = config;
  if (push !== undefined) return 'it pushes, and is not pulled from';
  if (policy !== 'explicit') return `its ack policy is ${policy}, not explicit`;
  const has = filters ?? (filter ? [filter] : []);
  if (has.join(' ') === (subject ?? '')) return undefined;
  return `it reads ${has.join(', ') || 'all subjects'}, not ${subject ?? 'all'}`;
}

function nameOf(error: unknown): string | undefined {
  return (error as Partial<Error>)?.name;
}

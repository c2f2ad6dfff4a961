/** Reads a hub: the SDK's balanced consumer, of which nothing here ever fails inside its calls. */

import { clientOptions, explained, isRefusal, readConnection, targetOf } from '../../azure/connection.ts';
import type { CheckpointStore, EventHubConsumerClient, ProcessErrorHandler } from '../../azure/event-hubs.ts';
import { aborted, within } from '../../core/clock.ts';
import type { SourceContext } from '../../core/component.ts';
import { messageOf, SourceError, UserError } from '../../core/errors.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { ownError } from '../shared/own-error.ts';
import { openBlobStore } from './blob-store.ts';
import { Claims, OwnStore, type Place, type Places } from './checkpoints.ts';
import type { Config } from './config.ts';
import type { HubEvent } from './events.ts';
import { Partition } from './partition.ts';

/** Tries of the SDK before it tells us of an error; it goes on by itself after that. */
const RETRIES = 2;
/** ms between looks at partitions, where nobody shares them. */
const LOOK = 2000;
/** ms between two looks at how far behind we are. */
const LAG_EVERY = 15_000;
/** ms between two checkpoints of a partition in Azure Blob, each of which is paid for. */
const STORE_EVERY = 1000;
/** ms that the service has to take our leave. */
const LEAVE = 5000;

type Where = Parameters<ProcessErrorHandler>[1];

export interface Emitter {
  next(batch: Batch): void;
  error(error: unknown): void;
}

export class Reader {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #out: Emitter;
  readonly #partitions = new Map<string, Partition>();
  readonly #unsaved = new Map<string, Place>();
  readonly #saving = new Set<string>();
  readonly #over = new AbortController();
  #claims: Claims | undefined;
  #client: EventHubConsumerClient | undefined;
  #subscription: ReturnType<EventHubConsumerClient['subscribe']> | undefined;
  #check: () => Promise<void> = async () => {};
  #connection: unknown;
  #used: unknown;
  #lag: NodeJS.Timeout | undefined;
  #stopping = false;
  #withdraw: () => void = () => {};

  constructor(config: Config, ctx: SourceContext, out: Emitter) {
    this.#config = config;
    this.#ctx = ctx;
    this.#out = out;
  }

  /** Connects and reads. Never rejects: what is wrong is told to the emitter, and at once where a secret is missing. */
  async start(): Promise<void> {
    try {
      readConnection(this.#config, this.#ctx);
      this.#config.checkpoints?.connection?.read(this.#ctx.resolve);
    } catch (error) {
      this.#out.error(ownError(error));
      return;
    }
    this.#withdraw = this.#ctx.onStop((settling) => this.close(settling));
    this.#ctx.trouble('not connected to the event hub yet');
    try {
      await this.#open();
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Takes no more events; what is under way may still settle. */
  stop(): void {
    this.#stopping = true;
    clearInterval(this.#lag);
  }

  /** Stores what has settled, and lets go of the partitions. */
  async close(settling: AbortSignal): Promise<void> {
    this.stop();
    const idle = Promise.all([...this.#partitions.values()].map((partition) => partition.idle()));
    await Promise.race([idle, aborted(settling).catch(() => {})]);
    await within(LEAVE, this.#leave(), undefined);
  }

  async #open(): Promise<void> {
    const { consumer_group, batch, wait, checkpoints } = this.#config;
    const sdk = await import('../../azure/event-hubs.ts');
    const target = await targetOf(this.#config, this.#ctx);
    this.#used = target.arguments[0];
    let store: CheckpointStore = this.#ownStore();
    if (checkpoints) ({ store, check: this.#check } = await openBlobStore(checkpoints, this.#ctx));
    const claims = new Claims(store, {
      claimed: (partition, place) => this.#claimed(partition, place),
      reads: (partition) => this.#partitions.get(partition)?.owned ?? false,
      well: () => this.#well(),
    });
    this.#claims = claims;
    await this.#check();
    if (this.#stopping) return;
    const options = {
      ...(await clientOptions(this.#config, target.host, RETRIES)),
      loadBalancingOptions: {
        // By turns where others want their share; all at once where there is nobody.
        strategy: checkpoints ? ('balanced' as const) : ('greedy' as const),
        updateIntervalInMs: checkpoints?.every ?? LOOK,
        partitionOwnershipExpirationIntervalInMs: checkpoints?.expires ?? 60_000,
      },
    };
    const client = new (sdk.EventHubConsumerClient as unknown as ClientConstructor)(
      consumer_group,
      ...target.arguments,
      claims,
      options,
    );
    this.#client = client;
    // What is refused is refused here, and at once.
    await client.getPartitionIds({ abortSignal: this.#over.signal });
    if (this.#stopping) return;
    this.#connection = connectionOf(client);
    this.#subscription = client.subscribe(
      {
        processEvents: (events, { partitionId, lastEnqueuedEventProperties }) =>
          this.#process(partitionId, events, lastEnqueuedEventProperties?.sequenceNumber),
        processError: async (error, where) => this.#error(error, where),
        processClose: async (reason, { partitionId }) => this.#closed(partitionId, reason),
      },
      {
        maxBatchSize: batch,
        maxWaitTimeInSeconds: wait / 1000,
        startPosition: sdk.earliestEventPosition,
        trackLastEnqueuedEventProperties: true,
        skipParsingBodyAsJson: true,
      },
    );
    this.#lag = setInterval(() => void this.#look(), LAG_EVERY);
    this.#lag.unref();
  }

  #ownStore(): CheckpointStore {
    return new OwnStore(placesOf(this.#ctx.position()), (places) => this.#ctx.advance(places));
  }

  // Where a partition is read from: where it stood, unless the hub has something else to say.
  async #claimed(id: string, stored: Place | undefined): Promise<Place | undefined> {
    const hub = await this.#client?.getPartitionProperties(id, { abortSignal: this.#over.signal });
    if (!hub) return stored;
    const { beginningSequenceNumber: first, lastEnqueuedSequenceNumber: last, lastEnqueuedOffset: offset } = hub;
    const read = this.#partitions.get(id)?.read;
    let from = read && read.sequence > (stored?.sequence ?? -1) ? read : stored;
    let stands = stored?.sequence ?? first - 1;
    if (from && from.sequence > Math.max(last, 0)) {
      const message = `partition ${id} ends at event ${last}, and was read up to ${from.sequence}: the hub was made anew, and is read from its beginning`;
      this.#ctx.report('gap', { reason: 'hub_made_anew', message });
      this.#partitions.delete(id);
      from = { offset: '-1', sequence: -1 };
      stands = -1;
    }
    const partition = this.#partition(id);
    if (!from && this.#config.start === 'latest') {
      from = { offset: hub.isEmpty ? '-1' : offset, sequence: last };
      partition.begin(from, last, last);
      // So that it begins there also when nothing comes before the next start.
      partition.mark(from);
    } else partition.begin(from, stands, last);
    // It may have settled while the partition was nobody's.
    const { stood } = partition;
    if (stood && stood.sequence > (stored?.sequence ?? -1)) this.#settled(id, stood);
    this.#ctx.metrics.add('claims', id, 1);
    return from;
  }

  #partition(id: string): Partition {
    const found = this.#partitions.get(id);
    if (found) return found;
    const settled = (place: Place) => {
      // One that was made anew has taken its place.
      if (this.#partitions.get(id) === partition) this.#settled(id, place);
    };
    const { emits } = this.#config;
    const next = (batch: Batch) => this.#out.next(batch);
    const partition: Partition = new Partition({ id, emits, ctx: this.#ctx, next, settled });
    this.#partitions.set(id, partition);
    return partition;
  }

  async #process(id: string, events: readonly HubEvent[], last: number | undefined): Promise<void> {
    const partition = this.#partition(id);
    try {
      if (last !== undefined) partition.knows(last);
      if (!this.#stopping) await partition.take(events);
    } catch (error) {
      if (!this.#stopping && !this.#ctx.signal.aborted) void this.#fail(error);
      else this.#stopping = true;
    }
    // What is not taken now must not be taken for read: no more is asked for until it is over.
    if (this.#stopping) await aborted(this.#over.signal).catch(() => {});
  }

  #settled(id: string, place: Place): void {
    this.#unsaved.set(id, place);
    if (!this.#config.checkpoints) {
      // Our own state gathers by itself, and must have it at once.
      void this.#save(id);
    } else if (!this.#saving.has(id)) {
      const next = () => {
        this.#saving.delete(id);
        const place = this.#unsaved.get(id);
        if (place) this.#settled(id, place);
      };
      this.#saving.add(id);
      void this.#save(id)
        .then(() => this.#ctx.sleep(STORE_EVERY))
        .then(next, next);
    }
  }

  async #save(id: string): Promise<void> {
    const place = this.#unsaved.get(id);
    this.#unsaved.delete(id);
    // Whoever reads it now has a place of its own.
    if (!place || !this.#partitions.get(id)?.owned || this.#over.signal.aborted) return;
    try {
      await this.#claims?.store(id, place);
    } catch (error) {
      if (!this.#unsaved.has(id)) this.#unsaved.set(id, place);
      this.#failed('checkpoint', `partition ${id}: its checkpoint cannot be stored: ${explained(error)}`);
    }
  }

  async #closed(id: string, reason: string): Promise<void> {
    if (this.#stopping) return;
    try {
      if (reason === 'OwnershipLost') {
        this.#partition(id).end();
        this.#ctx.metrics.add('ownership_lost', id, 1);
        this.#ctx.log.info(`partition ${id} is read by another consumer now`);
        if (this.#config.checkpoints) return;
        const message = `partition ${id} was taken by a reader with the same consumer group: give each its own, or share checkpoints`;
        this.#ctx.report('health', { reason: 'ownership_lost', message });
        return;
      }
      await this.#save(id);
      this.#partition(id).end();
      await this.#claims?.release(id);
    } catch (error) {
      this.#failed('release', `partition ${id} could not be let go: ${explained(error)}`);
    }
  }

  #error(error: Error & { code?: string }, { partitionId }: Where): void {
    if (this.#stopping || error.code === 'ReceiverDisconnectedError') return;
    if (isRefusal(error)) {
      // By the hub, or by the store, of whose errors only the text comes here.
      void this.#check().then(
        () => this.#fail(error),
        (refusal) => this.#fail(refusal),
      );
      return;
    }
    // Where the whole hub is away this is all that is heard for minutes. That it is well again the next look tells.
    const why = partitionId === '' ? explained(error) : `partition ${partitionId}: ${explained(error)}`;
    this.#ctx.trouble(why);
    this.#failed(partitionId === '' ? 'balance' : 'receive', `${why}; trying again`);
  }

  #failed(what: string, message: string): void {
    this.#ctx.metrics.add('errors', what, 1);
    this.#ctx.log.warn(message);
  }

  #well(): void {
    this.#ctx.trouble();
    // The SDK connects again by itself and tells nobody; its connection is then another object.
    const connection = connectionOf(this.#client);
    if (connection !== this.#connection && this.#connection !== undefined) {
      this.#ctx.metrics.add('reconnects', '', 1);
      this.#ctx.log.warn('the connection to the event hub was lost, and made again');
    }
    this.#connection = connection;
  }

  async #look(): Promise<void> {
    for (const { id, owned } of this.#partitions.values()) {
      if (!owned || this.#stopping) continue;
      const hub = await this.#client?.getPartitionProperties(id).catch(() => undefined);
      if (hub) this.#partition(id).knows(hub.lastEnqueuedSequenceNumber);
    }
  }

  // For good where rights are missing; otherwise the source is opened again, from where it stands.
  async #fail(error: unknown): Promise<void> {
    if (this.#stopping) return;
    this.stop();
    this.#withdraw();
    const told = await this.#told(error);
    void this.#leave();
    this.#out.error(told);
  }

  async #told(error: unknown): Promise<unknown> {
    if (error instanceof UserError) return ownError(error);
    if (!isRefusal(error)) return new Error(explained(error));
    // A key that was exchanged meanwhile is worth another try.
    const now = await targetOf(this.#config, this.#ctx).then(
      (target) => target.arguments[0],
      () => this.#used,
    );
    const message = `the event hub refuses us: ${explained(error)}`;
    return now === this.#used ? new SourceError(message, { cause: error }) : new Error(message);
  }

  // Others wait for the partitions, nobody for the hub's goodbye, which may take longer than we have. Never rejects.
  async #leave(): Promise<void> {
    try {
      const late = Symbol('late');
      if ((await within<unknown>(LEAVE, this.#letGo(), late)) === late) this.#notWell('the checkpoints do not answer');
    } catch (error) {
      this.#notWell(explained(error));
    }
    this.#over.abort(new Error('the source stops'));
    this.#claims?.end();
    // One that stays open would be another connection at each opening.
    for (const open of [this.#subscription, this.#client]) {
      await open?.close().catch((error) => this.#notWell(messageOf(error)));
    }
  }

  async #letGo(): Promise<void> {
    await Promise.all([...this.#unsaved.keys()].map((id) => this.#save(id)));
    this.#over.abort(new Error('the source stops'));
    await this.#claims?.leave();
  }

  #notWell(why: string): void {
    this.#ctx.log.warn(`the event hub was not left well: ${why}`);
  }
}

type ClientConstructor = new (...given: unknown[]) => EventHubConsumerClient;

function connectionOf(client: EventHubConsumerClient | undefined): unknown {
  return (client as unknown as { _context?: { connection?: unknown } } | undefined)?._context?.connection;
}

/** What was stored of partitions; anything else counts for nothing. */
function placesOf(stored: unknown): Places {
  const entries = Object.entries((stored ?? {}) as Record<string, Partial<Place>>);
  const good = entries.filter(([, place]) => typeof place?.offset === 'string' && typeof place.sequence === 'number');
  return Object.fromEntries(good) as Places;
}

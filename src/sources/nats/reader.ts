/** Reading from JetStream: messages are pulled as there is room, become batches, and are acknowledged once they are settled. */

import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, renderDiagnostic, SourceError, UserError } from '../../core/errors.ts';
import { ackOf } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Credit } from '../../core/flow/credit.ts';
import { Alert } from '../../events/alert.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { parseRecord } from '../../events/record-json.ts';
import type { Consumer, ConsumerMessages, JsMsg, NatsConnection, StreamState } from '../../nats/client.ts';
import { connectTo, explained, isRefusal, watchConnection } from '../../nats/connection.ts';
import { partitionOf, partitionSubject } from '../../nats/partition.ts';
import type { NatsConfig } from './config.ts';
import { openConsumers } from './consumers.ts';
import { type Item, type Taken, tell, UnderWay } from './under-way.ts';
import { Unread } from './unread.ts';

/** Messages of one pull, and events of one batch, at most. */
const PULL = 500;
const BATCH = 256;
/** A pull that is not satisfied ends after this many ms, and the next begins. */
const EXPIRES = 30_000;
/** How often the server is asked what waits, in ms. */
const ASK = 5000;

/** One consumer at work. */
interface Lane {
  readonly name: string;
  readonly consumer: Consumer;
  readonly room: Credit;
  pulling: ConsumerMessages | undefined;
  pending: Taken[];
  /** How often another reader was seen on it, one time after the other. */
  strangers: number;
}

export class Reader {
  readonly #config: NatsConfig;
  readonly #ctx: SourceContext;
  readonly #next: (batch: Batch) => void;
  readonly #underWay: UnderWay;
  readonly #unread: Unread;
  readonly #stop = new AbortController();
  readonly #over = Promise.withResolvers<never>();
  #lanes: readonly Lane[] = [];
  #connection: NatsConnection | undefined;
  // Resolved while there is a connection.
  #online = Promise.withResolvers<void>();
  #alive: NodeJS.Timeout | undefined;
  #asking: NodeJS.Timeout | undefined;
  #isOffline = false;
  #patience: NodeJS.Timeout | undefined;
  #unlisten = () => {};
  #born = '';
  #emitting: Promise<unknown> = Promise.resolve();

  constructor(config: NatsConfig, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
    this.#unread = new Unread(ctx, { stream: config.stream, filtered: config.subject !== undefined });
    this.#underWay = new UnderWay(ctx, () => this.#unread.position);
    this.#over.promise.catch(() => {});
  }

  /** Reads until it is stopped. Rejects when it cannot go on: a SourceError where no other try can help. */
  async run(): Promise<void> {
    this.#ctx.trouble('not connected yet');
    try {
      await this.#open();
      if (!this.#isOffline) this.#ctx.trouble();
      await Promise.race([this.#over.promise, ...this.#lanes.map((lane) => this.#read(lane))]);
    } catch (error) {
      // Stopped while it was being opened: nothing has been read.
      if (this.#stop.signal.aborted) {
        if (this.#lanes.length === 0) await this.#connection?.close();
        return;
      }
      this.stop();
      this.#unlisten();
      clearInterval(this.#alive);
      // What it had under way settles, and is known as seen when the server gives it again.
      void this.#connection?.close();
      const refused = isRefusal(error) ? exitCode.noPermission : undefined;
      const exit = error instanceof UserError ? error.exit : refused;
      if (exit !== undefined) throw new SourceError(messageOf(error), { exit, cause: error });
      throw error;
    }
  }

  /** Reads no more. What is under way still settles; what is on its way here the server gives again after `ack_wait`. */
  stop(): void {
    this.#stop.abort(new Error('the source stops'));
    clearInterval(this.#asking);
    clearTimeout(this.#patience);
    for (const lane of this.#lanes) {
      lane.pulling?.stop();
      for (const taken of lane.pending.splice(0)) this.#giveBack(taken);
    }
    this.#underWay.stop();
  }

  #giveBack({ message, room }: Taken): void {
    tell(() => message.nak());
    room.release(1);
  }

  // What has not settled by then is given to others at once.
  async #close(connection: NatsConnection, settling: AbortSignal): Promise<void> {
    await this.#underWay.done(settling);
    clearInterval(this.#alive);
    // What was said last is sent first, where that can be. Not `drain`: it waits for a pull that was just being made.
    if (!this.#isOffline) await connection.flush().catch(() => {});
    await connection.close();
  }

  async #open(): Promise<void> {
    const client = await import('../../nats/client.ts');
    const connection = await connectTo(this.#config, this.#ctx, client);
    this.#connection = connection;
    this.#online.resolve();
    watchConnection(connection, {
      lost: () => this.#lost(),
      back: () => this.#back(),
      over: (error) => this.#over.reject(new Error(explained(this.#config, error ?? 'closed'), { cause: error })),
    });
    this.#stop.signal.throwIfAborted();
    this.#unlisten = this.#ctx.onStop((settling) => this.#close(connection, settling));
    const { born, lanes, state } = await openConsumers(this.#config, connection, client);
    this.#stop.signal.throwIfAborted();
    this.#born = born;
    const most = Math.max(1, Math.floor(this.#config.max_in_flight / lanes.length));
    this.#lanes = lanes.map(({ name, consumer, made }) => {
      if (made) this.#ctx.log.info(`made the consumer ${name}: it begins with the oldest message`);
      return { name, consumer, room: new Credit(most), pulling: undefined, pending: [], strangers: 0 };
    });
    const third = this.#config.ack_wait / 3;
    this.#alive = setInterval(() => this.#underWay.alive(third), third);
    const ask = () => this.#ask(state);
    this.#asking = setInterval(() => void ask().catch((error) => this.#over.reject(error)), ASK);
    await ask();
  }

  async #read(lane: Lane): Promise<never> {
    const { signal } = this.#stop;
    if (this.#config.exclusive || this.#config.partitions) await this.#alone(lane);
    const most = Math.min(PULL, Math.ceil(lane.room.limit / 2));
    for (;;) {
      await this.#online.promise;
      await lane.room.take(most, signal);
      let came = 0;
      try {
        lane.pulling = await lane.consumer.fetch({ max_messages: most, expires: EXPIRES });
        // The source was stopped meanwhile: nobody else ends this pull.
        if (signal.aborted) lane.pulling.stop();
        for await (const message of lane.pulling) {
          came++;
          this.#take(lane, { message, room: lane.room });
        }
      } catch (error) {
        await this.#pullFailed(lane, error);
      } finally {
        lane.pulling = undefined;
        lane.room.release(most - came);
      }
      signal.throwIfAborted();
    }
  }

  // A pull may end because the connection was lost, which mends itself; or because the consumer is no more.
  async #pullFailed({ consumer, name }: Lane, error: unknown): Promise<void> {
    this.#ctx.log.debug(`a pull from ${name} ended: ${messageOf(error)}`);
    await this.#online.promise;
    try {
      await consumer.info();
    } catch (gone) {
      throw new Error(`the consumer ${name} cannot be read: ${messageOf(gone)}`, { cause: gone });
    }
  }

  /** Waits until nobody else reads. A guard against two replicas with one configuration, not a lock. */
  async #alone({ consumer, name }: Lane): Promise<void> {
    for (let waited = false; ; waited = true) {
      const { num_waiting: others } = await consumer.info();
      if (others === 0) {
        if (waited)
          this.#ctx.report('health', { reason: 'reading', message: `reads ${name}: the other reader is gone` });
        return;
      }
      if (!waited) {
        const message = `another replica reads ${name}: waiting until it is gone`;
        this.#ctx.report('health', { reason: 'standby', message });
      }
      await this.#ctx.sleep(1000);
    }
  }

  /** How much waits at the server, or is gone; and whether somebody else reads what is ours alone. */
  async #ask(state: () => Promise<StreamState>): Promise<void> {
    const alone = this.#config.exclusive || this.#config.partitions !== undefined;
    const before = await state().catch(() => undefined);
    let moved = false;
    for (const lane of this.#lanes) {
      if (this.#stop.signal.aborted) return;
      const info = await lane.consumer.info().catch(() => undefined);
      if (!info || !before) continue;
      moved = this.#unread.look(lane.name, info, before) || moved;
      this.#ctx.metrics.counter('lag', lane.name).value = info.num_pending;
      lane.strangers = alone && info.num_waiting > 1 ? lane.strangers + 1 : 0;
      if (lane.strangers < 2) continue;
      throw new Error(`another replica reads ${lane.name} too: give each replica partitions of its own`);
    }
    if (moved) this.#ctx.advance(this.#unread.position);
  }

  #take(lane: Lane, taken: Taken): void {
    if (this.#stop.signal.aborted) {
      this.#giveBack(taken);
      return;
    }
    // What comes in one turn of the event loop goes on together.
    if (lane.pending.push(taken) === 1) setImmediate(() => this.#flush(lane));
    if (lane.pending.length >= BATCH) this.#flush(lane);
  }

  #flush(lane: Lane): void {
    const { pending } = lane;
    lane.pending = [];
    if (pending.length === 0) return;
    const items = pending.flatMap((taken) => this.#item(taken) ?? []);
    const unseen = this.#ctx.unseen(items.map(({ id }) => id));
    unseen.catch(() => {});
    // In their order, one after the other.
    const emit = async () => this.#emit(items, new Set(await unseen));
    this.#emitting = this.#emitting.then(emit).catch((error) => this.#over.reject(error));
  }

  #item(taken: Taken): Item | undefined {
    const { message } = taken;
    const record = this.#decode(message);
    if (record) return this.#underWay.add(this.#idOf(record, message), record, taken);
    this.#underWay.refuse(taken, 'it is no record of an event source that is read here');
    return undefined;
  }

  #decode(message: JsMsg): EventRecord | undefined {
    const parsed = parseRecord(message.string(), { file: message.subject, line: message.seq });
    if ('record' in parsed && this.#config.emits.includes(parsed.record.source)) {
      this.#checkPartition(parsed.record, message);
      return parsed.record;
    }
    const why =
      'problem' in parsed
        ? renderDiagnostic(parsed.problem)
        : `${message.subject}:${message.seq}: an event of "${parsed.record.source}", which is not under \`emits\``;
    this.#ctx.reject(message.string(), { reason: 'bad_record', message: why });
    return undefined;
  }

  // Where the edges divide otherwise than we think, events alike may come to several replicas, or to none.
  #checkPartition(record: EventRecord, { subject: came }: JsMsg): void {
    const { partitions, subject = '' } = this.#config;
    if (!partitions || came === partitionSubject(subject, partitionOf(record, partitions))) return;
    const by = [partitions.key].flat().join(', ');
    const message = `an event came on ${came}, which is not its place among ${partitions.of} partitions by ${by}: name under \`partitions\` what the sinks of the edges have`;
    this.#ctx.report('error', { reason: 'partition_mismatch', message });
  }

  // Alerts have an id; of other events the stream's number tells one that is given again.
  #idOf(record: EventRecord, { seq }: JsMsg): string {
    return record instanceof Alert && record.id !== '' ? record.id : `${this.#born}#${seq}`;
  }

  async #emit(items: readonly Item[], unseen: ReadonlySet<string>): Promise<void> {
    this.#underWay.seenBefore(items.filter(({ id }) => !unseen.has(id)));
    const fresh = items.filter(({ id }) => unseen.has(id));
    for (let from = 0, to = 0; from < fresh.length; from = to) {
      const source = (fresh[from] as Item).record.source;
      while (fresh[to]?.record.source === source) to++;
      await this.#emitBatch(source, fresh.slice(from, to));
    }
  }

  async #emitBatch(source: string, items: readonly Item[]): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    await this.#ctx.credit(items.length, signal);
    for (const item of items) item.emitted = true;
    const ack = ackOf((status, _reason, fates) => this.#underWay.settle(items, status, fates));
    this.#next({ source, form: recordForm, events: items.map(({ record }) => record), ack });
  }

  #lost(): void {
    if (this.#isOffline) return;
    this.#isOffline = true;
    if (this.#stop.signal.aborted) return;
    this.#online = Promise.withResolvers<void>();
    for (const { pulling } of this.#lanes) pulling?.stop();
    const where = [this.#config.servers].flat().join(', ');
    const message = `the connection to ${where} is lost: it is made again as soon as that can be`;
    this.#ctx.trouble(message);
    this.#ctx.report('health', { reason: 'disconnected', message });
    // By then what was read has been given to others.
    const { ack_wait: wait } = this.#config;
    const over = () => this.#over.reject(new Error(`${where}: no connection for ${wait / 1000} s`));
    this.#patience = setTimeout(over, wait);
  }

  #back(): void {
    this.#isOffline = false;
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#patience);
    this.#online.resolve();
    this.#ctx.trouble();
    this.#ctx.report('health', { reason: 'connected', message: 'the connection is there again' });
  }
}

/** How events get into a sink: queue, batching, time-out, retry and acks are the same for every sink. */

import { z } from 'zod';
import type { Sink } from './component.ts';
import { duration, size } from './config.ts';
import { messageOf } from './errors.ts';
import type { Event } from './event.ts';
import type { Logger } from './log.ts';
import type { Counters } from './metrics.ts';
import { type Parcel, Queue } from './queue.ts';
import { retrying } from './retry.ts';
import { outcomeOf } from './write-error.ts';

/** The keys that every sink has beside its own. */
export const deliveryKeys = {
  queue: z
    .strictObject({
      events: z.int().min(1).default(10_000).describe('Events that may wait.'),
      size: size().prefault('64MiB').describe('Memory that waiting events may hold.'),
      when_full: z
        .enum(['drop_oldest', 'drop_newest'])
        .default('drop_oldest')
        .describe('What gives way when a live source goes on and the queue is full. Replayable sources wait instead.'),
    })
    .prefault({})
    .describe('Events that wait for this sink.'),
  batch: z.int().min(1).max(100_000).default(500).describe('Events in one write, at most.'),
  timeout: duration().prefault('30s').describe('Time for one write; then it counts as failed.'),
  retry: z
    .strictObject({
      initial: duration().prefault('1s').describe('Upper bound of the first wait.'),
      max: duration().prefault('30s').describe('Upper bound of every wait.'),
      give_up_after: duration().prefault('5m').describe('Time after which a write is given up.'),
    })
    .prefault({})
    .describe('What happens after a failed write: waits grow, each chosen at random below a bound.'),
};

export type DeliveryConfig = z.output<z.ZodObject<typeof deliveryKeys>>;

/** Why a sink will not get an event, by event. */
type Lost = Map<Event, string>;

/** The reason of events that the receiver will never take: also a replayable source goes on without them. */
const REFUSED = 'refused';

/** Delivers to one sink: one write at a time, in order. */
export class Delivery {
  readonly queue: Queue;
  readonly #sink: Sink;
  readonly #config: DeliveryConfig;
  readonly #log: Logger;
  readonly #metrics: Counters;
  readonly #tell: (reason: string, count: number) => void;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #writing = false;
  #refusal = '';

  /** @param lost told of events that this sink will not get, and why */
  constructor(
    sink: Sink,
    config: DeliveryConfig,
    log: Logger,
    metrics: Counters,
    lost: (reason: string, count: number) => void,
  ) {
    this.#sink = sink;
    this.#tell = lost;
    this.#config = config;
    this.#log = log;
    this.#metrics = metrics;
    const { events, size: bytes, when_full: whenFull } = config.queue;
    this.queue = new Queue({ events, bytes, whenFull }, (parcel, reason) => {
      if (parcel.ack.live) this.#lost(reason, parcel.events.length);
    });
    this.#done = this.#run();
  }

  /** True when nothing waits and nothing is being written. */
  get idle(): boolean {
    return this.queue.events === 0 && !this.#writing;
  }

  /** Writes what waits, then closes the sink. When `deadline` is aborted first, the rest is left behind, and counted. */
  async close(deadline: AbortSignal): Promise<void> {
    this.queue.close();
    const give = () => this.giveUp(deadline.reason);
    if (deadline.aborted) give();
    else deadline.addEventListener('abort', give, { once: true });
    await this.#done;
    deadline.removeEventListener('abort', give);
    // A sink that cannot even close must not keep the program from ending.
    await Promise.race([this.#closeSink(), aborted(deadline)]).catch((error) => {
      this.#log.error(`closing failed: ${messageOf(error)}`);
    });
  }

  async #closeSink(): Promise<void> {
    await this.#sink.close();
  }

  /** Leaves behind what waits and what is being written, at once. */
  giveUp(reason: unknown): void {
    this.#stop.abort(reason);
    this.queue.abandon();
  }

  async #run(): Promise<void> {
    for (;;) {
      const parcels = await this.queue.take(this.#config.batch);
      if (!parcels) return;
      this.#writing = true;
      await this.#deliver(parcels);
      this.#writing = false;
    }
  }

  // Parcels are taken up to a batch; only one alone can be larger, and is written in several.
  async #deliver(parcels: readonly Parcel[]): Promise<void> {
    const { batch } = this.#config;
    const events = parcels.flatMap((parcel) => parcel.events);
    const lost: Lost = new Map();
    for (let from = 0, next = 0; from < events.length; from = next) {
      next = from + batch;
      const given = await this.#writeAgain(events.slice(from, next), lost);
      if (given) continue;
      const reason = this.#stop.signal.aborted ? 'stopped' : 'sink_failed';
      for (const event of events.slice(next)) lost.set(event, reason);
      break;
    }
    for (const parcel of parcels) this.#settle(parcel, lost);
  }

  // False when it was given up; what is lost, and why, is put into `lost`.
  async #writeAgain(events: readonly Event[], lost: Lost): Promise<boolean> {
    const { initial, max, give_up_after: giveUpAfter } = this.#config.retry;
    let left: readonly Event[] = events;
    const write = async () => {
      try {
        await this.#write(left);
        this.#metrics.add('delivered', '', left.length);
      } catch (error) {
        const before = left.length;
        const { refused, again } = outcomeOf(error, left);
        left = again;
        this.#metrics.add('delivered', '', before - refused.length - again.length);
        for (const event of refused) lost.set(event, REFUSED);
        if (refused.length > 0) this.#refused(refused.length, error);
        if (again.length > 0) throw error;
      }
    };
    const failed = (error: unknown, attempt: number) => {
      this.#metrics.add('errors', '', 1);
      if (attempt > 1) return;
      this.#log.warn(`writing failed: ${messageOf(error)}; trying again for ${giveUpAfter / 1000} s`);
    };
    try {
      await retrying(write, { initial, max, giveUpAfter }, this.#stop.signal, failed);
      return true;
    } catch (error) {
      const stopped = this.#stop.signal.aborted;
      if (!stopped) this.#log.error(`gave up writing ${left.length} events: ${messageOf(error)}`);
      for (const event of left) lost.set(event, stopped ? 'stopped' : 'sink_failed');
      return false;
    }
  }

  // A receiver that refuses all would fill the log: the same refusal is said once.
  #refused(count: number, error: unknown): void {
    this.#metrics.add('errors', REFUSED, 1);
    const message = messageOf(error);
    if (message === this.#refusal) return;
    this.#refusal = message;
    this.#log.error(`${count} events were refused and are lost: ${message}`);
  }

  #settle({ events, ack }: Parcel, lost: Lost): void {
    const losses = new Map<number, string>();
    for (const [place, event] of events.entries()) {
      const reason = lost.get(event);
      if (reason !== undefined) losses.set(place, reason);
    }
    const reasons = [...losses.values()];
    const [first] = reasons;
    // A replayable source gives it again; what it did not settle is not lost.
    const failed = ack.live ? undefined : reasons.find((reason) => reason !== REFUSED);
    if (failed) ack.settle('failed', failed);
    else if (first === undefined) ack.settle('delivered');
    else {
      ack.settle('dropped', first, losses);
      for (const reason of new Set(reasons)) this.#lost(reason, reasons.filter((each) => each === reason).length);
    }
  }

  async #write(events: readonly Event[]): Promise<void> {
    this.#stop.signal.throwIfAborted();
    const limit = new AbortController();
    const { timeout } = this.#config;
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeout / 1000} s`)), timeout);
    const stop = () => limit.abort(this.#stop.signal.reason);
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([this.#sink.write(events, limit.signal), aborted(limit.signal)]);
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener('abort', stop);
    }
  }

  #lost(reason: string, count: number): void {
    this.#metrics.add('dropped', reason, count);
    this.#tell(reason, count);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

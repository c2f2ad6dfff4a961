/** How events get into a sink: queue, batching, time-out, retry and acks are the same for every sink. */

import { z } from 'zod';
import type { Ack } from './ack.ts';
import type { Sink } from './component.ts';
import { duration, size } from './config.ts';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';
import type { Counters } from './metrics.ts';
import { type Parcel, Queue } from './queue.ts';
import { retrying } from './retry.ts';

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
    this.queue = new Queue({ events, bytes, whenFull }, (parcel, reason) => this.#lost(parcel, reason));
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
    const events = parcels.flatMap((parcel) => parcel.events);
    let written = 0;
    try {
      while (written < events.length) {
        const some = events.slice(written, written + this.#config.batch);
        await this.#writeAgain(some);
        written += some.length;
        this.#metrics.add('delivered', '', some.length);
      }
      for (const { ack } of parcels) ack.settle('delivered');
    } catch (error) {
      const reason = this.#stop.signal.aborted ? 'stopped' : 'sink_failed';
      const left = events.length - written;
      if (reason === 'sink_failed') this.#log.error(`gave up writing ${left} events: ${messageOf(error)}`);
      for (const parcel of parcels) {
        settleLost(parcel.ack, reason);
        this.#lost(parcel, reason, written);
      }
    }
  }

  #writeAgain(events: Parcel['events']): Promise<void> {
    const { initial, max, give_up_after: giveUpAfter } = this.#config.retry;
    return retrying(
      () => this.#write(events),
      { initial, max, giveUpAfter },
      this.#stop.signal,
      (error, attempt) => {
        this.#metrics.add('errors', '', 1);
        if (attempt === 1)
          this.#log.warn(`writing failed: ${messageOf(error)}; trying again for ${giveUpAfter / 1000} s`);
      },
    );
  }

  async #write(events: Parcel['events']): Promise<void> {
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

  #lost(parcel: Parcel, reason: string, written = 0): void {
    // A replayable source gives it again; what it did not settle is not lost.
    if (!parcel.ack.live) return;
    const count = parcel.events.length - written;
    this.#metrics.add('dropped', reason, count);
    this.#tell(reason, count);
  }
}

function settleLost(ack: Ack, reason: string): void {
  ack.settle(ack.live ? 'dropped' : 'failed', reason);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

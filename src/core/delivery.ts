/** How events get into a sink: queue, batching, time-out, retry and acks are the same for every sink. */

import { z } from 'zod';
import { type Fate, type Status, worse } from './ack.ts';
import { aborted, now, sleep } from './clock.ts';
import type { Sink } from './component.ts';
import { duration, size } from './config.ts';
import { counted } from './counted.ts';
import { messageOf } from './errors.ts';
import type { Event } from './event.ts';
import type { Keep } from './keep.ts';
import type { Logger } from './log.ts';
import type { Counters } from './metrics.ts';
import { Outage } from './outage.ts';
import { type Parcel, Queue } from './queue.ts';
import { retrying } from './retry.ts';
import { TimeLimit } from './time-limit.ts';
import { outcomeOf } from './write-error.ts';

/** The keys that every sink has beside its own. */
export const deliveryKeys = {
  queue: z
    .strictObject({
      events: z.int().min(1).default(10_000).describe('Events that may wait.'),
      size: size().prefault('64MiB').describe('Memory that waiting events may hold.'),
      when_full: z
        .enum(['drop_oldest', 'drop_newest', 'spill'])
        .default('drop_oldest')
        .describe(
          'What gives way when a live source goes on and the queue is full; replayable sources wait instead. spill: events wait on disk, in the state folder, also over a restart.',
        ),
      spill_events: z.int().min(1).default(10_000_000).describe('Events that may wait on disk.'),
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

/** Time for what is on its way to disk at the end, in ms: a full disk must not keep the program from ending. */
const KEEPING = 2000;

/** A sink that ends no write in so many ms that it is given takes nothing. */
const PATIENCE = 200;
/** Of the time between two looks so many ms were given, at most; else the thread was busy. */
const LOOK = 5;

/** Why a sink will not get an event, by event. */
type Lost = Map<Event, string>;

/** The reason of events that the receiver will never take: also a replayable source goes on without them. */
const REFUSED = 'refused';

/** Delivers to one sink: one write at a time, in order. */
export class Delivery {
  readonly queue: Queue;
  readonly #sink: Sink;
  readonly #keep: Keep | undefined;
  // What is on its way to disk: closing waits for it.
  readonly #keeping = new Set<Promise<void>>();
  readonly #config: DeliveryConfig;
  readonly #log: Logger;
  readonly #metrics: Counters;
  readonly #tell: (reason: string, count: number) => void;
  readonly #stop = new AbortController();
  readonly #limit: TimeLimit;
  readonly #done: Promise<void>;
  #writing = false;
  #began = 0;
  // What `crowd` goes by: whether a write has begun or ended since it was asked, when that was, and for how long none has.
  #moved = false;
  #asked = 0;
  #idled = 0;
  #refusal = '';
  // Events that were refused since the last one was taken.
  #refusals = 0;
  #problem = '';
  #closing = false;
  #failing: string | undefined;
  // A replayable source gives again what was given up: that is no other outage.
  readonly #outage = new Outage();
  readonly #givenUp = new Outage();

  /**
   * @param lost told of events that this sink will not get, and why
   * @param keep where events can wait on disk
   */
  constructor(
    sink: Sink,
    config: DeliveryConfig,
    log: Logger,
    metrics: Counters,
    lost: (reason: string, count: number) => void,
    keep?: Keep,
  ) {
    this.#keep = keep;
    if (keep) keep.woken = () => this.queue.poke();
    this.#sink = sink;
    this.#tell = lost;
    this.#config = config;
    this.#log = log;
    this.#metrics = metrics;
    const { events, size: bytes, when_full: whenFull } = config.queue;
    const limits = { events, bytes, whenFull: whenFull === 'spill' ? ('drop_newest' as const) : whenFull };
    this.queue = new Queue(limits, (parcel, reason) => {
      if (parcel.ack.live) this.#lost(reason, parcel.events.length);
    });
    this.#limit = new TimeLimit(config.timeout, this.#stop.signal);
    this.#done = this.#run();
  }

  /** The error of the last write, until events are taken again. */
  get problem(): string | undefined {
    return this.#failing;
  }

  /** Since when it tries to write the same events: ms since the epoch. */
  get since(): number | undefined {
    return this.#writing ? this.#began : undefined;
  }

  /** Events that wait on disk. */
  get onDisk(): number {
    return this.#keep?.waiting ?? 0;
  }

  /**
   * Live events that wait, while they fill more than half of the queue and the sink takes them; else 0. Whoever gives it time
   * asks again and again: when no write ends in all that time, it takes nothing.
   */
  crowd(): number {
    const { events, size: bytes } = this.#config.queue;
    const { live } = this.queue;
    if (live === 0 || (live * 2 < events && this.queue.bytes * 2 < bytes)) return 0;
    const time = now();
    this.#idled = this.#moved ? 0 : this.#idled + Math.min(time - this.#asked, LOOK);
    this.#moved = false;
    this.#asked = time;
    return this.#idled < PATIENCE ? live : 0;
  }

  /** True when nothing waits and nothing is being written. */
  get idle(): boolean {
    return this.queue.events === 0 && !this.#writing;
  }

  /** Takes events in. */
  offer(parcel: Parcel): void {
    if (!this.#spills || (this.#keep?.waiting === 0 && this.queue.fits(parcel))) this.queue.offer(parcel);
    else this.#spool(parcel);
  }

  /** Writes what waits, then closes the sink. When `deadline` is aborted first, the rest is left behind, and counted. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#closing = true;
    this.queue.close();
    const give = () => this.giveUp(deadline.reason);
    if (deadline.aborted) give();
    else deadline.addEventListener('abort', give, { once: true });
    await this.#done;
    this.#limit.close();
    deadline.removeEventListener('abort', give);
    if (this.#keeping.size > 0) await Promise.race([Promise.all(this.#keeping), sleep(KEEPING)]);
    // A sink that cannot even close must not keep the program from ending.
    await Promise.race([this.#closeSink(), aborted(deadline)]).catch((error) => {
      if (error !== deadline.reason) this.#log.error(`closing failed: ${messageOf(error)}`);
    });
  }

  async #closeSink(): Promise<void> {
    await this.#sink.close();
  }

  /** Leaves behind what waits and what is being written, at once. */
  giveUp(reason: unknown): void {
    this.#stop.abort(reason);
    if (this.#spills) for (const parcel of this.queue.empty()) this.#spool(parcel);
    this.queue.abandon();
  }

  get #spills(): boolean {
    return this.#keep !== undefined && this.#config.queue.when_full === 'spill';
  }

  async #run(): Promise<void> {
    for (;;) {
      const parcels = await this.#next();
      if (!parcels) return;
      this.#writing = true;
      this.#began = now();
      this.#moved = true;
      await this.#deliver(parcels);
      this.#writing = false;
    }
  }

  // What waits on disk came after what waits in memory, and before what comes now. At the end it stays there.
  async #next(): Promise<Parcel[] | undefined> {
    for (;;) {
      const stored = this.#keep && !this.#closing && this.#keep.waiting > 0 && this.queue.events === 0;
      const kept = stored ? await this.#keep?.next(this.#config.batch).catch(() => undefined) : undefined;
      if (kept) return kept;
      const parcels = await this.queue.take(this.#config.batch);
      if (parcels?.length !== 0) return parcels;
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
        const events = left;
        await this.#limit.run((signal) => this.#sink.write(events, signal));
        this.#moved = true;
        this.#metrics.add('delivered', '', left.length);
        this.#works();
      } catch (error) {
        const before = left.length;
        const { refused, again } = outcomeOf(error, left);
        left = again;
        const delivered = before - refused.length - again.length;
        this.#metrics.add('delivered', '', delivered);
        for (const event of refused) lost.set(event, REFUSED);
        if (refused.length > 0) this.#refused(refused.length, error);
        if (again.length > 0) throw error;
        if (delivered > 0) this.#works();
        else this.#failing = `${lastRefused((this.#refusals += before))}: ${messageOf(error)}`;
      }
    };
    const failed = (error: unknown, attempt: number) => {
      this.#metrics.add('errors', '', 1);
      this.#failing = messageOf(error);
      if (attempt > 1 || !this.#outage.failed(this.#failing)) return;
      const next = this.#stop.signal.aborted ? 'it is given up' : `trying again for ${giveUpAfter / 1000} s`;
      this.#log.warn(`writing failed: ${this.#failing}; ${next}`);
    };
    try {
      await retrying(write, { initial, max, giveUpAfter }, this.#stop.signal, failed);
      return true;
    } catch (error) {
      const stopped = this.#stop.signal.aborted;
      this.#problem = messageOf(error);
      if (!stopped && this.#givenUp.failed(this.#problem)) {
        this.#log.error(`gave up writing ${counted(left.length, 'event')}: ${this.#problem}`);
      }
      for (const event of left) lost.set(event, stopped ? 'stopped' : 'sink_failed');
      return false;
    }
  }

  #works(): void {
    this.#failing = undefined;
    this.#refusals = 0;
    this.#givenUp.over();
    const seconds = this.#outage.over();
    if (seconds !== undefined) this.#log.info(`writing works again, after ${seconds} s`);
  }

  // A receiver that refuses all would fill the log: the same refusal is said once.
  #refused(count: number, error: unknown): void {
    this.#metrics.add('errors', REFUSED, 1);
    const message = messageOf(error);
    if (message === this.#refusal) return;
    this.#refusal = message;
    const [were, are] = count === 1 ? ['was', 'is'] : ['were', 'are'];
    // With a state folder they become dead letters.
    this.#log.error(`${counted(count, 'event')} ${were} refused${this.#keep ? '' : ` and ${are} lost`}: ${message}`);
  }

  #settle({ events, ack }: Parcel, lost: Lost): void {
    if (lost.size === 0) {
      ack.settle('delivered');
      return;
    }
    const byReason = new Map<string, number[]>();
    for (const [place, event] of events.entries()) {
      const reason = lost.get(event);
      if (reason === undefined) continue;
      const places = byReason.get(reason);
      if (places) places.push(place);
      else byReason.set(reason, [place]);
    }
    // A replayable source gives it again; what it did not settle is not lost.
    const failed = ack.live ? undefined : [...byReason.keys()].find((reason) => reason !== REFUSED);
    if (failed) {
      ack.settle('failed', failed);
      return;
    }
    const fates = new Map<number, Fate>();
    const kept: Promise<void>[] = [];
    for (const [reason, places] of byReason) {
      const [fate, written] = this.#lose(
        places.map((place) => events[place] as Event),
        reason,
      );
      for (const place of places) fates.set(place, fate);
      if (written) kept.push(written);
    }
    const worst = [...fates.values()].reduce<Fate>((a, b) => (worse(a.status, b.status) === a.status ? a : b), {
      status: 'delivered',
    });
    const settle = () => ack.settle(worst.status, worst.reason, fates.size === 0 ? undefined : fates);
    if (kept.length === 0) settle();
    else this.#onceKept(Promise.all(kept), settle);
  }

  // Events that this sink does not get now: where they go instead, and when they are there.
  #lose(events: readonly Event[], reason: string): [Fate, Promise<void> | undefined] {
    const spooled = reason !== REFUSED && this.#spills ? this.#keep?.spool(events) : undefined;
    if (spooled) return [this.#kept('spooled', reason, events.length), spooled];
    const message = reason === REFUSED ? this.#refusal : this.#problem;
    const buried = reason === 'stopped' ? undefined : this.#keep?.bury(events, reason, message);
    if (buried) return [this.#kept('dead_lettered', reason, events.length), buried];
    this.#lost(reason, events.length);
    return [{ status: 'dropped', reason }, undefined];
  }

  #kept(status: Status, reason: string, count: number): Fate {
    this.#metrics.add(status, status === 'spooled' ? '' : reason, count);
    return { status, reason };
  }

  #spool(parcel: Parcel): void {
    const { events, ack } = parcel;
    const written = this.#keep?.spool(events);
    if (written) {
      this.#kept('spooled', '', events.length);
      this.#onceKept(written, () => ack.settle('spooled'));
      return;
    }
    if (ack.live) this.#lost('spool_full', events.length);
    ack.settle(ack.live ? 'dropped' : 'failed', 'spool_full');
  }

  #onceKept(written: Promise<unknown>, settle: () => void): void {
    const keeping = written.then(() => {
      settle();
      this.#keeping.delete(keeping);
    });
    this.#keeping.add(keeping);
  }

  #lost(reason: string, count: number): void {
    this.#metrics.add('dropped', reason, count);
    this.#tell(reason, count);
  }
}

function lastRefused(count: number): string {
  return count === 1 ? 'the last event was refused' : `the last ${count} events were refused`;
}

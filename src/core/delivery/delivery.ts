/** How events get into a sink: queue, batching, time-out, retry and acks are the same for every sink. */

import { aborted, sleep } from '../clock.ts';
import type { Sink } from '../component.ts';
import { counted } from '../counted.ts';
import { messageOf } from '../errors.ts';
import type { Event } from '../event.ts';
import { Outage } from '../failure/outage.ts';
import { askedBy, retrying, waitAfter } from '../failure/retry.ts';
import { TimeLimit } from '../failure/time-limit.ts';
import { Trouble } from '../failure/trouble.ts';
import { outcomeOf } from '../failure/write-error.ts';
import { type Parcel, Queue } from '../flow/queue.ts';
import type { Logger } from '../log.ts';
import type { Counters } from '../metrics.ts';
import type { DeliveryConfig } from './delivery-config.ts';
import type { Keep } from './keep.ts';
import { KeepReader } from './keep-reader.ts';
import { FAILED, type Lost, lastRefused, liveIn, partsOf, REFUSED, STOPPED, Undelivered } from './undelivered.ts';

/** A sink that ends no write in so many ms that it is given takes nothing. */
const PATIENCE = 200;
/** Of the time between two looks so many ms were given, at most; else the thread was busy. */
const LOOK = 5;

/** Delivers to one sink: one write at a time, in order. */
export class Delivery {
  readonly queue: Queue;
  readonly #sink: Sink;
  readonly #keep: Keep | undefined;
  readonly #reader: KeepReader | undefined;
  readonly #undelivered: Undelivered;
  readonly #config: DeliveryConfig;
  readonly #log: Logger;
  readonly #metrics: Counters;
  readonly #stop = new AbortController();
  readonly #limit: TimeLimit;
  readonly #done: Promise<void>;
  #writing = false;
  #began = 0;
  // Of what is being written: its parcels; events that are not delivered yet; whether they are on disk as well.
  #parcels: readonly Parcel[] = [];
  #left = 0;
  #stored = false;
  // Whether it went to disk at once when it failed, and for how many ms nothing is tried then.
  #sheltered = false;
  #pause = 0;
  // Whether it gets what waits on disk: from when it is part of the graph until another one is in its place.
  #begun = false;
  // Those that reloads have replaced by this one, or with it, and that still deliver what they have.
  #retiring = new Set<Delivery>();
  #heir: Delivery | undefined;
  readonly #woken = () => this.queue.poke();
  // What `crowd` goes by: whether a write has begun or ended since it was asked, when that was, and for how long none has.
  #moved = false;
  #asked = 0;
  #idled = 0;
  #refusal = '';
  // Events that were refused since the last one was taken.
  #refusals = 0;
  #problem = '';
  #closing = false;
  // Whether at the end, too, something was given up.
  #isHopeless = false;
  readonly #ending = new AbortController();
  // The error of the last write, until events are taken again.
  readonly #trouble = new Trouble();
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
    keep?.woken.add(this.#woken);
    this.#sink = sink;
    this.#config = config;
    this.#log = log;
    this.#metrics = metrics;
    this.#reader = keep && new KeepReader({ keep, retry: config.retry, log, metrics, again: this.#woken });
    const { events, size: bytes, when_full: whenFull, spill_events: limit } = config.queue;
    const spills = whenFull === 'spill';
    const again = (parcel: Parcel) => this.offer(parcel);
    const heir = () => this.#heir?.taking;
    this.#undelivered = new Undelivered({ keep, limit, spills, metrics, lost, again, heir });
    const limits = { events, bytes, whenFull: spills ? ('drop_newest' as const) : whenFull };
    this.queue = new Queue(limits, (parcel, reason) => {
      if (parcel.ack.live) this.#undelivered.count(reason, parcel.events.length);
    });
    this.#limit = new TimeLimit(config.timeout, this.#stop.signal);
    this.#done = this.#run();
  }

  /**
   * It is part of the graph: what waits on disk goes to it from now on, and what one that it replaces cannot deliver any
   * more.
   */
  begin(before?: Delivery): void {
    this.#begun = true;
    this.queue.poke();
    if (!before) return;
    before.#begun = false;
    before.#heir = this;
    this.#retiring = before.#retiring.add(before);
  }

  /** Itself, or what is in its place: whatever takes events in. */
  get taking(): Delivery | undefined {
    return this.#closing ? this.#heir?.taking : this;
  }

  /**
   * The error of the last write, until events are taken again, also of what it has replaced and what still delivers; else
   * why what waits on disk cannot be read.
   */
  get problem(): string | undefined {
    const failing = [this, ...this.#retiring].map((each) => each.#trouble.problem).find((each) => each !== undefined);
    return failing ?? this.#reader?.problem;
  }

  /** Calls `changed` when a problem begins or is over. */
  onTrouble(changed: () => void): void {
    for (const trouble of [this.#trouble, this.#reader?.trouble]) trouble?.changed.add(changed);
  }

  /** Events that wait in memory, are being written or on their way to disk, also at what it has replaced. */
  get waiting(): number {
    return [this, ...this.#retiring].reduce((sum, each) => sum + each.#waiting, 0);
  }

  get #waiting(): number {
    return this.queue.events + this.#undelivered.waiting + (this.#stored ? 0 : this.#left);
  }

  /** Since when it tries to write the same events: ms of a clock that nobody sets (`performance.now`). */
  get since(): number | undefined {
    return this.#writing ? this.#began : undefined;
  }

  /** Whether a source waits for what it tries to write: not for what is on disk, nor for what is live. */
  get holdsUp(): boolean {
    return this.#writing && !this.#stored && this.#parcels.some(({ ack }) => !ack.live);
  }

  /** Events that wait on disk. */
  get onDisk(): number {
    return this.#keep?.onDisk ?? 0;
  }

  /** Whether it will soon try what waits on disk: not once it has given up, nor where that cannot be read or written. */
  get hasMore(): boolean {
    const isThere = this.onDisk > 0 || this.#keep?.ready === true;
    return this.#begun && this.#kept && isThere && !this.#givenUp.lasts && this.#reader?.problem === undefined;
  }

  /**
   * Live events that wait, while they fill more than half of the queue and the sink takes them; else 0. Whoever gives it time
   * asks again and again: when no write ends in all that time, it takes nothing.
   */
  crowd(): number {
    const { events, size: bytes } = this.#config.queue;
    const { live } = this.queue;
    if (live === 0 || (live * 2 < events && this.queue.bytes * 2 < bytes)) return 0;
    const time = performance.now();
    this.#idled = this.#moved ? 0 : this.#idled + Math.min(time - this.#asked, LOOK);
    this.#moved = false;
    this.#asked = time;
    return this.#idled < PATIENCE ? live : 0;
  }

  /** Takes events in. */
  offer(parcel: Parcel): void {
    if (this.#closing) this.#undelivered.leave(parcel);
    else if (!this.#spills || (!this.#kept && this.queue.fits(parcel))) this.queue.offer(parcel);
    else this.#undelivered.spool(parcel);
  }

  /** Writes what waits, then closes the sink. When `deadline` is aborted first, the rest is left behind. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#end();
    this.queue.close();
    const give = () => this.giveUp(deadline.reason);
    if (deadline.aborted) give();
    else deadline.addEventListener('abort', give, { once: true });
    await this.#done;
    this.#limit.close();
    deadline.removeEventListener('abort', give);
    const closeSink = async () => this.#sink.close();
    // A sink that cannot even close must not keep the program from ending.
    await Promise.race([closeSink(), aborted(deadline)]).catch((error) => {
      if (error !== deadline.reason) this.#log.error(`closing failed: ${messageOf(error)}`);
    });
    this.#retiring.delete(this);
    if (this.#heir) this.#trouble.problem = undefined;
    this.#reader?.close();
    this.#keep?.woken.delete(this.#woken);
  }

  /**
   * Leaves behind what waits and what is being written, at once: to what is in its place, on disk, or to nobody, which is
   * counted; what a source gives again is left to that.
   */
  giveUp(reason: unknown): void {
    this.#end();
    this.#stop.abort(reason);
    this.queue.close();
    for (const parcel of this.queue.empty()) this.#undelivered.leave(parcel);
  }

  // What waits for another try has it now.
  #end(): void {
    this.#closing = true;
    this.#ending.abort();
    for (const parcel of this.#undelivered.close()) this.queue.offer(parcel);
  }

  get #spills(): boolean {
    return this.#keep !== undefined && this.#config.queue.when_full === 'spill';
  }

  // Whether anything waits on disk, or is on its way there.
  get #kept(): boolean {
    return this.#keep !== undefined && this.#keep.waiting > 0;
  }

  async #run(): Promise<void> {
    for (;;) {
      const parcels = await this.#next();
      if (!parcels) return;
      this.#writing = true;
      this.#began = performance.now();
      this.#moved = true;
      const isLast = this.#closing;
      await this.#deliver(parcels);
      this.#writing = false;
      this.#isHopeless = isLast && this.#givenUp.lasts;
      // What went to disk, or is kept though it was given up, is not tried again at once.
      const isKept = this.#sheltered || (this.#givenUp.lasts && (this.#stored || this.#spills));
      if (isKept) await sleep(this.#pause, this.#ending.signal).catch(() => {});
    }
  }

  // What waits on disk came after what waits in memory, and before what is on its way there. At the end it stays there.
  async #next(): Promise<Parcel[] | undefined> {
    for (;;) {
      const isFree = this.queue.events === 0;
      const reads = isFree && this.#begun && !this.#closing && this.#kept;
      const kept = reads ? await this.#reader?.next(this.#config.batch) : undefined;
      this.#stored = kept !== undefined;
      if (kept) return [...kept];
      const back = isFree ? await this.#takeBack() : [];
      if (back.length > 0) return back;
      const parcels = await this.queue.take(this.#config.batch);
      if (parcels === undefined) return this.#last();
      if (parcels.length > 0) return parcels;
    }
  }

  // At the end, when nothing waits in memory any more.
  async #last(): Promise<Parcel[] | undefined> {
    await this.#undelivered.kept();
    const back = await this.#takeBack();
    return back.length > 0 ? back : undefined;
  }

  // What cannot be written to disk is delivered straight.
  async #takeBack(): Promise<Parcel[]> {
    if (this.#stop.signal.aborted || this.#isHopeless) return [];
    return this.#undelivered.takeBack(this.#config.batch);
  }

  // Parcels are taken up to a batch; only one alone can be larger, and is written in several.
  async #deliver(parcels: readonly Parcel[]): Promise<void> {
    const { batch } = this.#config;
    const events = parcels.flatMap((parcel) => parcel.events);
    const lost = new Map<Event, Lost>();
    this.#left = events.length;
    this.#parcels = parcels;
    this.#sheltered = false;
    for (let from = 0, next = 0; from < events.length; from = next) {
      next = from + batch;
      const given = await this.#writeAgain(events.slice(from, next), lost);
      if (given) continue;
      const reason = this.#stop.signal.aborted ? STOPPED : FAILED;
      for (const event of events.slice(next)) lost.set(event, reason);
      break;
    }
    this.#left = 0;
    const again = parcels.flatMap((parcel) => this.#settle(parcel, lost) ?? []);
    if (this.#sheltered) this.#shelter(again);
  }

  // False when it was given up; what is lost, and why, is put into `lost`.
  async #writeAgain(events: readonly Event[], lost: Map<Event, Lost>): Promise<boolean> {
    const { initial, max, give_up_after: giveUpAfter } = this.#config.retry;
    let left: readonly Event[] = events;
    // The end does not wait for another try of what stays on disk.
    const signal = this.#stored ? AbortSignal.any([this.#stop.signal, this.#ending.signal]) : this.#stop.signal;
    // Resolves also when something is left that is to be written at once.
    const write = async (): Promise<void> => {
      let isOver = () => false;
      const given = left;
      try {
        await this.#limit.run((time) => {
          isOver = () => time.aborted;
          return this.#sink.write(given, time);
        });
        left = [];
        this.#moved = true;
        this.#delivered(given.length);
        this.#works();
      } catch (error) {
        const { refused, again, untried } = outcomeOf(error, given);
        left = again;
        const delivered = given.length - refused.length - again.length;
        this.#delivered(delivered);
        this.#left -= refused.length;
        for (const event of refused) lost.set(event, REFUSED);
        if (refused.length > 0) this.#refused(refused.length, error);
        // One that makes slow progress is cut off again and again: that is no failure.
        const goesOn = again.length < given.length && isOver() && askedBy(error) === 0;
        if (again.length > 0 && !untried && !goesOn) throw error;
        if (goesOn) this.#goesOn();
        if (delivered > 0) this.#works();
        else if (again.length === 0 || goesOn) {
          this.#trouble.problem = `${lastRefused((this.#refusals += refused.length))}: ${messageOf(error)}`;
        }
      }
    };
    const failed = (error: unknown, attempt: number) => {
      this.#metrics.add('errors', '', 1);
      const problem = messageOf(error);
      this.#trouble.problem = problem;
      const live = this.#stored ? 0 : liveIn(this.#parcels, left);
      this.#sheltered = live > 0 && this.#hasShelter(live);
      if (attempt === 1 && this.#outage.failed(problem)) {
        const kept = this.#undelivered.saidNow(this.#sheltered, this.#stored, giveUpAfter);
        this.#log.warn(`writing failed: ${problem}; ${this.#stop.signal.aborted ? 'it is given up' : kept}`);
      }
      this.#pause = waitAfter(error, this.#config.retry, attempt);
      if (this.#sheltered) throw error;
      this.#shelter();
    };
    try {
      // What is left of a write that came further has all the time again.
      for (;;) {
        await retrying(write, { initial, max, giveUpAfter }, signal, failed);
        if (left.length === 0) return true;
        signal.throwIfAborted();
      }
    } catch (error) {
      const stopped = signal.aborted;
      this.#problem = messageOf(error);
      if (!stopped && !this.#sheltered && this.#givenUp.failed(this.#problem)) {
        const acks = this.#parcels.map(({ ack }) => ack);
        const said = this.#undelivered.said(this.#problem, acks, this.#stored);
        this.#log.error(`gave up writing ${counted(left.length, 'event')}${said}`);
      }
      for (const event of left) lost.set(event, stopped ? STOPPED : FAILED);
      return false;
    }
  }

  // In an outage what live sources gave waits on disk, as far as there is room: whoever kills the program then takes none of it.
  // `again`: what was being written and its source keeps; it stays the first of what waits in memory.
  #shelter(again: readonly Parcel[] = []): void {
    if (this.#closing) for (const parcel of again) this.#undelivered.leave(parcel);
    else if (again.length > 0 || this.#hasShelter(0)) {
      for (const parcel of [...again, ...this.queue.empty()]) {
        const { ack, events } = parcel;
        if (ack.live && this.#hasShelter(events.length)) this.#undelivered.spool(parcel);
        else this.queue.offer(parcel);
      }
    }
  }

  #hasShelter(events: number): boolean {
    return this.#spills && !this.#closing && this.#undelivered.hasRoom(events);
  }

  #delivered(count: number): void {
    this.#metrics.add('delivered', '', count);
    this.#left -= count;
  }

  #goesOn(): void {
    this.#moved = true;
    this.#began = performance.now();
  }

  #works(): void {
    this.#trouble.problem = undefined;
    this.#refusals = 0;
    this.#givenUp.over();
    const seconds = this.#outage.over();
    if (seconds !== undefined) this.#log.info(`writing works again, after ${seconds} s`);
  }

  // A receiver that refuses all would fill the log: the same refusal is said once.
  #refused(count: number, error: unknown): void {
    this.#metrics.add('errors', REFUSED, 1);
    const message = messageOf(error);
    if (message !== this.#refusal) this.#log.error(this.#undelivered.saidRefused(count, message));
    this.#refusal = message;
  }

  // Returns what of it is to be tried again because others in the same write went to disk.
  #settle(parcel: Parcel, lost: ReadonlyMap<Event, Lost>): Parcel | undefined {
    const { ack } = parcel;
    if (lost.size === 0) {
      ack.settle('delivered');
      return undefined;
    }
    const isKept = this.#sheltered && !ack.live;
    const parts = partsOf(parcel, lost);
    const failed = parts.map(({ reason }) => reason).find((reason) => reason !== undefined && reason !== REFUSED);
    // What is on disk stays there, for whoever is in its place.
    if (failed && this.#stored) {
      ack.settle('failed', failed);
      return undefined;
    }
    let again: Parcel | undefined;
    for (const { reason, part } of parts) {
      if (reason === undefined) part.ack.settle('delivered');
      else if (isKept && reason === FAILED) again = part;
      else this.#undelivered.lose(part, reason, reason === REFUSED ? this.#refusal : this.#problem);
    }
    return again;
  }
}

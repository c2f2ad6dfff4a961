/** The loop between the ring and the pipeline: drains, finds each event's process, delivers, releases. */

import type { Sensor } from '../../../native/index.ts';
import type { SourceContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import { processCgroup } from '../../events/containers/process-cgroup.ts';
import type { ContainerTable } from '../../events/containers/table.ts';
import type { KernelContext } from '../../events/kernel/context.ts';
import { ProcessImages } from '../../events/kernel/process-images.ts';
import { KernelSlab } from '../../events/kernel/slab.ts';
import { bytesOf, SlabPool } from '../../events/kernel/slab-memory.ts';
import type { LongerBlock } from '../../events/kernel/strings.ts';
import type { Bytes } from '../../events/kernel/text.ts';
import { Losses } from './losses.ts';

/** Bytes of one batch: a few thousand events. */
const SLAB = 512 * 1024;
/**
 * The ring is drained at least so long after the last time, in ms, while events come faster: a doorbell for each would tax the
 * traced processes, 5 us for each ring. Else the loop sleeps until it rings.
 */
const POLL_MS = 1;
/**
 * The doorbell also rings when such a part of the ring is in use: floods on many processors fill it within a ms. That leaves
 * room for a look that comes late, and for the share of the ring that is kept for what matters most.
 */
const URGENT = 1 / 4;
/** Less than this in one batch, and the next one may wait. */
const WORTHWHILE = SLAB / 8;
/** Batches in one turn of the event loop: timers and sinks must have theirs. */
const TURN = 8;
/** How often sinks get as much time as a batch took: a fifth of it all is left, so that the ring is still emptied. */
const GIVEN = 4;
/** What is left in the ring at the end is counted for so many ms, for it may be filled all the time. */
const LEFT_MS = 250;
const COUNTERS_MS = 1000;
const CLOCK_MS = 10_000;
/** A step of the wall clock worth reporting, in ns; less is the clock being slewed. */
const STEP_NS = 50_000_000n;

export interface CaptureOptions {
  readonly sensor: Sensor;
  /** Kinds of record that become events; see `Capture.kinds`. */
  readonly kinds: ReadonlySet<number>;
  readonly context: KernelContext;
  readonly ctx: Pick<SourceContext, 'report' | 'metrics' | 'log' | 'crowded' | 'books'>;
  /** The wall clock's distance from the kernel's, in ns. */
  readonly bootOffset: () => bigint;
  /** Given each batch; it must not be read after this returns. */
  readonly deliver: (slab: KernelSlab) => void;
  readonly failed: (error: unknown) => void;
  /** Bytes of the ring. */
  readonly ringBytes: number;
  /** While nothing comes of events, the next may wait for others so long, in ms: what a batch costs is shared by its events. */
  readonly maxWait: number;
  /** The containers that processes are in. */
  readonly containers?: ContainerTable;
  /** What is told of running processes beside their scan records. */
  readonly longer?: LongerBlock;
  /** Processes that are kept; for tests. */
  readonly limit?: number;
}

export class Capture {
  readonly processes: ProcessImages;
  /** Kinds of record that become events, from the next batch on; the others only tell what processes do. */
  kinds: ReadonlySet<number>;
  readonly #options: CaptureOptions;
  readonly #pool = new SlabPool(SLAB);
  readonly #losses: Losses;
  readonly #timers: NodeJS.Timeout[] = [];
  #soon: NodeJS.Immediate | undefined;
  #lastData = 0;
  #wait = POLL_MS;
  /** Events of the run that were not filtered out at once. */
  #kept = 0;
  #asleep: 'no' | 'until later' | 'until next' = 'no';
  #alone = false;
  #closed = false;
  #scanFailed = false;

  constructor(options: CaptureOptions) {
    const { limit, ctx, containers, longer } = options;
    this.#options = options;
    this.kinds = options.kinds;
    this.#losses = new Losses(ctx);
    this.processes = new ProcessImages({
      rescan: (tgid) => this.#scan(tgid),
      cgroupPath: processCgroup,
      ...(longer === undefined ? {} : { longer }),
      ...(containers === undefined ? {} : { containers }),
      ...(limit === undefined ? {} : { limit }),
    });
  }

  /** Learns what already runs, then drains. The sensor is attached: what happens meanwhile waits in the ring. */
  start(): void {
    const { sensor, context } = this.#options;
    this.processes.load(bytesOf(sensor.scan()), context.place - 1);
    this.processes.settle();
    sensor.onDoorbell(() => this.#wake());
    this.#timers.push(setInterval(() => this.#guard(() => this.#everySecond()), COUNTERS_MS));
    this.#timers.push(setInterval(() => this.#guard(() => this.#setClock()), CLOCK_MS));
    this.#lastData = performance.now();
    this.#again(() => this.#first());
  }

  /** Delivers what has happened until now, as far as that is soon done. Called before it is closed. */
  finish(): void {
    if (this.#closed) return;
    this.#guard(() => {
      for (let batches = 0; batches < TURN && this.#drain() > 0; batches++);
    });
  }

  /** Says what was lost until now, and closes the sensor. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#soon);
    for (const timer of this.#timers) clearInterval(timer);
    try {
      this.#losses.left(this.#countLeft());
      this.#count();
    } catch (error) {
      this.#options.ctx.log.warn(`the last losses could not be read: ${messageOf(error)}`);
    }
    this.#options.sensor.close();
  }

  /** Events that nobody will get: they are counted, not judged, for as long as a stop may take. */
  #countLeft(): number {
    const { sensor, context } = this.#options;
    const until = performance.now() + LEFT_MS;
    let events = 0;
    while (performance.now() < until) {
      const memory = this.#pool.take();
      const length = sensor.drain(memory.buffer, memory.rows);
      const slab = KernelSlab.of({ memory, processes: this.processes, context }, length, this.kinds, this.#pool);
      events += slab.length;
      slab.release();
      if (length === 0) break;
    }
    return events;
  }

  /** What happened during the scan names processes that the scan could not see any more: nothing was missed. */
  #first(): void {
    this.#turn();
    Object.assign(this.processes.counts, { missed: 0, rescans: 0, unknown: 0, evicted: 0 });
  }

  #turn(): void {
    this.#asleep = 'no';
    for (let batches = 0; batches < TURN; batches++) {
      const began = performance.now();
      if (this.#drain() < WORTHWHILE) {
        this.#rest();
        return;
      }
      const waiting = this.#options.ctx.crowded();
      if (waiting === 0) continue;
      this.#giveTime(performance.now() - began, waiting, GIVEN);
      return;
    }
    this.#again(() => this.#turn());
  }

  /** Sinks that cannot follow get as much time as the last batch took, and as much again while that helps. */
  #giveTime(ms: number, waiting: number, times: number): void {
    const until = performance.now() + ms;
    const look = () => {
      const still = this.#options.ctx.crowded();
      if (still === 0) this.#turn();
      else if (performance.now() < until) this.#again(look);
      else if (still < waiting && times > 1) this.#giveTime(ms, still, times - 1);
      else this.#turn();
    };
    this.#again(look);
  }

  /**
   * Little or nothing is left: look again soon, or sleep when nothing came meanwhile, or what came was alone. While nothing
   * comes of events there is ever more time until the next look.
   */
  #rest(): void {
    if (this.#closed) return;
    const { sensor, maxWait, ringBytes } = this.#options;
    const alone = this.#alone;
    this.#alone = false;
    const wait = this.#wait;
    this.#wait = this.#isAnyKept() ? POLL_MS : Math.min(maxWait, wait * 2);
    const later = !alone && performance.now() - this.#lastData < wait;
    this.#asleep = later ? 'until later' : 'until next';
    if (!(later ? sensor.arm(ringBytes * URGENT, this.#wait) : sensor.arm())) return;
    this.#asleep = 'no';
    this.#again(() => this.#turn());
  }

  /** Whether events were given to a sink, or are under way to one, since this was asked before. */
  #isAnyKept(): boolean {
    const { seen, filtered } = this.#options.ctx.books();
    const before = this.#kept;
    this.#kept = seen - filtered;
    return this.#kept !== before;
  }

  /** The doorbell has rung, or it is time. A ring of a moment ago may be heard late, while nobody sleeps or has only just lain down. */
  #wake(): void {
    if (this.#asleep === 'no') return;
    this.#alone = this.#asleep === 'until next' && performance.now() - this.#lastData > this.#wait;
    this.#guard(() => this.#turn());
  }

  /** Delivers what fits into one batch; returns how many bytes that was. */
  #drain(): number {
    const { sensor, context, deliver } = this.#options;
    if (this.#closed) return 0;
    const memory = this.#pool.take();
    const length = sensor.drain(memory.buffer, memory.rows);
    if (length === 0) {
      this.#pool.give(memory, 0);
      return 0;
    }
    this.#lastData = performance.now();
    const slab = KernelSlab.of({ memory, processes: this.processes, context }, length, this.kinds, this.#pool);
    try {
      this.#losses.damaged(slab.damaged);
      if (slab.length > 0) deliver(slab);
    } finally {
      slab.release();
    }
    return length;
  }

  #everySecond(): void {
    this.#count();
    // Who was to ring may have been preempted once the word was cleared, or have failed to: only then something waits.
    if (!this.#closed && this.#asleep === 'until next' && this.#options.sensor.arm()) this.#wake();
  }

  #count(): void {
    const { sensor, context } = this.#options;
    const lifeLost = this.#losses.report(sensor.counters());
    this.#losses.count(this.processes.counts);
    if (!lifeLost || this.#closed) return;
    const running = this.#scan();
    if (running === undefined) return;
    this.processes.reconcile(running, context.place - 1);
    this.processes.settle();
  }

  #setClock(): void {
    const { context, ctx, bootOffset } = this.#options;
    const offset = bootOffset();
    const step = offset - context.bootOffset;
    context.bootOffset = offset;
    if (step > -STEP_NS && step < STEP_NS) return;
    const ms = Number(step / 1_000_000n);
    const message = `the clock was set ${ms > 0 ? 'forward' : 'back'} by ${Math.abs(ms)} ms`;
    ctx.report('health', { reason: 'clock_step', message });
  }

  /** Records of all processes or one; a scan that fails only leaves fields absent. */
  #scan(tgid?: number): Bytes | undefined {
    try {
      return bytesOf(this.#options.sensor.scan(tgid));
    } catch (error) {
      if (!this.#scanFailed) this.#options.ctx.log.warn(`scanning processes failed: ${messageOf(error)}`);
      this.#scanFailed = true;
      return undefined;
    }
  }

  /** In the next turn of the event loop. */
  #again(run: () => void): void {
    if (!this.#closed) this.#soon = setImmediate(() => this.#guard(run));
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.close();
      this.#options.failed(error);
    }
  }
}

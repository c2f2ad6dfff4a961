/** A sink at work: opened, with its queue. */

import type { Sink } from '../../core/component.ts';
import { counted } from '../../core/counted.ts';
import { Delivery } from '../../core/delivery/delivery.ts';
import { exitCode, UserError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { fieldsOf } from '../plan/demand.ts';
import type { PlannedSink } from '../plan/planned.ts';
import type { Port } from './fuse.ts';
import { rehearseSink } from './rehearse.ts';
import { originOf, type Runtime, unusable } from './runtime.ts';

/** A sink that is not open after so many ms is named. */
const SLOW = 5000;

export class LiveSink {
  readonly planned: PlannedSink;
  readonly delivery: Delivery;
  readonly #sink: Sink;
  readonly #own: AbortController;
  readonly #log: Logger;

  private constructor(planned: PlannedSink, sink: Sink, delivery: Delivery, own: AbortController, log: Logger) {
    this.planned = planned;
    this.delivery = delivery;
    this.#sink = sink;
    this.#own = own;
    this.#log = log;
  }

  /**
   * Opens a sink. `stop` is called when it wants the whole run to stop; `signal` ends its waits. Throws a UserError that
   * names it.
   */
  static async open(
    planned: PlannedSink,
    runtime: Runtime,
    signal: AbortSignal,
    stop: (why: string) => void,
  ): Promise<LiveSink> {
    const { id, definition, config } = planned;
    if (planned.delivery.queue.when_full === 'spill' && !runtime.store) {
      const advice = 'name a state folder with --state or `state:`, or another `when_full`';
      throw new UserError(`The sink ${id} has nowhere to spill to: ${advice}`, { exit: exitCode.config });
    }
    const own = new AbortController();
    const context = runtime.context(id, AbortSignal.any([signal, own.signal]));
    let delivery: Delivery | undefined;
    // A sink that wants to stop has nobody to write to any more; the others still get what is under way.
    const stopAll = (why: string) => {
      delivery?.giveUp(new Error(why));
      stop(why);
    };
    const slow = setTimeout(() => context.log.warn('still not open; the pipeline waits for it'), SLOW);
    let sink: Sink;
    try {
      sink = await definition.open(config, { ...context, origin: () => originOf(runtime.plan), stop: stopAll });
      await rehearseSink(sink);
    } catch (error) {
      throw unusable(`The sink ${id} cannot be opened`, error, exitCode.unavailable);
    } finally {
      clearTimeout(slow);
    }
    const lost = (reason: string, count: number) => {
      const summed = (sum: number) => `${id} lost ${counted(sum, 'event')}: ${reason}`;
      runtime.reports.add({ component: id, type: 'drop', fields: { reason, count, message: summed(count) }, summed });
    };
    const keep = runtime.keep(id);
    delivery = new Delivery(sink, planned.delivery, context.log, context.metrics, lost, keep);
    runtime.deliveries.add(delivery);
    delivery.onTrouble(runtime.lookAtHealth);
    const closed = () => runtime.deliveries.delete(delivery as Delivery);
    own.signal.addEventListener('abort', closed, { once: true });
    return new LiveSink(planned, sink, delivery, own, context.log);
  }

  /** Its place in a graph: the queue is the same in each. */
  port({ id, reads }: PlannedSink): Port {
    return { id, fields: fieldsOf(reads), deliver: (_source, parcel) => this.delivery.offer(parcel) };
  }

  /** It is part of the graph: gets what waits on disk, and what one that it replaces cannot deliver any more. */
  begin(before?: LiveSink): void {
    this.delivery.begin(before?.delivery);
  }

  /** Whether it will soon try what waits for it on disk. */
  get hasMore(): boolean {
    return this.delivery.hasMore;
  }

  /** Says, at the end of the run, what waits on disk and is not delivered in it. */
  sayWhatStays(): void {
    const { onDisk } = this.delivery;
    if (onDisk === 0) return;
    this.#log.warn(`${counted(onDisk, 'event')} for ${this.planned.id} stay on disk: it gets them at the next start`);
  }

  /** Opens again what was moved away. */
  async reopen(): Promise<void> {
    await this.#sink.reopen?.();
  }

  /** Writes what waits, then closes; when `deadline` is aborted the rest is left behind. */
  async close(deadline: AbortSignal): Promise<void> {
    await this.delivery.close(deadline);
    this.#own.abort(new Error('the sink is closed'));
  }
}

/** A source at work: one subscription for its whole life, whatever the graph below becomes. */

import { now } from '../../core/clock.ts';
import type { Demands, SourceContext } from '../../core/component.ts';
import { messageOf, SourceError, UserError } from '../../core/errors.ts';
import { ackOf, failedPlaces } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Credit } from '../../core/flow/credit.ts';
import { Hub } from '../../core/flow/hub.ts';
import { internalEvent } from '../../events/internal.ts';
import { redactCommon, redactMessage } from '../../events/redact.ts';
import { lettersOf } from '../../store/keep.ts';
import { joinDemands } from '../plan/demand.ts';
import type { PlannedSource } from '../plan/planned.ts';
import type { Process, Runtime } from './runtime.ts';

/** Events of one replayable source that may be unsettled. */
const MAX_IN_FLIGHT = 10_000;
/** Characters of a rejected text that are logged. */
const SHOWN = 2000;
/** A source that has been open for so many ms is well. */
const SETTLED = 1000;

export class LiveSource {
  readonly planned: PlannedSource;
  readonly #runtime: Runtime;
  readonly #own = new AbortController();
  readonly #listeners = new Set<(demand: Demands) => void>();
  readonly #closing = new Set<(settling: AbortSignal) => Promise<void>>();
  readonly #hub: Hub;
  #credit = new Credit(MAX_IN_FLIGHT);
  #demand: Demands;
  #tooWide = false;
  #problem: string | undefined;
  #opened: number | undefined;
  #failed: SourceError | undefined;
  #trouble: string | undefined;
  #graph: Process = () => {};

  /**
   * @param ended told that it has completed or, with an error, that it can never be opened; not after `stop`
   * @param opening `again`: it was open a moment ago, so that no error is final before it has given something
   */
  constructor(
    planned: PlannedSource,
    runtime: Runtime,
    ended: (source: LiveSource, error?: unknown) => void,
    opening: 'first' | 'again',
  ) {
    this.planned = planned;
    this.#runtime = runtime;
    this.#demand = planned.demand;
    const { id, definition, config } = planned;
    let tried = opening === 'again';
    const ctx = this.#context();
    const metrics = runtime.counters(id);
    const received = metrics.counter('received');
    const errors = metrics.counter('errors');
    const failed = (error: unknown) => {
      errors.value++;
      this.#problem = messageOf(error);
      this.#opened = undefined;
      this.#trouble = undefined;
    };
    this.#hub = new Hub({
      id,
      open: () => {
        // What a failed source had under way is emitted again by the one that follows, on credit of its own.
        this.#credit = new Credit(MAX_IN_FLIGHT);
        this.#opened = performance.now();
        return definition.open(config, ctx);
      },
      trampoline: runtime.trampoline,
      log: ctx.log,
      failed,
      fatal: (error) => !tried && error instanceof UserError,
      ended: (error) => {
        if (error !== undefined) failed(error);
        if (error instanceof SourceError) {
          this.#failed = error;
          const message = `source ${id} has ended, and is not opened again before a reload: ${error.message}`;
          ctx.report('error', { reason: 'source_failed', message });
        }
        if (!this.#own.signal.aborted) ended(this, error);
      },
    });
    const replayable = definition.delivery === 'at_least_once';
    // Kernel events come as they happen, and are borrowed: none is looked at here.
    const lag = definition.borrows ? undefined : metrics.counter('lag_seconds');
    this.#hub.graph = (batch) => {
      tried = false;
      received.value += batch.events.length;
      if (lag) lag.value = secondsSince(batch.events.at(batch.events.length - 1)?.time);
      this.#graph(replayable ? returningCredit(batch, this.#credit) : batch);
    };
  }

  get id(): string {
    return this.planned.id;
  }

  /** Where its batches go. Replaced between batches, never inside one. */
  set graph(graph: Process) {
    this.#graph = graph;
  }

  /** Events granted to it that have not settled; undefined when nobody waits for them. */
  get inFlight(): number | undefined {
    return this.planned.definition.delivery === 'at_least_once' ? this.#credit.used : undefined;
  }

  /** What it has ended with, while the others go on. */
  get failed(): SourceError | undefined {
    return this.#failed;
  }

  /** Why it gives nothing; undefined when it has been open for a while. */
  get problem(): string | undefined {
    if (this.#trouble !== undefined) {
      return this.#problem === undefined ? this.#trouble : `${this.#trouble}; before: ${this.#problem}`;
    }
    return this.#opened !== undefined && performance.now() - this.#opened > SETTLED ? undefined : this.#problem;
  }

  start(): void {
    this.#hub.start();
  }

  /** Unsubscribes: it closes what it holds. What it has under way still settles. */
  stop(): void {
    // Still subscribed: a live source gives what it has at hand.
    this.#own.abort(new Error('the source stops'));
    try {
      this.#hub.stop();
    } catch (error) {
      this.#notWell(error);
    }
  }

  /** After `stop`: it lets go of what it holds elsewhere. What it gave may settle until `settling` is aborted. */
  async finish(settling: AbortSignal): Promise<void> {
    const closing = [...this.#closing].map((close) => close(settling));
    this.#closing.clear();
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'rejected') this.#notWell(result.reason);
    }
  }

  // It is on its way out: others must not stay for it.
  #notWell(error: unknown): void {
    this.#runtime.log.warn({ id: this.id }, `it did not close well: ${messageOf(error)}`);
  }

  /** Asks it for what another plan wants as well as for what it gives now. Throws a UserError when it cannot. */
  widen(demand: Demands): void {
    this.#ask(joinDemands(this.#demand, demand));
  }

  /** Asks it for what a plan wants, and no more. One that cannot goes on giving more: that costs, and loses nothing. */
  narrow(demand: Demands): void {
    try {
      this.#ask(demand);
      this.#tooWide = false;
    } catch (error) {
      this.#tooWide = true;
      const { id } = this;
      const message = `${id} still gives what nothing wants any more: ${messageOf(error)}`;
      this.#runtime.reports.add({ component: id, type: 'error', fields: { reason: 'not_narrowed', message } });
    }
  }

  /** Whether it could not be asked for less when it last should: it has to be asked again. */
  get tooWide(): boolean {
    return this.#tooWide;
  }

  #ask(demand: Demands): void {
    const before = this.#demand;
    this.#demand = demand;
    try {
      for (const listener of this.#listeners) listener(demand);
    } catch (error) {
      this.#demand = before;
      throw error;
    }
  }

  #reject(text: string, { reason, message: given }: { readonly reason: string; readonly message: string }): void {
    const { id } = this.planned;
    const { totals, reports } = this.#runtime;
    const metrics = this.#runtime.counters(id);
    // It may quote what came.
    const message = redactMessage(given);
    const letter = internalEvent('drop', BigInt(now()) * 1_000_000n, { component: id, reason, message });
    const whole = letter.with({ ...letter.fields, 'internal.event': text });
    const kept = this.#runtime.keep(lettersOf('source', id))?.bury([whole], reason, message);
    totals.seen++;
    if (kept) totals.deadLettered++;
    else totals.drop(reason, 1);
    metrics.add(kept ? 'dead_lettered' : 'dropped', reason, 1);
    const event = redactCommon(text.slice(0, 2 * SHOWN)).slice(0, SHOWN);
    const fields = { reason, count: 1, event, message: kept ? `${message}; it is a dead letter` : message };
    reports.add({ component: id, type: kept ? 'error' : 'drop', fields });
  }

  #context(): SourceContext {
    const { id, config, definition } = this.planned;
    const { totals, memory, reports } = this.#runtime;
    const context = this.#runtime.context(id, this.#own.signal);
    const key = `${id} ${JSON.stringify(definition.positionFor?.(config) ?? config)}`;
    const demand = () => this.#demand;
    return {
      ...context,
      get demand() {
        return demand();
      },
      onDemand: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      credit: (count, signal) =>
        this.#credit.take(count, signal ? AbortSignal.any([context.signal, signal]) : context.signal),
      release: (count) => this.#credit.release(count),
      report: (type, fields, summed) => {
        if (type === 'drop' && fields.count) {
          // What a source lost was seen, and is gone: the books must say so.
          totals.seen += fields.count;
          totals.drop(fields.reason ?? 'source', fields.count);
          context.metrics.add('dropped', fields.reason ?? 'source', fields.count);
        }
        reports.add({ component: id, type, fields, ...(summed && { summed }) });
      },
      reject: (text, why) => this.#reject(text, why),
      trouble: (problem) => {
        this.#trouble = problem;
        if (problem === undefined) this.#problem = undefined;
      },
      onStop: (close) => {
        this.#closing.add(close);
        return () => this.#closing.delete(close);
      },
      reports: (listener) => reports.listen(listener),
      crowded: () => this.#runtime.deliveries.values().reduce((sum, delivery) => sum + delivery.crowd(), 0),
      books: () => {
        const { seen, delivered, filtered, dropped } = totals;
        return { seen, delivered, filtered, dropped, pipeline: `sha256:${this.#runtime.plan.digest}` };
      },
      position: () => memory.get(key),
      advance: (position, seen = []) => {
        memory.set(key, position);
        memory.setSeen(key, seen);
      },
      unseen: async (ids) => {
        const seen = new Set(await memory.seen(key, ids));
        return ids.filter((each) => !seen.has(each));
      },
      committed: () => memory.committed(),
    };
  }
}

function returningCredit(batch: Batch, credit: Credit): Batch {
  const { length } = batch.events;
  const ack = ackOf((status, reason, fates) => {
    // What failed is emitted again on the credit that it has, or the source releases it.
    credit.release(status === 'failed' ? length - failedPlaces(length, fates).length : length);
    batch.ack.settle(status, reason, fates);
  });
  return { ...batch, ack };
}

// Of a time in ns since the epoch; a clock that is ahead makes it 0.
function secondsSince(time: bigint | undefined): number {
  return time === undefined ? 0 : Math.max(0, now() - Number(time / 1_000_000n)) / 1000;
}

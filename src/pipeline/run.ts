/** Running a plan: sinks open first, sources last; stopping goes the other way, and loses nothing that can be kept. */

import { Subject, type Subscription } from 'rxjs';
import { ackOf } from '../core/ack.ts';
import type { Batch } from '../core/batch.ts';
import { now, sleep } from '../core/clock.ts';
import type { Context, Demands, SourceContext, Step } from '../core/component.ts';
import { Credit } from '../core/credit.ts';
import { Delivery } from '../core/delivery.ts';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { Hub } from '../core/hub.ts';
import type { Logger } from '../core/log.ts';
import { Counters } from '../core/metrics.ts';
import { Trampoline } from '../core/trampoline.ts';
import { EventRecord, recordForm } from '../events/record.ts';
import { recordJson } from '../events/record-json.ts';
import { type FusedNode, type Port, Segment } from './fuse.ts';
import type { Plan, PlannedOperator, PlannedSink, PlannedSource } from './plan.ts';
import { Reports } from './reports.ts';
import { type Summary, Totals } from './totals.ts';

/** Events of one replayable source that may be unsettled. */
const MAX_IN_FLIGHT = 10_000;

/** Where sources stood, across runs. */
export interface Positions {
  get(key: string): unknown;
  set(key: string, position: unknown): void;
}

export interface RunOptions {
  readonly log: Logger;
  /** Resolves relative paths of the configuration. */
  readonly resolve: (path: string) => string;
  readonly positions?: Positions;
}

export class Run {
  readonly plan: Plan;
  readonly totals = new Totals();
  /** Counters by component id. */
  readonly metrics = new Map<string, Counters>();
  /** Resolves when a sink or a source wants the run to stop, or all sources have ended. */
  readonly over: Promise<{ why: string; error?: unknown }>;
  readonly #options: RunOptions;
  readonly #reports: Reports;
  readonly #trampoline = new Trampoline();
  readonly #abort = new AbortController();
  readonly #hubs: Hub[] = [];
  readonly #streams: Stream[] = [];
  readonly #deliveries: Delivery[] = [];
  readonly #reopens: { id: string; reopen: () => Promise<void> }[] = [];
  readonly #targets = new Map<string, FusedNode | Port>();
  #finish!: (end: { why: string; error?: unknown }) => void;
  #running = 0;
  #failure: { error: unknown } | undefined;

  private constructor(plan: Plan, options: RunOptions) {
    this.plan = plan;
    this.#options = options;
    this.#reports = new Reports(options.log);
    this.over = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Opens sinks, operators, then sources. Throws a UserError when a sink or a source cannot be opened. */
  static async start(plan: Plan, options: RunOptions): Promise<Run> {
    const run = new Run(plan, options);
    try {
      for (const sink of plan.sinks) run.#targets.set(sink.id, await run.#openSink(sink));
      for (const operator of plan.operators.toReversed()) run.#targets.set(operator.id, run.#createOperator(operator));
      for (const source of plan.sources) run.#openSource(source);
      if (run.#failure) throw run.#failure.error;
    } catch (error) {
      await run.stop(0);
      throw error;
    }
    return run;
  }

  /**
   * Stops in order: sources close, what is under way is delivered, sinks close. After `deadline` ms the rest is given up:
   * counted as dropped (`stopped`), or left to be replayed. Undefined: no deadline.
   */
  async stop(deadline?: number): Promise<Summary> {
    for (const hub of this.#hubs) hub.stop();
    this.#abort.abort(new Error('the pipeline stops'));
    for (const { input } of this.#streams) input.complete();
    const limit = new AbortController();
    const why = new Error('the time to stop was over');
    const timer = deadline === undefined ? undefined : setTimeout(() => limit.abort(why), deadline);
    await Promise.all(this.#deliveries.map((delivery) => delivery.close(limit.signal)));
    clearTimeout(timer);
    for (const { subscription } of this.#streams) subscription?.unsubscribe();
    this.#reports.flush();
    return this.totals.summary();
  }

  /** Sinks open again what was moved away (SIGUSR1). */
  async reopen(): Promise<void> {
    for (const { id, reopen } of this.#reopens) {
      await reopen().catch((error) => this.#options.log.error({ id }, `cannot open again: ${messageOf(error)}`));
    }
  }

  #counters(id: string): Counters {
    let counters = this.metrics.get(id);
    if (!counters) this.metrics.set(id, (counters = new Counters()));
    return counters;
  }

  #context(id: string): Context {
    const { signal } = this.#abort;
    return {
      id,
      signal,
      log: this.#options.log.child({ id }),
      metrics: this.#counters(id),
      now,
      sleep: (ms) => sleep(ms, signal),
      resolve: this.#options.resolve,
    };
  }

  async #openSink(planned: PlannedSink): Promise<Port> {
    const { id, definition, config, reads } = planned;
    const context = this.#context(id);
    const stop = (why: string) => this.#finish({ why });
    const sink = await definition.open(config, { ...context, stop }).catch((error) => {
      throw new UserError(`The sink ${id} cannot be opened: ${messageOf(error)}`, {
        exit: exitCode.unavailable,
        cause: error,
      });
    });
    const delivery = new Delivery(sink, planned.delivery, context.log, context.metrics, (reason, count) => {
      const message = `${id} lost ${count} events: ${reason}`;
      this.#reports.add({ component: id, type: 'drop', fields: { reason, count, message } });
    });
    this.#deliveries.push(delivery);
    if (sink.reopen) this.#reopens.push({ id, reopen: () => (sink.reopen as () => Promise<void>)() });
    return { id, fields: fieldsOf(reads), deliver: (_source, parcel) => delivery.queue.offer(parcel) };
  }

  #createOperator(planned: PlannedOperator): FusedNode | Port {
    const { id, definition, config, prepared, demand } = planned;
    const context = this.#context(id);
    const failed = (event: Event, error: unknown, what = id) => {
      context.metrics.add('errors', what === id ? '' : what, 1);
      const message = `${what} failed on an event of type ${event.type}: ${messageOf(error)}`;
      const fields = { reason: 'operator_error', count: 1, message, ...shown(event) };
      this.#reports.add({ component: id, type: 'error', fields });
    };
    const step = definition.create(config, { ...context, state: prepared.state, failed });
    const reads = fieldsOf(prepared.reads ?? new Map());
    const below = fieldsOf(demand);
    const fields = (source: string) => [...new Set([...reads(source), ...below(source)])];
    if (step.kind === 'stream') return this.#createStream(planned, step, fields);
    return {
      id,
      step,
      fields,
      emits: (source) => (definition.emits === 'same' ? source : definition.emits),
      next: this.#below(id),
      failed,
      received: context.metrics.counter('received'),
      sent: context.metrics.counter('sent'),
    };
  }

  #createStream({ id }: PlannedOperator, step: Stream['step'], fields: Port['fields']): Port {
    const segment = new Segment(this.#below(id));
    const input = new Subject<Batch>();
    const metrics = this.#counters(id);
    const received = metrics.counter('received');
    const sent = metrics.counter('sent');
    const stream: Stream = { id, input, step, subscription: undefined };
    this.#streams.push(stream);
    this.#subscribe(stream, (batch) => {
      sent.value += batch.events.length;
      this.#trampoline.run(() => segment.process(batch));
    });
    return {
      id,
      fields,
      deliver(source, { events, ack }) {
        received.value += events.length;
        input.next({ source, form: recordForm, events, ack });
      },
    };
  }

  // An error ends a stream in RxJS; it must not end the pipeline: the operator starts anew, and it is said.
  #subscribe(stream: Stream, next: (batch: Batch) => void): void {
    const { id, input, step } = stream;
    stream.subscription = step.through(input).subscribe({
      next,
      error: (error) => {
        const message = `${id} failed and starts anew: ${messageOf(error)}`;
        this.#reports.add({ component: id, type: 'error', fields: { reason: 'stream_error', message } });
        queueMicrotask(() => this.#subscribe(stream, next));
      },
    });
  }

  #below(id: string): (FusedNode | Port)[] {
    const { operators, sinks } = this.plan;
    return [...operators, ...sinks]
      .filter(({ from }) => from.includes(id))
      .map((to) => this.#targets.get(to.id) as FusedNode | Port);
  }

  #openSource(planned: PlannedSource): void {
    const { id, definition, config, demand } = planned;
    const context = this.#context(id);
    const credit = new Credit(MAX_IN_FLIGHT);
    const key = `${id} ${JSON.stringify(config)}`;
    const ctx: SourceContext = {
      ...context,
      demand,
      credit: (count) => credit.take(count, context.signal),
      report: (type, fields) => {
        if (type === 'drop' && fields.count) {
          // What a source lost was seen, and is gone: the books must say so.
          this.totals.seen += fields.count;
          this.totals.drop(fields.reason ?? 'source', fields.count);
          context.metrics.add('dropped', fields.reason ?? 'source', fields.count);
        }
        this.#reports.add({ component: id, type, fields });
      },
      reports: (listener) => this.#reports.listen(listener),
      position: () => this.#options.positions?.get(key),
      advance: (position) => this.#options.positions?.set(key, position),
    };
    const segment = new Segment(this.#below(id), this.totals);
    const received = context.metrics.counter('received');
    const errors = context.metrics.counter('errors');
    const hub = new Hub({
      id,
      open: () => definition.open(config, ctx),
      trampoline: this.#trampoline,
      log: context.log,
      failed: () => errors.value++,
      fatal: (error) => error instanceof UserError,
      ended: (error) => this.#ended(id, error),
    });
    const replayable = definition.delivery === 'at_least_once';
    hub.graph = (batch) => {
      received.value += batch.events.length;
      segment.process(replayable ? returningCredit(batch, credit) : batch);
    };
    this.#hubs.push(hub);
    this.#running += planned.emits.includes('internal') ? 0 : 1;
    hub.start();
  }

  // A source that can never be opened ends the run; so does the end of the last source. `internal` never ends by itself.
  #ended(id: string, error: unknown): void {
    if (error !== undefined) {
      if (this.#abort.signal.aborted) return; // closing is no failure
      this.#failure = { error };
      this.#finish({ why: `source ${id} failed`, error });
      return;
    }
    if (--this.#running === 0) this.#finish({ why: 'all sources have ended' });
  }
}

interface Stream {
  readonly id: string;
  readonly input: Subject<Batch>;
  readonly step: Extract<Step, { kind: 'stream' }>;
  subscription: Subscription | undefined;
}

function returningCredit(batch: Batch, credit: Credit): Batch {
  const { length } = batch.events;
  const ack = ackOf((status, reason) => {
    // A failed batch is emitted again on the credit it has.
    if (status !== 'failed') credit.release(length);
    batch.ack.settle(status, reason);
  });
  return { ...batch, ack };
}

function fieldsOf(demands: Demands): (source: string) => readonly string[] {
  const fields = new Map([...demands].map(([source, demand]) => [source, [...demand.fields]]));
  return (source) => fields.get(source) ?? [];
}

function shown(event: Event): { event?: string } {
  return event instanceof EventRecord ? { event: recordJson(event) } : {};
}

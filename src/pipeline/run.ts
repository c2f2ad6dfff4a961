/** Running a plan: sinks open first, sources last; stopping goes the other way, and loses nothing that can be kept. */

import { ackOf } from '../core/ack.ts';
import type { Batch } from '../core/batch.ts';
import { now, sleep } from '../core/clock.ts';
import type { Context, Demands, Sink, SourceContext, Step } from '../core/component.ts';
import { Credit } from '../core/credit.ts';
import { Delivery } from '../core/delivery.ts';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import type { Event } from '../core/event.ts';
import { Hub } from '../core/hub.ts';
import type { Logger } from '../core/log.ts';
import { Counters } from '../core/metrics.ts';
import { Trampoline } from '../core/trampoline.ts';
import { EventRecord } from '../events/record.ts';
import { recordJson } from '../events/record-json.ts';
import { type FusedNode, type Port, Segment } from './fuse.ts';
import type { Plan, PlannedOperator, PlannedSink, PlannedSource } from './plan.ts';
import { Reports } from './reports.ts';
import { StreamPort } from './stream.ts';
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
  /** Default: they last as long as the run. */
  readonly positions?: Positions;
}

/** Why a run should be stopped. */
export interface RunOver {
  readonly why: string;
  /** Whether the stop should have a deadline: it is not the quiet end of all sources. */
  readonly pressing: boolean;
  readonly error?: unknown;
}

export class Run {
  readonly plan: Plan;
  readonly totals = new Totals();
  /** Counters by component id. */
  readonly metrics = new Map<string, Counters>();
  /** Resolves when a sink or a source wants the run to stop, or all sources have ended. */
  readonly over: Promise<RunOver>;
  readonly #options: RunOptions;
  readonly #reports: Reports;
  readonly #trampoline = new Trampoline();
  readonly #positions: Positions;
  // Sources stop first; what is under way is still delivered, so the others stop later.
  readonly #stopSources = new AbortController();
  readonly #stop = new AbortController();
  readonly #hubs: Hub[] = [];
  readonly #streams: StreamPort[] = [];
  readonly #deliveries: Delivery[] = [];
  readonly #reopens: { id: string; reopen: () => Promise<void> }[] = [];
  readonly #targets = new Map<string, FusedNode | Port>();
  #finish!: (end: RunOver) => void;
  #running = 0;
  #hurry: NodeJS.Timeout | undefined;
  #failure: { error: unknown } | undefined;

  private constructor(plan: Plan, options: RunOptions) {
    this.plan = plan;
    this.#options = options;
    this.#reports = new Reports(options.log);
    this.#positions = options.positions ?? new Map<string, unknown>();
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
      run.#running = plan.sources.filter(({ emits }) => !emits.includes('internal')).length;
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
   * counted as dropped (`stopped`), or left to be replayed. Undefined: no deadline, until `hurry` sets one.
   */
  async stop(deadline?: number): Promise<Summary> {
    if (deadline !== undefined) this.hurry(deadline);
    for (const hub of this.#hubs) hub.stop();
    this.#stopSources.abort(new Error('the pipeline stops'));
    // Upstream first: what one stream still emits may go through the next.
    for (const stream of this.#streams.toReversed()) await stream.close(this.#stop.signal);
    await Promise.all(this.#deliveries.map((delivery) => delivery.close(this.#stop.signal)));
    clearTimeout(this.#hurry);
    this.#stop.abort(new Error('the pipeline has stopped'));
    this.#reports.flush();
    return this.totals.summary();
  }

  /** Gives a stop that is under way, or comes, this many ms more. */
  hurry(ms: number): void {
    this.#hurry ??= setTimeout(() => this.#stop.abort(new Error('the time to stop was over')), ms);
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

  #context(id: string, { signal }: AbortController = this.#stop): Context {
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
    let delivery: Delivery | undefined;
    // A sink that wants to stop has nobody to write to any more; the others still get what is under way.
    const stop = (why: string) => {
      delivery?.giveUp(new Error(why));
      this.#finish({ why, pressing: true });
    };
    const sink = await openSink(() => definition.open(config, { ...context, stop }), id);
    const opened = new Delivery(sink, planned.delivery, context.log, context.metrics, (reason, count) => {
      const message = `${id} lost ${count} events: ${reason}`;
      this.#reports.add({ component: id, type: 'drop', fields: { reason, count, message } });
    });
    delivery = opened;
    this.#deliveries.push(opened);
    if (sink.reopen) this.#reopens.push({ id, reopen: () => (sink.reopen as () => Promise<void>)() });
    return { id, fields: fieldsOf(reads), deliver: (_source, parcel) => opened.queue.offer(parcel) };
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
    const step = createStep(() => definition.create(config, { ...context, state: prepared.state, failed }), id);
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

  #createStream({ id }: PlannedOperator, { through }: StreamStep, fields: Port['fields']): Port {
    const report = (type: 'error' | 'health', reason: string, message: string) =>
      this.#reports.add({ component: id, type, fields: { reason, message } });
    const segment = new Segment(this.#below(id), undefined, (error) =>
      report('error', 'operator_error', `${id} emitted what cannot be read: ${messageOf(error)}`),
    );
    const metrics = this.#counters(id);
    const received = metrics.counter('received');
    const sent = metrics.counter('sent');
    const errors = metrics.counter('errors');
    const stream = new StreamPort({
      id,
      fields,
      through,
      next: (batch) => {
        sent.value += batch.events.length;
        this.#trampoline.run(() => segment.process(batch));
      },
      failed: (error) => {
        errors.value++;
        report('error', 'operator_error', `${id} failed and starts anew: ${messageOf(error)}`);
      },
      completed: () => report('health', 'completed', `${id} has completed: nothing passes it any more`),
    });
    this.#streams.push(stream);
    return {
      id,
      fields,
      deliver(source, parcel) {
        received.value += parcel.events.length;
        stream.deliver(source, parcel);
      },
    };
  }

  #below(id: string): (FusedNode | Port)[] {
    const { operators, sinks } = this.plan;
    return [...operators, ...sinks]
      .filter(({ from }) => from.includes(id))
      .map((to) => this.#targets.get(to.id) as FusedNode | Port);
  }

  #openSource(planned: PlannedSource): void {
    const { id, definition, config, demand } = planned;
    const context = this.#context(id, this.#stopSources);
    let credit = new Credit(MAX_IN_FLIGHT);
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
      position: () => this.#positions.get(key),
      advance: (position) => this.#positions.set(key, position),
    };
    const segment = new Segment(this.#below(id), this.totals, (error) => {
      const message = `${id} emitted what cannot be read: ${messageOf(error)}`;
      this.#reports.add({ component: id, type: 'error', fields: { reason: 'operator_error', message } });
    });
    const received = context.metrics.counter('received');
    const errors = context.metrics.counter('errors');
    const hub = new Hub({
      id,
      open: () => {
        // What a failed source had under way is emitted again by the one that follows, on credit of its own.
        credit = new Credit(MAX_IN_FLIGHT);
        return definition.open(config, ctx);
      },
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
    hub.start();
  }

  // A source that can never be opened ends the run; so does the end of the last source. `internal` never ends by itself.
  #ended(id: string, error: unknown): void {
    if (error !== undefined) {
      if (this.#stopSources.signal.aborted) return; // closing is no failure
      this.#failure = { error };
      this.#finish({ why: `source ${id} failed`, pressing: true, error });
      return;
    }
    if (--this.#running === 0) this.#finish({ why: 'all sources have ended', pressing: false });
  }
}

type StreamStep = Extract<Step, { kind: 'stream' }>;

async function openSink(open: () => Promise<Sink>, id: string): Promise<Sink> {
  try {
    return await open();
  } catch (error) {
    throw unusable(`The sink ${id} cannot be opened`, error, exitCode.unavailable);
  }
}

function createStep(create: () => Step, id: string): Step {
  try {
    return create();
  } catch (error) {
    throw unusable(`The operator ${id} cannot be created`, error, exitCode.config);
  }
}

function unusable(what: string, error: unknown, exit: number): UserError {
  const own = error instanceof UserError ? error : { exit };
  return new UserError(`${what}: ${messageOf(error)}`, { ...own, cause: error });
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
  try {
    return event instanceof EventRecord ? { event: recordJson(event) } : {};
  } catch {
    return {}; // an operator above has put into it what JSON cannot say
  }
}

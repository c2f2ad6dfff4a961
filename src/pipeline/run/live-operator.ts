/** An operator at work: its instance, which holds its state and may outlive the graph it was made for. */

import type { Context, Demands, EventStep, OperatorContext, Step } from '../../core/component.ts';
import { exitCode, messageOf } from '../../core/errors.ts';
import type { Event, EventForm } from '../../core/event.ts';
import { Trouble } from '../../core/failure/trouble.ts';
import { type Ack, LOST } from '../../core/flow/ack.ts';
import { EventRecord } from '../../events/record.ts';
import { recordJson } from '../../events/record-json.ts';
import { redactCommon, redacted, redactMessage } from '../../events/redact.ts';
import { lettersOf } from '../../store/keep.ts';
import { fieldsOf } from '../plan/demand.ts';
import type { PlannedOperator } from '../plan/planned.ts';
import { FailedEvents } from './failed-events.ts';
import type { FusedNode, Port } from './fuse.ts';
import { HeldEvents, resumed } from './held.ts';
import { type Process, type Runtime, unusable } from './runtime.ts';
import { Snapshots } from './snapshots.ts';
import { StreamPort } from './stream.ts';

/** As `changeReads` of its context, for an operator. */
export type ChangeReads = (
  operator: LiveOperator,
  ...change: Parameters<OperatorContext['changeReads']>
) => Promise<void>;

export class LiveOperator {
  readonly planned: PlannedOperator;
  /** What its saved state belongs to. */
  readonly stateIdentity: string;
  /** What it reads, when that is not what was planned any more. */
  reads: Demands | undefined;
  /** Where the batches go that do not leave it at once. Replaced between batches. */
  graph: Process = () => {};
  /** Gives it batches that were put back. Replaced with the graph. */
  again: Process = () => {};
  readonly #runtime: Runtime;
  readonly #own = new AbortController();
  readonly #trouble = new Trouble();
  readonly #step: BoundOnce | undefined;
  readonly #stream: StreamPort | undefined;
  #snapshots: Snapshots | undefined;
  #takesOver = false;
  readonly #held: HeldEvents | undefined;
  readonly #lost: FailedEvents | undefined;

  /** Creates an instance. `signal` ends its waits; `changeReads` has sources give what it reads. Throws a UserError that names it. */
  constructor(planned: PlannedOperator, runtime: Runtime, signal: AbortSignal, changeReads: ChangeReads) {
    const { id, definition, config, prepared } = planned;
    this.planned = planned;
    this.#runtime = runtime;
    const context = runtime.context(id, AbortSignal.any([signal, this.#own.signal]));
    this.#lost = this.#letters(context);
    this.#trouble.changed.add(runtime.lookAtHealth);
    let step: Step;
    try {
      this.stateIdentity = stateIdentity(planned);
      step = definition.create(config, {
        ...context,
        state: prepared.state,
        failed: this.#failed,
        trouble: (problem) => {
          this.#trouble.problem = problem;
        },
        lose: (event, error, ack) => this.#lose(event, error, ack),
        saved: () => runtime.memory.snapshot(id, this.stateIdentity),
        takesOver: () => this.#takesOver,
        changeReads: (reads, change) => changeReads(this, reads, change),
        keep: (save) => this.#keep(save),
      });
    } catch (error) {
      throw unusable(`The operator ${id} cannot be created`, error, exitCode.config);
    }
    if (step.kind === 'stream') this.#stream = this.#open(step.through);
    else this.#step = new BoundOnce(step);
    if (definition.holds) this.#held = this.#openHeld();
  }

  /** True when it works on streams of batches: then what leaves it goes to `graph`, not to `next` of its node. */
  get isStream(): boolean {
    return this.#stream !== undefined;
  }

  /** True when it may hold events: what becomes of them goes to `graph`, through the node that `resumed` gives. */
  get holds(): boolean {
    return this.#held !== undefined;
  }

  /**
   * Begins to work; in the place of another it goes on with its state, and is given what still comes to that. Never throws:
   * what goes wrong with a stream is said, as when it runs.
   */
  start(before?: LiveOperator): void {
    if (before) before.#handOver(this);
    this.#takesOver = before !== undefined;
    this.#stream?.open();
    this.#takesOver = false;
    this.#lost?.begin();
  }

  #handOver(to: LiveOperator): void {
    this.#snapshots?.handOver();
    try {
      if (to.#stream) this.#stream?.handOver(to.#stream);
    } catch (error) {
      this.#notWell(error);
    }
  }

  // It is on its way out: others must not stay for it.
  #notWell(error: unknown): void {
    this.#runtime.log.warn({ id: this.planned.id }, `it did not close well: ${messageOf(error)}`);
  }

  /** Resolves when it has made what the first events would wait for, of the kinds that it was bound for so far. */
  async ready(): Promise<void> {
    await Promise.allSettled(this.#step?.made.map(({ ready }) => ready) ?? []);
  }

  /** What it cannot do as it should now. */
  get problem(): string | undefined {
    return this.#trouble.problem;
  }

  /** What a stream has held longest. */
  get oldest(): StreamPort['oldest'] {
    return this.#stream?.oldest;
  }

  /** Its place in a graph. */
  node(planned: PlannedOperator, next: readonly (FusedNode | Port)[]): FusedNode | Port {
    const { id, definition, prepared, demand } = planned;
    const reads = fieldsOf(prepared.reads ?? new Map());
    const below = fieldsOf(demand);
    const kept = new Map<string, readonly string[]>();
    const fields = (source: string) => {
      let all = kept.get(source);
      if (!all) kept.set(source, (all = [...new Set([...reads(source), ...below(source)])]));
      return all;
    };
    const metrics = this.#runtime.counters(id);
    const received = metrics.counter('received');
    const stream = this.#stream;
    if (stream) {
      return {
        id,
        fields,
        deliver(source, parcel) {
          received.value += parcel.events.length;
          stream.deliver(source, parcel);
        },
      };
    }
    return {
      id,
      step: (this.#step as BoundOnce).step,
      fields,
      emits: (source) => (definition.emits === 'same' ? source : definition.emits),
      next,
      ...(this.#held ? { held: this.#held } : {}),
      ...(this.#lost ? { lost: this.#lost } : {}),
      failed: this.#failed,
      received,
      sent: metrics.counter('sent'),
    };
  }

  /** Its place in the graph of what it has held. */
  resumed(planned: PlannedOperator, next: readonly (FusedNode | Port)[]): FusedNode {
    return { ...(this.node(planned, next) as FusedNode), step: resumed, received: { value: 0 } };
  }

  #keep(save: () => unknown): (ack: Ack) => void {
    const { id } = this.planned;
    const snapshots = new Snapshots(
      () => this.#runtime.memory.setSnapshot(id, this.stateIdentity, save()),
      (error) => {
        this.#runtime.counters(id).add('errors', '', 1);
        const message = `the state of ${id} cannot be saved: ${messageOf(error)}`;
        this.#runtime.reports.add({ component: id, type: 'error', fields: { reason: 'operator_error', message } });
      },
    );
    this.#snapshots = snapshots;
    return (ack) => snapshots.absorb(ack);
  }

  /** Whether something was put back that it is about to be given. */
  get hasMore(): boolean {
    return this.#lost?.hasMore ?? false;
  }

  /** Says, at the end of the run, what was put back and does not go on in it. */
  sayWhatStays(): void {
    this.#lost?.sayWhatStays();
  }

  /** Ends a stream: what it holds still goes on, until `deadline` is aborted. What else was held goes on as it is. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#lost?.end();
    this.#held?.close();
    // What it held is settled when it finishes.
    await this.#stream?.close(deadline).catch((error) => this.#notWell(error));
    this.#snapshots?.take();
    this.#own.abort(new Error('the operator has stopped'));
  }

  /** After `close`: waits for what has left a stream and is on its way, until `deadline` is aborted. */
  async finish(deadline: AbortSignal): Promise<void> {
    // What has arrived meanwhile may have changed its state once more.
    this.#snapshots?.take();
    await this.#stream?.finish(deadline);
    await this.#lost?.kept();
    this.#snapshots?.take();
  }

  readonly #failed = (event: Event, error: unknown, what: string = this.planned.id) => {
    const { id } = this.planned;
    // Where only something of it has failed the event goes on.
    if (what === id) this.#runtime.counters(id).add('dropped', LOST.reason, 1);
    this.#say(event, error, what, 1);
  };

  #lose(event: Event, error: unknown, ack: Ack): void {
    if (this.#lost) this.#say(event, error, this.planned.id, 1, this.#lost.lose([event], error, ack));
    else {
      this.#failed(event, error);
      ack.settle(LOST.status, LOST.reason);
    }
  }

  #say(event: Event, error: unknown, what: string, count: number, isKept = false): void {
    const { id } = this.planned;
    this.#runtime.counters(id).add('errors', what === id ? '' : what, count);
    const message = `${what} failed on an event of type ${event.type}: ${redactMessage(messageOf(error))}${isKept ? '; it is a dead letter' : ''}`;
    const fields = { reason: LOST.reason, count, message, ...shown(event) };
    this.#runtime.reports.add({ component: id, type: 'error', fields });
  }

  // Undefined where there is no state folder.
  #letters({ log, metrics }: Context): FailedEvents | undefined {
    const { id } = this.planned;
    const keep = this.#runtime.keep(lettersOf('operator', id));
    return (
      keep &&
      new FailedEvents({
        id,
        keep,
        log,
        metrics,
        again: (batch) => this.#runtime.trampoline.run(() => this.again(batch)),
        said: (event, error, count, isKept) => this.#say(event, error, id, count, isKept),
      })
    );
  }

  #openHeld(): HeldEvents {
    const { id } = this.planned;
    const held = this.#runtime.counters(id).counter('held');
    return new HeldEvents({
      id,
      next: (batch) => this.#runtime.trampoline.run(() => this.graph(batch)),
      counted: (events) => {
        held.value += events;
      },
    });
  }

  #open(through: Extract<Step, { kind: 'stream' }>['through']): StreamPort {
    const { id } = this.planned;
    const report = (type: 'error' | 'health', reason: string, message: string) =>
      this.#runtime.reports.add({ component: id, type, fields: { reason, message } });
    const sent = this.#runtime.counters(id).counter('sent');
    const errors = this.#runtime.counters(id).counter('errors');
    return new StreamPort({
      through,
      next: (batch) => {
        sent.value += batch.events.length;
        this.#runtime.trampoline.run(() => this.graph(batch));
      },
      failed: (error) => {
        errors.value++;
        report('error', 'operator_error', `${id} failed and starts anew: ${redactMessage(messageOf(error))}`);
      },
      dropped: (events, error, ack) => {
        if (this.#lost) this.#lost.lose(events, error, ack);
        else {
          this.#runtime.counters(id).add('dropped', LOST.reason, events.length);
          ack.settle(LOST.status, LOST.reason);
        }
      },
      left: (count) => this.#runtime.counters(id).add('dropped', 'stopped', count),
      completed: () => report('health', 'completed', `${id} has completed: nothing passes it any more`),
    });
  }
}

// Binding may be dear (rules are compiled then), and a graph is wired anew at each reload.
class BoundOnce {
  readonly step: Exclude<Step, { kind: 'stream' }>;
  readonly made: EventStep[] = [];

  constructor(step: Exclude<Step, { kind: 'stream' }>) {
    if (step.kind !== 'bound') {
      this.step = step;
      this.made.push(step);
      return;
    }
    const steps = new Map<EventForm, Map<string, EventStep>>();
    const bind = (form: EventForm, source: string): EventStep => {
      let bySource = steps.get(form);
      if (!bySource) steps.set(form, (bySource = new Map()));
      let made = bySource.get(source);
      if (!made) {
        bySource.set(source, (made = step.bind(form, source)));
        this.made.push(made);
      }
      return made;
    };
    this.step = { kind: 'bound', bind };
  }
}

// Who reads the log need not read secrets.
function shown(event: Event): { event?: string } {
  try {
    return event instanceof EventRecord ? { event: recordJson(redacted(event, redactCommon)) } : {};
  } catch {
    return {}; // an operator above has put into it what JSON cannot say
  }
}

/** What the saved state of an operator belongs to: another one of which this is the same goes on with it. */
function stateIdentity({ type, definition, config, identity }: PlannedOperator): string {
  return definition.stateFor ? JSON.stringify([type, definition.stateFor(config)]) : identity;
}

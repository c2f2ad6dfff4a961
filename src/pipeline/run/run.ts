/** Running a plan: sinks open first, sources last; a reload swaps the graph between batches; stopping loses nothing. */

import { setImmediate as breathe } from 'node:timers/promises';
import { aborted, now, within } from '../../core/clock.ts';
import { messageOf, Stopping } from '../../core/errors.ts';
import type { Counters } from '../../core/metrics.ts';
import type { InternalFields, ReportType } from '../../core/report.ts';
import { inSlices } from '../../core/steps.ts';
import type { Kept } from '../../store/store.ts';
import type { Plan, PlannedSource } from '../plan/planned.ts';
import { withReads } from '../plan/wanted.ts';
import { asItRuns } from './as-it-runs.ts';
import { connect, type Live, type Wiring, wire } from './graph.ts';
import { withUnwell } from './half-undone.ts';
import { watchHealth } from './health.ts';
import { askedAnew, begin, kept, runningOn, without } from './kept.ts';
import { type ChangeReads, LiveOperator } from './live-operator.ts';
import { LiveSink } from './live-sink.ts';
import { LiveSource } from './live-source.ts';
import { Loadings } from './loadings.ts';
import { overlapping } from './overlapping.ts';
import { Retiring } from './retiring.ts';
import { PROGRAM, type RunOptions, Runtime } from './runtime.ts';
import { type RunState, type RunStatus, statusOf } from './status.ts';
import { stopInOrder } from './stopping.ts';
import { watchHeld } from './stuck.ts';
import { type Tap, tapNode, tapsBelow } from './tap.ts';
import type { Summary, Totals } from './totals.ts';

/** A reload waits this many ms for what would be slow at first; then it goes over as it is. */
const READY = 10_000;

/** What was opened in vain has this many ms to close. */
const UNDO = 1000;

/** Why a run should be stopped. */
export interface RunOver {
  readonly why: string;
  /** Whether the stop should have a deadline: it is not the quiet end of all sources. */
  readonly pressing: boolean;
  readonly error?: unknown;
}

export class Run {
  readonly loadings: Loadings;
  /** Resolves when a sink or a source wants the run to stop, or all sources have ended. */
  readonly over: Promise<RunOver>;
  readonly #runtime: Runtime;
  // Sources stop first; what is under way is still delivered, so the others stop later.
  readonly #stop = new AbortController();
  readonly #active = new Set<LiveSource>();
  readonly #taps = new Set<Tap>();
  readonly #retiring: Retiring;
  #live: Live;
  #wiring: Wiring = new Map();
  #finish!: (end: RunOver) => void;
  #hurry: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  // While sources are being opened: whether one cannot be.
  #failure: { error: unknown } | 'none' | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #state: RunState = 'starting';

  private constructor(plan: Plan, options: RunOptions) {
    this.#live = { plan, sources: new Map(), operators: new Map(), sinks: new Map() };
    this.#runtime = new Runtime(options);
    this.loadings = new Loadings(this.#runtime.reports);
    // What it leaves on disk may be for a sink that is no more.
    this.#retiring = new Retiring(this.#runtime.log, this.#stop.signal, () => this.#runtime.leftBehind(this.plan));
    this.over = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Opens sinks, operators, then sources. Throws a UserError when a sink or a source cannot be opened. */
  static async start(plan: Plan, options: RunOptions): Promise<Run> {
    const run = new Run(plan, options);
    try {
      await run.#inTurn(() => run.#exchange(plan));
      run.#state = 'running';
    } catch (error) {
      await run.stop(0);
      throw error;
    }
    return run;
  }

  get plan(): Plan {
    return this.#live.plan;
  }

  get totals(): Totals {
    return this.#runtime.totals;
  }

  /** Counters by component id. */
  get metrics(): ReadonlyMap<string, Counters> {
    return this.#runtime.metrics;
  }

  /**
   * Goes on with another plan. Components whose identity is the same stay as they are, with what they hold: sources run
   * on, sinks keep their queues, operators their state. The graph is swapped between two batches; what is no longer part
   * of it delivers what it has. Throws a UserError when something cannot be opened: then all is as before, or, with a
   * HalfUndone, all but what that names.
   */
  reload(plan: Plan): Promise<void> {
    return this.#inTurn(() => this.#exchange(plan));
  }

  // What changes the graph, or what is wanted of sources, waits for whatever else does.
  #inTurn(exchange: () => Promise<void>): Promise<void> {
    const after = this.#reloading.catch(() => {});
    this.#reloading = after.then(() => {
      if (['stopping', 'stopped'].includes(this.#state)) throw new Stopping('the pipeline stops: nothing is reloaded');
      return exchange();
    });
    return this.#reloading;
  }

  /**
   * Stops in order: sources close, what is under way is delivered, sinks close. After `deadline` ms the rest is given up: it
   * waits in the state folder, is left to be replayed, or counted as dropped (`stopped`). Undefined: no deadline, until `hurry`
   * sets one; then what waited on disk before is delivered too, as far as it is taken.
   */
  async stop(deadline?: number): Promise<Summary> {
    this.#state = 'stopping';
    if (deadline !== undefined) this.hurry(deadline);
    const { signal } = this.#stop;
    await Promise.race([this.#reloading.catch(() => {}), aborted(signal).catch(() => {})]);
    const presses = () => this.#hurry !== undefined;
    await stopInOrder(this.#live, { signal, presses, retiring: this.#retiring, reports: this.#runtime.reports });
    this.#state = 'stopped';
    clearTimeout(this.#hurry?.timer);
    this.#stop.abort(new Error('the pipeline has stopped'));
    this.#runtime.reports.flush();
    return this.summary();
  }

  /** What became of everything. After a stop it is final once the state file is closed: what was on its way there has settled. */
  summary(): Summary {
    const sources = this.#state === 'stopped' ? [...this.#live.sources.values()] : [];
    return this.totals.summary(sources.reduce((sum, { inFlight = 0 }) => sum + inFlight, 0));
  }

  /** As `summary`, once the state file is closed; and says what that has not taken. */
  closed(): Summary {
    this.#runtime.reports.flush();
    return this.summary();
  }

  /** Gives a stop that is under way, or comes, this many ms and no more. */
  hurry(ms: number): void {
    const at = now() + ms;
    if (this.#state === 'stopped' || (this.#hurry && this.#hurry.at <= at)) return;
    clearTimeout(this.#hurry?.timer);
    this.#hurry = { at, timer: setTimeout(() => this.#stop.abort(new Error('the time to stop was over')), ms) };
  }

  /** Sinks open again what was moved away (SIGUSR1). */
  async reopen(): Promise<void> {
    for (const [id, sink] of this.#live.sinks) {
      await sink.reopen().catch((error) => this.#runtime.log.error({ id }, `cannot open again: ${messageOf(error)}`));
    }
  }

  /** Resolves when operators have made what the first events would wait for. */
  async ready({ operators }: Pick<Live, 'operators'> = this.#live): Promise<void> {
    await Promise.all([...operators.values()].map((operator) => operator.ready()));
  }

  /** Says something of the program itself: logged, and emitted by sources of type `internal`. */
  report(type: ReportType, fields: InternalFields): void {
    this.#runtime.reports.add({ component: PROGRAM, type, fields });
  }

  /** Says which component holds events for more than twice the time that a write may take. Returns how to end that. */
  watchHeld(): () => void {
    return watchHeld(() => this.#live, this.#runtime.reports);
  }

  /** Tells sources of type `internal` of sinks that fail and of a state that cannot be written. Returns how to end that. */
  watchHealth(): () => void {
    return watchHealth(() => this.#live, this.#runtime);
  }

  /** Adds a tap, which follows every reload; the returned function takes it away. */
  tap(tap: Tap): () => void {
    this.#taps.add(tap);
    this.#rewire();
    return () => {
      this.#taps.delete(tap);
      this.#rewire();
    };
  }

  /** What there is to say of it now. */
  status(): RunStatus {
    return statusOf({ state: this.#state, live: this.#live, runtime: this.#runtime, loadings: this.loadings });
  }

  /** Tells sinks what is on disk for them: dead letters were put back. */
  exhumed({ waiting, dead, deadBytes }: Kept): void {
    for (const [id, keep] of this.#runtime.keeps) keep.exhumed(waiting[id] ?? 0, dead[id] ?? 0, deadBytes[id] ?? 0);
  }

  #wire(live: Omit<Live, 'sources'>): Wiring {
    const { plan } = live;
    const below = (id: string) => [...this.#taps].filter((tap) => tapsBelow(tap, id, plan));
    return wire(live, this.#runtime, (id) => below(id).map((tap) => tapNode(tap, plan)));
  }

  #rewire(): void {
    this.#wiring = this.#wire(this.#live);
    this.#runtime.trampoline.run(() => connect(this.#live, this.#wiring));
  }

  // All or nothing: up to the swap whatever fails is undone. What is dear has a turn of its own: the drain waits for no two.
  async #exchange(plan: Plan): Promise<void> {
    const old = this.#live;
    const fresh: (LiveSink | LiveOperator)[] = [];
    try {
      const live = await this.#open(plan, old, fresh);
      await this.#makeReady(live);
      await overlapping(runningOn(old, live), () => this.#swap(old, live));
    } catch (error) {
      for (const each of fresh) {
        const ill = (why: unknown) => this.#runtime.log.error(`${each.planned.id} did not close: ${messageOf(why)}`);
        await each.close(AbortSignal.timeout(UNDO)).catch(ill);
      }
      throw error;
    }
    this.#runtime.leftBehind(plan);
  }

  #swap(old: Live, live: Live): void {
    this.#stop.signal.throwIfAborted();
    const wiring = this.#wire(live);
    this.#bind(wiring);
    this.#goOver(old, live, wiring);
    this.#wiring = wiring;
    this.#live = live;
    this.#runtime.plan = live.plan;
    // It has happened: what goes wrong from here on is said, and undoes nothing.
    this.#retire(old, live);
    // What had failed may be another one now.
    this.#runtime.lookAtHealth();
  }

  readonly #changeReads: ChangeReads = (operator, reads, change) =>
    this.#inTurn(async () => {
      const next = await inSlices(reads());
      const old = this.#live;
      // To one that was replaced nothing comes any more.
      if (old.operators.get(operator.planned.id) !== operator) return change();
      const live = { ...old, plan: withReads(old.plan, new Map([[operator.planned.id, next]])) };
      await overlapping(askedAnew(old, live), () => {
        change();
        operator.reads = next;
        this.#live = live;
      });
    });

  // Operators make what the first events would wait for, for the kinds of batches that there were so far.
  async #makeReady(live: Omit<Live, 'sources'>): Promise<void> {
    if (this.#wiring.size === 0) return;
    await breathe();
    this.#bind(this.#wire(live));
    await within(READY, this.ready(live), undefined);
    await breathe();
  }

  #bind(wiring: Wiring): void {
    for (const [id, segment] of wiring) {
      for (const [form, source] of this.#wiring.get(id)?.met ?? []) segment.prepare(form, source);
    }
  }

  #goOver(old: Live, live: Live, wiring: Wiring): void {
    const fresh = [...live.sources.values()].filter((source) => old.sources.get(source.id) !== source);
    const changed = fresh.flatMap(({ id }) => old.sources.get(id) ?? []);
    // The last events of what is replaced go where its others went.
    for (const source of changed) this.#end(source);
    let failure: { readonly error: unknown } | undefined;
    // What new sources give while they are opened waits until all is connected.
    this.#runtime.trampoline.run(() => {
      try {
        this.#start(fresh, wiring);
      } catch (error) {
        failure = { error };
        return;
      }
      // From here on nothing fails, or the program is at fault: it has gone over, and half of it would not work.
      try {
        begin(live, old, wiring);
      } catch (error) {
        this.#finish({ why: 'going over to the new pipeline failed', pressing: true, error });
      }
    });
    if (failure === undefined) return;
    for (const source of fresh) this.#end(source);
    for (const source of [...fresh, ...changed]) void source.finish(AbortSignal.abort());
    // They were closed so that the new ones could be opened: back again, where they stood.
    const wasChanged = ({ id }: PlannedSource) => changed.some((source) => source.id === id);
    const again = old.plan.sources.filter(wasChanged).map((planned) => this.#source(planned, 'again'));
    this.#live = { ...old, sources: new Map([...old.sources, ...again.map((each) => [each.id, each] as const)]) };
    this.#start(again, this.#wiring);
    throw withUnwell((failure as { readonly error: unknown }).error, again);
  }

  #start(sources: readonly LiveSource[], wiring: Wiring): void {
    const isInternal = ({ planned }: LiveSource) => planned.type === 'internal';
    const others = sources.filter((source) => !isInternal(source));
    for (const source of others) this.#active.add(source);
    this.#failure = 'none';
    try {
      // What other sources report while they open is heard too.
      for (const source of [...sources.filter(isInternal), ...others]) {
        const segment = wiring.get(source.id);
        if (segment) source.graph = (batch) => segment.process(batch);
        source.start();
        if (this.#failure !== 'none') throw (this.#failure as { error: unknown }).error;
      }
    } finally {
      this.#failure = undefined;
    }
  }

  #end(source: LiveSource): void {
    this.#active.delete(source);
    source.stop();
  }

  // A source that can never be opened ends the run, one that is refused only itself; so does the end of the last source.
  // `internal` never ends by itself.
  #ended(source: LiveSource, error: unknown): void {
    if (error !== undefined && this.#failure) {
      this.#failure = { error };
      return;
    }
    const last = this.#active.delete(source) && this.#active.size === 0;
    const failed = [...this.#live.sources.values()].find((each) => each.failed);
    if (error !== undefined && !source.failed) {
      this.#finish({ why: `source ${source.id} failed`, pressing: true, error });
    } else if (last && failed) {
      this.#finish({ why: `source ${failed.id} failed`, pressing: true, error: failed.failed });
    } else if (last) {
      this.#finish({ why: 'all sources have ended', pressing: false });
    }
  }

  #retire(old: Live, live: Live): void {
    const sources = without(old.sources, live.sources);
    for (const source of sources.values()) this.#end(source);
    const operators = without(old.operators, live.operators);
    const sinks = without(old.sinks, live.sinks);
    for (const [id, sink] of without(live.sinks, old.sinks)) sink.begin(old.sinks.get(id));
    this.#retiring.add({ plan: old.plan, sources, operators, sinks });
  }

  /** Opens what of a plan does not run already. What does goes on as it is: operators read what they read now. */
  async #open(plan: Plan, old: Live, fresh: (LiveSink | LiveOperator)[]): Promise<Live> {
    const { signal } = this.#stop;
    const sinks = new Map<string, LiveSink>();
    for (const planned of plan.sinks) {
      let sink = kept(old.sinks, planned);
      if (!sink) {
        const stop = (why: string) => this.#finish({ why, pressing: true });
        sink = await LiveSink.open(planned, this.#runtime, signal, stop);
        fresh.push(sink);
      }
      sinks.set(planned.id, sink);
    }
    const operators = new Map<string, LiveOperator>();
    for (const planned of plan.operators) {
      let operator = kept(old.operators, planned);
      if (!operator) fresh.push((operator = new LiveOperator(planned, this.#runtime, signal, this.#changeReads)));
      operators.set(planned.id, operator);
    }
    const current = asItRuns(plan, operators);
    const sources = new Map<string, LiveSource>();
    for (const planned of current.sources) {
      const source = kept(old.sources, planned);
      sources.set(planned.id, source && !source.failed ? source : this.#source(planned));
    }
    return { plan: current, sinks, operators, sources };
  }

  #source(planned: PlannedSource, opening: 'first' | 'again' = 'first'): LiveSource {
    return new LiveSource(planned, this.#runtime, (source, error) => this.#ended(source, error), opening);
  }
}

/** What a run says of itself: every component with what went in, out and lost, and whether all is well. */

import type { Counters } from '../../core/metrics.ts';
import { packageVersion } from '../../core/package.ts';
import { engineVersion } from '../../rules/files/versions.ts';
import { lettersOf } from '../../store/keep.ts';
import type { Placed } from '../plan/planned.ts';
import type { Live } from './graph.ts';
import type { LiveSink } from './live-sink.ts';
import type { LiveSource } from './live-source.ts';
import type { Loadings, LoadingsStatus } from './loadings.ts';
import { PROGRAM, type Runtime } from './runtime.ts';
import type { Summary } from './totals.ts';

export interface ComponentStatus {
  readonly id: string;
  readonly kind: 'source' | 'operator' | 'sink';
  readonly type: string;
  /** Where its events come from. */
  readonly from: readonly string[];
  /** Its counters by name, and by label where they have one: `dropped: {queue_full: 3}`. */
  readonly counters: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  /** Of a sink: events that wait in memory, are being written or on their way to disk, and on disk, and bytes in memory. */
  readonly queue?: { readonly events: number; readonly bytes: number; readonly on_disk: number };
  /** With a state folder, what is on disk now: events that it has given up or failed on, what a source has rejected. */
  readonly dead_letters?: number;
  /** Of a source that delivers at least once: events that have not settled. */
  readonly in_flight?: number;
  /** What is wrong with it now. */
  readonly problem?: string;
}

export type RunState = 'starting' | 'running' | 'stopping' | 'stopped';

export interface RunStatus {
  readonly state: RunState;
  /** sha256 of the pipeline and of every file that it names. */
  readonly digest: string;
  readonly totals: Summary;
  /** Loadings of the pipeline while it ran, by result. */
  readonly reloads: LoadingsStatus;
  readonly components: readonly ComponentStatus[];
  /** What the program itself has counted: `gaps` between it and the run before it. */
  readonly counters: ComponentStatus['counters'];
  /** It runs, its sources are open, its state can be written. A sink that fails does not change that. */
  readonly ready: boolean;
  /** All that is wrong now. */
  readonly problems: readonly string[];
}

/** Versions as flat text: falcoctl takes from them which rules fit. */
export function versions(): Record<string, string> {
  return {
    falco_pipe_version: packageVersion,
    falco_version: packageVersion,
    engine_version: engineVersion.split('.')[1] ?? '',
    engine_version_semver: engineVersion,
    node_version: process.versions.node,
  };
}

/** What there is to say now of a run in that state. */
export function statusOf(run: {
  readonly state: RunState;
  readonly live: Live;
  readonly runtime: Runtime;
  readonly loadings: Loadings;
}): RunStatus {
  const { state, live, runtime, loadings } = run;
  const components = componentsOf(live, runtime.metrics, (name) => runtime.deadOf(name));
  const wrong = (...kinds: ComponentStatus['kind'][]) =>
    components.flatMap(({ kind, id, problem }) =>
      problem && kinds.includes(kind) ? [`${kind} ${id}: ${problem}`] : [],
    );
  const unready = [
    ...(state === 'running' ? [] : [`the pipeline is ${state}`]),
    ...[runtime.memory.problem].filter((each) => each !== undefined),
    ...wrong('source'),
  ];
  return {
    state,
    digest: live.plan.digest,
    totals: runtime.totals.summary(),
    reloads: loadings.status,
    components,
    counters: countersIn(runtime.metrics.get(PROGRAM)),
    ready: unready.length === 0,
    problems: [...unready, ...loadings.problems, ...wrong('operator', 'sink'), ...runtime.leftOnDisk(live.plan)],
  };
}

/** Every component at work. `deadOf`: events in dead letters of that name. */
function componentsOf(
  live: Live,
  metrics: ReadonlyMap<string, Counters>,
  deadOf: (name: string) => number | undefined,
): ComponentStatus[] {
  const { plan, sources, operators, sinks } = live;
  const common = ({ id, type }: Placed, from: readonly string[]) => ({
    id,
    type,
    from,
    counters: countersIn(metrics.get(id)),
  });
  const letters = (name: string) => {
    const dead = deadOf(name);
    return dead === undefined ? {} : { dead_letters: dead };
  };
  return [
    ...plan.sources.map((source) => {
      const { inFlight, problem } = sources.get(source.id) as LiveSource;
      const own = { ...(inFlight === undefined ? {} : { in_flight: inFlight }), ...(problem ? { problem } : {}) };
      return { kind: 'source' as const, ...common(source, []), ...letters(lettersOf('source', source.id)), ...own };
    }),
    ...plan.operators.map((operator) => {
      const problem = operators.get(operator.id)?.problem;
      const own = { ...letters(lettersOf('operator', operator.id)), ...(problem ? { problem } : {}) };
      return { kind: 'operator' as const, ...common(operator, operator.from), ...own };
    }),
    ...plan.sinks.map((sink) => {
      const { queue, waiting: events, onDisk, problem } = (sinks.get(sink.id) as LiveSink).delivery;
      const waiting = { events, bytes: queue.bytes, on_disk: onDisk };
      const own = { queue: waiting, ...letters(sink.id), ...(problem ? { problem } : {}) };
      return { kind: 'sink' as const, ...common(sink, sink.from), ...own };
    }),
  ];
}

/** By name, and by label where they have one. */
function countersIn(counters: Counters | undefined): ComponentStatus['counters'] {
  const values = (counters?.names() ?? []).map((name) => {
    const byLabel = counters?.byLabel(name) ?? {};
    const plain = Object.keys(byLabel).every((label) => label === '');
    return [name, plain ? (byLabel[''] ?? 0) : byLabel] as const;
  });
  return Object.fromEntries(values);
}

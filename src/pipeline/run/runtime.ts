/** What the components of one run share. */

import { now, sleep } from '../../core/clock.ts';
import type { Context, Origin } from '../../core/component.ts';
import { counted } from '../../core/counted.ts';
import type { Delivery } from '../../core/delivery/delivery.ts';
import { lettersIn } from '../../core/delivery/keep.ts';
import { messageOf, UserError } from '../../core/errors.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Trampoline } from '../../core/flow/trampoline.ts';
import { hostName } from '../../core/host.ts';
import type { Logger } from '../../core/log.ts';
import { Counters } from '../../core/metrics.ts';
import {
  componentOf,
  isOfSink,
  type LostFromDisk,
  lettersOf,
  ownerOf,
  type Settled,
  SinkKeep,
  UNREADABLE,
} from '../../store/keep.ts';
import type { Store } from '../../store/store.ts';
import type { Plan } from '../plan/planned.ts';
import { Reports } from './reports.ts';
import { Totals } from './totals.ts';
import { type Memory, Transient } from './transient.ts';

/** Who there is in a pipeline to get what waits on disk. */
type Named = Record<'operators' | 'sinks', readonly { readonly id: string }[]>;

type NamedPlan = Pick<Plan, 'digest' | 'title' | 'cluster'>;

/** What events of a plan are marked with when they leave this machine. */
export function originOf({ digest, title, cluster }: NamedPlan): Origin {
  return { node: hostName(), cluster, pipeline: title, digest: `sha256:${digest}` };
}

/** An error that names what cannot be used. */
export function unusable(what: string, error: unknown, exit: number): UserError {
  const own = error instanceof UserError ? error : { exit };
  return new UserError(`${what}: ${messageOf(error)}`, { ...own, cause: error });
}

/** The program itself, among the components that report and count. */
export const PROGRAM = 'falco-pipe';

/** Takes a batch through a graph, at once. */
export type Process = (batch: Batch) => void;

export interface RunOptions {
  readonly log: Logger;
  /** Resolves relative paths of the configuration. */
  readonly resolve: (path: string) => string;
  /** The state file. Without one what it would hold lasts as long as the run, and nothing can wait on disk. */
  readonly store?: Store;
  /** In place of a store: positions alone. */
  readonly positions?: Map<string, unknown>;
}

export class Runtime {
  readonly log: Logger;
  readonly memory: Memory;
  readonly store: Store | undefined;
  readonly reports: Reports;
  readonly totals = new Totals(() => [...this.#waiting().values()].reduce((sum, events) => sum + events, 0));
  /** The plan that runs. */
  plan: NamedPlan = { digest: '', title: '', cluster: undefined };
  readonly trampoline = new Trampoline();
  /** Counters by component id; those of components that are no more stay. */
  readonly metrics = new Map<string, Counters>();
  /** The ways into the sinks that are open. */
  readonly deliveries = new Set<Delivery>();
  readonly keeps = new Map<string, SinkKeep>();
  /** Called when a sink or an operator begins to fail, or works again. */
  readonly troubled = new Set<() => void>();
  readonly #saidOf = new Set<string>();
  readonly #resolve: (path: string) => string;

  constructor({ log, resolve, store, positions }: RunOptions) {
    this.log = log;
    this.store = store;
    this.memory = store ?? new Transient(positions);
    this.reports = new Reports(log, ({ component, type, fields }) => {
      if (type === 'gap') this.counters(component).add('gaps', fields.reason ?? '', 1);
    });
    this.#resolve = resolve;
  }

  /** Has it looked at whether a sink or an operator has begun to fail, or works again. */
  readonly lookAtHealth = (): void => {
    for (const troubled of this.troubled) troubled();
  };

  counters(id: string): Counters {
    let counters = this.metrics.get(id);
    if (!counters) this.metrics.set(id, (counters = new Counters()));
    return counters;
  }

  /** What a sink has on disk, or, by `lettersOf`, a source or an operator; the same each time. */
  keep(id: string): SinkKeep | undefined {
    let keep = this.keeps.get(id);
    if (!keep && this.store) {
      const lost = (lost: LostFromDisk) => this.#lostFromDisk(id, lost);
      const settled = (status: Settled, count: number) => {
        if (!isOfSink(id)) this.totals.again(status, count);
        else if (status === 'delivered') this.totals.deliveredFromDisk += count;
      };
      this.keeps.set(id, (keep = new SinkKeep(this.store, id, { lost, settled })));
    }
    return keep;
  }

  /** What waits on disk for nobody in the pipeline: nobody gets it. Each of them is also logged, once. */
  leftBehind({ operators, sinks }: Named): string[] {
    const open = new Set([...sinks.map(({ id }) => id), ...operators.map(({ id }) => lettersOf('operator', id))]);
    return [...this.#waiting()].flatMap(([id, waiting]) => {
      if (open.has(id) || waiting === 0) return [];
      const message = `${counted(waiting, 'event')} on disk for ${ownerOf(id)}, which is not open here: kept until one of that name is`;
      if (!this.#saidOf.has(id)) this.log.warn({ id }, message);
      this.#saidOf.add(id);
      return [message];
    });
  }

  // Events on disk by the ids of sinks, and of operators by `lettersOf`, open or not.
  #waiting(): Map<string, number> {
    const ids = new Set([...(this.store?.spools ?? []), ...this.keeps.keys()]);
    return new Map([...ids].map((id) => [id, this.keeps.get(id)?.onDisk ?? this.store?.waiting(id) ?? 0]));
  }

  /** Events in dead letters now, of a sink, or by `lettersOf`; undefined without a state folder. */
  deadOf(name: string): number | undefined {
    return this.keeps.get(name)?.dead ?? this.store?.buried(name);
  }

  /** Says what is on disk that nobody delivers now: what is `leftBehind`, and dead letters. */
  leftOnDisk(plan: Named): string[] {
    return [...this.leftBehind(plan), ...this.#deadLetters()];
  }

  // Also of what is not in the pipeline.
  #deadLetters(): string[] {
    const names = new Set([...(this.store?.graves ?? []), ...this.keeps.keys()]);
    return [...names].flatMap((name) => {
      const dead = this.deadOf(name) ?? 0;
      if (dead === 0) return [];
      return [`${counted(dead, 'event')} of ${ownerOf(name)} in dead letters: ${lettersIn(this.store?.folder ?? '')}`];
    });
  }

  // It has settled as `spooled`, perhaps in an earlier run: that it is lost must be in the books too.
  #lostFromDisk(id: string, { status, reason, count }: LostFromDisk): void {
    this.totals.seen += count;
    if (status === 'dropped') this.totals.drop(reason, count);
    else this.totals.deadLettered += count;
    if (reason !== UNREADABLE) return;
    const component = componentOf(id);
    this.counters(component).add(status, reason, count);
    const folder = this.store?.folder;
    const where = `${counted(count, 'event')} that waited in ${folder} for ${component} cannot be read any more: check that disk`;
    const bytes =
      status === 'dropped'
        ? 'there may be no more dead letters, so they are lost'
        : `what is left of them is a dead letter: 'falco-pipe dlq list --state ${folder}' lists it`;
    const fields = { reason, count, message: `${where}; ${bytes}` };
    this.reports.add({ component, type: status === 'dropped' ? 'drop' : 'error', fields });
  }

  /** What a component gets; `signal` ends its waits. */
  context(id: string, signal: AbortSignal): Context {
    return {
      id,
      signal,
      log: this.log.child({ id }),
      metrics: this.counters(id),
      now,
      sleep: (ms) => sleep(ms, signal),
      resolve: this.#resolve,
    };
  }
}

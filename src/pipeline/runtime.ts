/** What the components of one run share. */

import type { Batch } from '../core/batch.ts';
import { now, sleep } from '../core/clock.ts';
import type { Context } from '../core/component.ts';
import type { Logger } from '../core/log.ts';
import { Counters } from '../core/metrics.ts';
import { Trampoline } from '../core/trampoline.ts';
import { Reports } from './reports.ts';
import { Totals } from './totals.ts';

/** Where sources stood, across runs. */
export interface Positions {
  get(key: string): unknown;
  set(key: string, position: unknown): void;
}

/** Takes a batch through a graph, at once. */
export type Process = (batch: Batch) => void;

export interface RunOptions {
  readonly log: Logger;
  /** Resolves relative paths of the configuration. */
  readonly resolve: (path: string) => string;
  /** Default: they last as long as the run. */
  readonly positions?: Positions;
}

export class Runtime {
  readonly log: Logger;
  readonly positions: Positions;
  readonly reports: Reports;
  readonly totals = new Totals();
  readonly trampoline = new Trampoline();
  /** Counters by component id; those of components that are no more stay. */
  readonly metrics = new Map<string, Counters>();
  readonly #resolve: (path: string) => string;

  constructor({ log, resolve, positions = new Map<string, unknown>() }: RunOptions) {
    this.log = log;
    this.positions = positions;
    this.reports = new Reports(log);
    this.#resolve = resolve;
  }

  counters(id: string): Counters {
    let counters = this.metrics.get(id);
    if (!counters) this.metrics.set(id, (counters = new Counters()));
    return counters;
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

/** Runs a source on a context that remembers what it said, for as long as a test wants it. */

import type { Observable } from 'rxjs';
import type { SourceContext, SourceDefinition } from '../../src/core/component.ts';
import type { Event } from '../../src/core/event.ts';
import type { Status } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Credit } from '../../src/core/flow/credit.ts';
import { Counters } from '../../src/core/metrics.ts';
import type { Report } from '../../src/core/report.ts';
import { recordedLog } from '../core/shared.ts';
import { until } from '../sinks/servers.ts';

export interface HarnessOptions {
  readonly resolve?: (path: string) => string;
  /** Where an earlier run stood, and what it had seen. */
  readonly position?: unknown;
  readonly seen?: Iterable<string>;
  /** Events that may be unsettled. */
  readonly credit?: number;
  /** What a batch settles with; undefined: the test settles it. By default all are delivered at once. */
  readonly settle?: (batch: Batch, index: number) => Status | undefined;
  /** The fields that a test asks for once events have settled, where they cannot be read as they were any longer. */
  readonly keep?: readonly string[];
  /** Waits are at most so many milliseconds, whatever the source asks for. */
  readonly longest?: number;
  readonly now?: () => number;
}

export class Harness {
  readonly batches: Batch[] = [];
  readonly reports: Omit<Report, 'component'>[] = [];
  readonly metrics = new Counters();
  readonly slept: number[] = [];
  readonly seen: Set<string>;
  readonly log = recordedLog();
  position: unknown;
  /** Every position that it has advanced to. */
  readonly positions: unknown[] = [];
  /** What it said is the trouble now. */
  trouble: string | undefined;
  /** `open`, `complete`, or the error it ended with. */
  end: unknown = 'open';
  readonly #stop = new AbortController();
  readonly #closing: ((settling: AbortSignal) => Promise<void>)[] = [];
  readonly #subscription: { unsubscribe(): void };

  constructor(definition: Pick<SourceDefinition, 'config' | 'open'>, given: object, options: HarnessOptions = {}) {
    const { settle = () => 'delivered', longest = 10, resolve = (path) => path } = options;
    this.seen = new Set(options.seen);
    this.position = options.position;
    const credit = new Credit(options.credit ?? 10_000);
    const ctx: SourceContext = {
      id: 'it',
      signal: this.#stop.signal,
      log: this.log.log,
      metrics: this.metrics,
      now: options.now ?? Date.now,
      sleep: (ms) => {
        this.slept.push(ms);
        return new Promise((wake, reject) => {
          const timer = setTimeout(wake, Math.min(ms, longest));
          const stop = () => {
            clearTimeout(timer);
            reject(new Error('the source stops'));
          };
          if (this.#stop.signal.aborted) stop();
          else this.#stop.signal.addEventListener('abort', stop, { once: true });
        });
      },
      resolve,
      demand: new Map(),
      onDemand: () => () => {},
      unseen: async (ids) => ids.filter((id) => !this.seen.has(id)),
      committed: async () => {},
      credit: (count, signal) => credit.take(count, AbortSignal.any([this.#stop.signal, ...(signal ? [signal] : [])])),
      release: (count) => credit.release(count),
      reject: (text, why) => this.reports.push({ type: 'drop', fields: { ...why, count: 1, event: text } }),
      trouble: (problem) => {
        this.trouble = problem;
      },
      onStop: (close) => {
        this.#closing.push(close);
        return () => {};
      },
      report: (type, fields) => this.reports.push({ type, fields }),
      reports: () => () => {},
      crowded: () => 0,
      books: () => ({ seen: 0, delivered: 0, filtered: 0, dropped: 0, pipeline: '' }),
      position: () => this.position,
      advance: (position, seen = []) => {
        this.position = position;
        this.positions.push(position);
        for (const id of seen) this.seen.add(id);
      },
    };
    let source: Observable<Batch>;
    try {
      source = definition.open(definition.config.parse(given), ctx);
    } catch (error) {
      this.end = error;
      throw error;
    }
    this.#subscription = source.subscribe({
      next: (batch) => {
        const { length } = batch.events;
        const { ack } = batch;
        const own: Batch['ack'] = {
          live: ack.live,
          settle: (status, ...rest) => {
            if (status !== 'failed') credit.release(length);
            ack.settle(status, ...rest);
          },
        };
        const { keep } = options;
        const events = keep ? eventsOf(batch).map((event) => batch.events.keep?.(event, keep) ?? event) : batch.events;
        const shown = { ...batch, events, ack: own };
        const index = this.batches.push(shown) - 1;
        const status = settle(shown, index);
        if (status !== undefined) own.settle(status);
      },
      complete: () => {
        this.end = 'complete';
      },
      error: (error) => {
        this.end = error;
      },
    });
  }

  get events(): Event[] {
    return this.batches.flatMap(eventsOf);
  }

  /** A field of every event. */
  values(field: string): unknown[] {
    return this.events.map((event) => event.get(field));
  }

  /** `TYPE REASON COUNT` of every report. */
  get said(): string[] {
    return this.reports.map(({ type, fields }) => `${type} ${fields.reason} ${fields.count ?? 1}`);
  }

  /** The port of a source that listens. */
  async port(): Promise<number> {
    const found = () => /listening at \S*?:(\d+)/.exec(this.log.lines.join('\n'));
    await this.until(({ end }) => found() !== null || end !== 'open');
    return Number(found()?.[1]);
  }

  /** Resolves when it holds; fails early when the source has ended with an error. */
  until(test: (it: this) => boolean | Promise<boolean>): Promise<void> {
    return until(() => test(this));
  }

  /** As the runtime stops a source: told while it can still give what it has at hand, unsubscribed, asked to let go. */
  async stop(settling = AbortSignal.abort()): Promise<void> {
    this.#stop.abort(new Error('the source stops'));
    this.#subscription.unsubscribe();
    await Promise.all(this.#closing.splice(0).map((close) => close(settling)));
  }
}

function eventsOf({ events }: Batch): Event[] {
  return Array.from({ length: events.length }, (_, index) => events.at(index) as Event);
}

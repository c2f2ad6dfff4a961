/** The hub: one subscription to a source for its whole life, whatever the graph below becomes. */

import { defer, type Observable, retry, type Subscription, timer } from 'rxjs';
import { messageOf } from '../errors.ts';
import { Outage } from '../failure/outage.ts';
import { backoff } from '../failure/retry.ts';
import type { Logger } from '../log.ts';
import type { Batch } from './batch.ts';
import type { Trampoline } from './trampoline.ts';

/** A source that fails is opened again after at most this long, in ms; an hour of trouble is not an hour of silence. */
const REOPEN = { initial: 1000, max: 30_000 };

export interface HubOptions {
  readonly id: string;
  readonly open: () => Observable<Batch>;
  readonly trampoline: Trampoline;
  readonly log: Logger;
  /** Told of each failure that leads to another opening. */
  readonly failed: (error: unknown) => void;
  /** An error for which this is true ends the source: no other try can succeed. */
  readonly fatal: (error: unknown) => boolean;
  /** The source has completed, or failed for good. */
  readonly ended: (error?: unknown) => void;
}

export class Hub {
  /** Where batches go. Replaced between batches, never inside one. */
  graph: (batch: Batch) => void = () => {};
  readonly #options: HubOptions;
  #subscription: Subscription | undefined;
  readonly #outage = new Outage();

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Subscribes, once. */
  start(): void {
    const { open, trampoline, failed, fatal, ended } = this.#options;
    const again = (error: unknown, count: number) => {
      if (fatal(error)) throw error;
      const wait = backoff(REOPEN, count);
      failed(error);
      this.#sayFailed(messageOf(error), wait);
      return timer(wait);
    };
    this.#subscription = defer(open)
      .pipe(retry({ delay: again, resetOnSuccess: true }))
      .subscribe({
        next: (batch) => {
          this.#sayBack();
          trampoline.run(() => this.graph(batch));
        },
        error: (error) => ended(error),
        complete: () => ended(),
      });
  }

  #sayFailed(message: string, wait: number): void {
    const { id, log } = this.#options;
    if (!this.#outage.failed(message)) return;
    log.error(`source ${id} failed: ${message}; opening it again in ${Math.ceil(wait / 1000)} s`);
  }

  #sayBack(): void {
    const seconds = this.#outage.over();
    if (seconds === undefined) return;
    const { id, log } = this.#options;
    log.info(`source ${id} gives events again, after ${seconds} s`);
  }

  /** Unsubscribes: the source closes what it holds. */
  stop(): void {
    this.#subscription?.unsubscribe();
  }
}

/** Reading what waits on disk for a sink: a failure is said, and it is tried again. */

import { asyncScheduler, type Subscription } from 'rxjs';
import { messageOf } from '../errors.ts';
import { Outage } from '../failure/outage.ts';
import { backoff, type RetryPolicy } from '../failure/retry.ts';
import { Trouble } from '../failure/trouble.ts';
import type { Parcel } from '../flow/queue.ts';
import type { Logger } from '../log.ts';
import type { Counters } from '../metrics.ts';
import type { Keep } from './keep.ts';

interface Reading {
  readonly keep: Keep;
  /** The waits after failures. */
  readonly retry: Pick<RetryPolicy, 'initial' | 'max'>;
  readonly log: Logger;
  readonly metrics: Counters;
  /** Called when it may be tried again. */
  readonly again: () => void;
}

export class KeepReader {
  readonly #reading: Reading;
  readonly #outage = new Outage();
  #attempts = 0;
  #wait: Subscription | undefined;
  /** Why what waits cannot be read. */
  readonly trouble = new Trouble();

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  /** Why what waits cannot be read, until it can be or nothing waits: another may have had it, and delivered it. */
  get problem(): string | undefined {
    return this.#reading.keep.waiting > 0 ? this.trouble.problem : undefined;
  }

  /** As `Keep.next`; undefined also when it cannot be read now: then it all waits on. */
  async next(maxEvents: number): Promise<readonly Parcel[] | undefined> {
    if (this.#wait) return undefined;
    const { keep, log } = this.#reading;
    try {
      const parcels = await keep.next(maxEvents);
      this.#attempts = 0;
      this.trouble.problem = undefined;
      const seconds = this.#outage.over();
      if (seconds !== undefined) log.info(`what waits on disk can be read again, after ${seconds} s`);
      return parcels;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** It is not tried again. */
  close(): void {
    this.#wait?.unsubscribe();
  }

  #failed(error: unknown): void {
    const { keep, retry, log, metrics, again } = this.#reading;
    metrics.add('errors', 'spool', 1);
    const problem = `what waits on disk cannot be read: ${messageOf(error)}`;
    this.trouble.problem = problem;
    if (this.#outage.failed(problem)) log.error(`${problem}; it stays there, and is tried again`);
    const wait = backoff(retry, ++this.#attempts);
    this.#wait = asyncScheduler.schedule(() => {
      this.#wait = undefined;
      if (keep.waiting === 0) this.trouble.problem = undefined;
      again();
    }, wait);
  }
}

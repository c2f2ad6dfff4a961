/** Trying again: exponential back-off with full jitter. */

import { now, sleep } from '../clock.ts';
import type { WriteFailure } from './write-error.ts';

export interface RetryPolicy {
  /** Upper bound of the first wait, in ms. */
  readonly initial: number;
  /** Upper bound of every wait, in ms. */
  readonly max: number;
  /** Time after which it is given up, in ms; 0: the first error is final. */
  readonly giveUpAfter: number;
}

/** The waits before what was given up is tried again, in ms, where it is kept for that. */
export const AGAIN = { initial: 1000, max: 60_000 };

const FACTOR = 1.5; // as the OpenTelemetry collector's exporters grow their waits (spec/style.md §1.2)

/** The wait before try number `attempt` (1 is the first repeat), in ms: uniform below a bound that grows. */
export function backoff(policy: Pick<RetryPolicy, 'initial' | 'max'>, attempt: number, random = Math.random): number {
  return random() * Math.min(policy.max, policy.initial * FACTOR ** (attempt - 1));
}

/** The wait after an error of try number `attempt`, in ms: longer when it asks for that. */
export function waitAfter(error: unknown, policy: Pick<RetryPolicy, 'initial' | 'max'>, attempt: number): number {
  return Math.max(backoff(policy, attempt), askedBy(error));
}

/** The wait that an error asks for, in ms. */
export function askedBy(error: unknown): number {
  return (error as WriteFailure | undefined)?.wait ?? 0;
}

/** Whoever asks for more, in ms, is mistaken, or in the way of whom was asked: a proxy, a clock that is wrong. */
const MOST = 3_600_000;

/**
 * The wait that the header Retry-After asks for (RFC 9110 §10.2.3: seconds or a date), in ms from `at` (ms since the epoch):
 * an hour at most.
 */
export function retryAfter(header = '', at = now()): number {
  const value = header.trim();
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - at;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), MOST);
}

/**
 * Runs `work` until it succeeds. Rejects with its last error once `giveUpAfter` is over, when it was tried for the last
 * time, and with the signal's reason when that is aborted during a wait. An error may ask for a longer wait (WriteFailure):
 * that is kept to also when there is no next try, so that what follows does not come sooner either. What `failed` throws
 * ends it at once.
 */
export async function retrying<T>(
  work: (attempt: number) => Promise<T>,
  policy: RetryPolicy,
  signal: AbortSignal,
  failed: (error: unknown, attempt: number) => void = () => {},
): Promise<T> {
  // A clock that is set must not end the tries, nor prolong them.
  const start = performance.now();
  for (let attempt = 1, isLast = policy.giveUpAfter === 0; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      failed(error, attempt);
      signal.throwIfAborted();
      const left = start + policy.giveUpAfter - performance.now();
      if (isLast || left <= 0) throw error;
      const wait = waitAfter(error, policy, attempt);
      isLast = wait >= left;
      await sleep(Math.min(wait, left), signal);
      if (askedBy(error) > left) throw error;
    }
  }
}

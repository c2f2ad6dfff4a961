/** Time, as every component sees it: RxJS's, so that tests can make it virtual. */

import { asyncScheduler } from 'rxjs';

/** Milliseconds since the epoch; virtual inside `TestScheduler.run`. */
export function now(): number {
  return asyncScheduler.now();
}

/** The longest that a timer waits, in ms: one that is to wait longer rings at once. */
export const LONGEST_WAIT = 2 ** 31 - 1;

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  if (ms > LONGEST_WAIT) return sleep(LONGEST_WAIT, signal).then(() => sleep(ms - LONGEST_WAIT, signal));
  return new Promise((resolve, reject) => {
    const abort = () => {
      timer.unsubscribe();
      reject(signal?.reason);
    };
    const timer = asyncScheduler.schedule(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Rejects with the signal's reason once that is aborted. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** What `work` brings, or `late` when it takes longer than `ms` milliseconds. Rejects as `work` does. */
export async function within<T>(ms: number, work: Promise<T>, late: T): Promise<T> {
  const done = new AbortController();
  try {
    return await Promise.race([work, sleep(ms, done.signal).then(() => late)]);
  } finally {
    done.abort();
  }
}

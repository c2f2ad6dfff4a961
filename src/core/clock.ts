/** Time, as every component sees it: RxJS's, so that tests can make it virtual. */

import { asyncScheduler } from 'rxjs';

/** Milliseconds since the epoch; virtual inside `TestScheduler.run`. */
export function now(): number {
  return asyncScheduler.now();
}

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
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

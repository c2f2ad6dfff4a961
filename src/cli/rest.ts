/** What a start or a reload leaves behind goes back to the system, once there is nothing else to do. */

import { performance } from 'node:perf_hooks';
import { trimMemory } from '../../native/index.ts';

/** Looked for so often, in ms. */
const EVERY = 1000;
/** The share of that time which the thread works at most when there is nothing to do. */
const IDLE = 0.05;

/**
 * Collects what is garbage and trims the memory at the first quiet second; the returned function gives up on it. It takes
 * tenths of a second, for which a busy program has no time: there it happens when the work is done.
 */
export function tidyAtRest(): () => void {
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    if (utilization > IDLE) return;
    clearInterval(timer);
    // Only the launcher lets it be asked for. The last resort is what shrinks the heap.
    globalThis.gc?.({ execution: 'sync', type: 'major', flavor: 'last-resort' });
    trimMemory();
  }, EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

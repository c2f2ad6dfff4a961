/** Performs actions one after another, or at a rate; once, or over and over. */

import { sleep } from '../../core/clock.ts';

/** Actions that run at once at most, when they are begun at a rate. */
const AT_ONCE = 16;

export interface Repetition {
  /** How many are begun each second; undefined: each when the one before has ended. */
  readonly rate: number | undefined;
  /** Over and over, until the signal aborts. */
  readonly loop: boolean;
  readonly signal: AbortSignal;
}

/** `run` brings false when it is of no use to try the item again. Resolves when all that were begun have ended. */
export async function repeat<Item>(
  items: readonly Item[],
  { rate, loop, signal }: Repetition,
  run: (item: Item) => Promise<boolean>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const useless = new Set<Item>();
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const begin = (item: Item) => {
    const done = run(item)
      .then((useful) => void (useful || useless.add(item)))
      .finally(() => running.delete(done));
    done.catch((error) => failed.abort(error));
    running.add(done);
  };
  let due = performance.now();
  do {
    for (const item of items) {
      if (useless.has(item)) continue;
      if (running.size >= (rate === undefined ? 1 : AT_ONCE)) await Promise.race(running);
      if (rate !== undefined) {
        await sleep(Math.max(0, due - performance.now()), stop).catch(() => {});
        // What could not be kept up with is not made up for: the load would come in bursts.
        due = Math.max(due, performance.now() - 1000 / rate) + 1000 / rate;
      }
      if (stop.aborted) break;
      begin(item);
    }
  } while (loop && !stop.aborted && useless.size < items.length);
  await Promise.all(running);
  failed.signal.throwIfAborted();
}

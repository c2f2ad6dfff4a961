/** How long the turns of the event loop take: whatever comes meanwhile waits so long. */

import { createHistogram, type Histogram, performance } from 'node:perf_hooks';

/** What is told apart, in ns: from a microsecond to an hour, to two digits. The histogram takes 25 KB. */
const RANGE = { lowest: 1000, highest: 3.6e12, figures: 2 } as const;
/** How often it is looked whether a turn was long, in ms. */
const EVERY = 1000;

/** What the loop has not slept so far, in ms: eventLoopUtilization says it at a higher price. */
const active = () => performance.now() - performance.nodeTiming.idleTime;

/**
 * Measures every turn, without what the loop sleeps. A timer that is late would tell it too, but it wakes a program that has
 * nothing to do, and misses what is over before it is due.
 */
export class LoopWatch {
  readonly #turns = createHistogram(RANGE);
  readonly #timer: NodeJS.Timeout;
  #next: NodeJS.Immediate;
  #active = active();
  #longest = 0;
  // Runs at every turn: one function for all of them, and no call that it can do without, take half as long.
  readonly #turn = () => {
    const now = active();
    const ms = now - this.#active;
    this.#active = now;
    if (ms > this.#longest) this.#longest = ms;
    this.#turns.record(Math.max(1, Math.round(ms * 1e6)));
    this.#next = this.#again();
  };

  /** `slow` is told of the longest turn, in ms, of a second in which one took at least so many. */
  constructor(limit: number, slow: (ms: number) => void) {
    this.#next = this.#again();
    this.#timer = setInterval(() => {
      const longest = this.#longest;
      this.#longest = 0;
      if (longest >= limit) slow(longest);
    }, EVERY);
    this.#timer.unref();
  }

  /** The turns since it was last reset, in ns. */
  get turns(): Histogram {
    return this.#turns;
  }

  close(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#next);
  }

  // One that holds nothing up runs when the loop has something to do, and does not wake it.
  #again(): NodeJS.Immediate {
    return setImmediate(this.#turn).unref();
  }
}

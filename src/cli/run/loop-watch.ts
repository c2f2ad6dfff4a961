/** How long the turns of the event loop take: whatever comes meanwhile waits so long. */

import { createHistogram, type Histogram, performance } from 'node:perf_hooks';
import { type TurnWatch, watchTurns } from '../../../native/index.ts';

/** What is told apart, in ns: from a microsecond to an hour, to two digits. The histogram takes 25 KB. */
const RANGE = { lowest: 1000, highest: 3.6e12, figures: 2 } as const;
/** How often it is looked whether a turn was long, in ms. */
const EVERY = 1000;

/** Of one second; when there are more turns, most are alike. */
const MOST = 16_384;

/**
 * Measures turns, without what the loop sleeps: of each second the longest, and the first 16,384. A timer that is late would
 * tell it too, but it wakes a program that has nothing to do, and misses what is over before it is due.
 */
export class LoopWatch {
  readonly #histogram = createHistogram(RANGE);
  readonly #turns: Pick<TurnWatch, 'close'> & { take(): ArrayLike<number> } = watchTurns() ?? new ImmediateTurns();
  readonly #timer: NodeJS.Timeout;
  #longest = 0;

  /** `slow` is told of the longest turn, in ms, of a second in which one took at least so many. */
  constructor(limit: number, slow: (ms: number) => void) {
    this.#timer = setInterval(() => {
      this.#take();
      const longest = this.#longest / 1e6;
      this.#longest = 0;
      if (longest >= limit) slow(longest);
    }, EVERY);
    this.#timer.unref();
  }

  /** The turns since it was last reset, in ns. */
  get turns(): Histogram {
    this.#take();
    return this.#histogram;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#turns.close();
  }

  #take(): void {
    for (const ns of Array.from(this.#turns.take())) {
      if (ns > this.#longest) this.#longest = ns;
      this.#histogram.record(Math.max(1, Math.round(ns)));
    }
  }
}

/** What the loop has not slept so far, in ms: eventLoopUtilization says it at a higher price. */
const active = () => performance.now() - performance.nodeTiming.idleTime;

/** Where there is no addon: by an immediate in every turn. */
class ImmediateTurns {
  #taken: number[] = [];
  #longest = 0;
  #next: NodeJS.Immediate;
  #active = active();
  // One function for all turns, and no call that it can do without, take half as long.
  readonly #turn = () => {
    const now = active();
    const ns = (now - this.#active) * 1e6;
    this.#active = now;
    if (ns > this.#longest) this.#longest = ns;
    if (this.#taken.length < MOST) this.#taken.push(ns);
    this.#next = this.#again();
  };

  constructor() {
    this.#next = this.#again();
  }

  take(): readonly number[] {
    const taken = this.#taken;
    if (taken.length === MOST) taken[MOST - 1] = this.#longest;
    this.#taken = [];
    this.#longest = 0;
    return taken;
  }

  close(): void {
    clearImmediate(this.#next);
  }

  // One that holds nothing up runs when the loop has something to do, and does not wake it.
  #again(): NodeJS.Immediate {
    return setImmediate(this.#turn).unref();
  }
}

/** So many events of each key in each while, by arrival: what `throttle` and `dedupe` count, kept over restarts. */

import type { OperatorContext } from '../../core/component.ts';
import type { Event } from '../../core/event.ts';
import { liveAck } from '../../core/flow/ack.ts';
import type { Counter } from '../../core/metrics.ts';

export interface WindowsOptions {
  /** Events that pass in one window. */
  readonly limit: number;
  /** Length of a window in ms; it begins with its first event. */
  readonly per: number;
  /** Windows held at once; past that the oldest is forgotten. */
  readonly most: number;
  /** Counts those that were forgotten. */
  readonly evicted: Counter;
  readonly ctx: Pick<OperatorContext, 'now' | 'saved' | 'keep'>;
}

interface Window {
  /** ms since the epoch. */
  readonly began: number;
  passed: number;
  /** The times of the first and the last event that passed, in ns since the epoch. */
  readonly first: bigint;
  last: bigint;
  /** Of those that had passed before the last start, how many may come again; and of those of the window before. */
  again: number;
  older: number;
}

/** What is saved. */
interface Saved {
  readonly version: 1;
  readonly windows: readonly (Pick<Window, 'began' | 'passed' | 'first' | 'last'> & { readonly key: string })[];
}

export class Windows {
  readonly #options: WindowsOptions;
  readonly #changed: () => void;
  // In the order in which they began: the first is the oldest.
  readonly #windows = new Map<string, Window>();

  constructor(options: WindowsOptions) {
    this.#options = options;
    const { ctx, limit } = options;
    const saved = ctx.saved() as Saved | undefined;
    for (const { key, ...window } of saved?.version === 1 ? saved.windows : []) {
      this.#windows.set(key, { ...window, again: window.passed, older: limit });
    }
    const keep = ctx.keep(() => this.#save());
    this.#changed = () => keep(liveAck);
  }

  /**
   * Whether an event of a key is within the limit. What had passed before a restart and was not settled is given again by a
   * replayable source: it passes once more, and counts no more.
   */
  takes(key: string, event: Event): boolean {
    const { limit, per, ctx } = this.#options;
    const now = ctx.now();
    const window = this.#windows.get(key);
    if (!window || !isOpen(window.began, now, per)) {
      this.#begin(key, now, event);
      return limit > 0;
    }
    if (window.again + window.older > 0 && comesAgain(window, event.time)) return true;
    if (window.passed >= limit) return false;
    window.passed++;
    window.last = event.time;
    this.#changed();
    return true;
  }

  #begin(key: string, began: number, event: Event): void {
    const { limit, most, evicted } = this.#options;
    this.#windows.delete(key);
    this.#windows.set(key, {
      began,
      passed: Math.min(1, limit),
      first: event.time,
      last: event.time,
      again: 0,
      older: 0,
    });
    this.#changed();
    if (this.#windows.size <= most) return;
    this.#windows.delete(this.#windows.keys().next().value as string);
    evicted.value++;
  }

  #save(): Saved {
    const { per, ctx } = this.#options;
    const now = ctx.now();
    const open = [...this.#windows].filter(([, { began }]) => isOpen(began, now, per));
    return {
      version: 1,
      windows: open.map(([key, { began, passed, first, last }]) => ({ key, began, passed, first, last })),
    };
  }
}

/** Whether a window that began then, of so many ms, still lasts. Not when the clock was set back behind it: nobody would see its end. */
export function isOpen(began: number, now: number, per: number): boolean {
  return now >= began && now - began < per;
}

function comesAgain(window: Window, time: bigint): boolean {
  if (time > window.last) return false;
  const which = time < window.first ? 'older' : 'again';
  if (window[which] === 0) return false;
  window[which]--;
  return true;
}

/** What a reload has replaced: it delivers what it has, and goes. */

import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Live } from './graph.ts';

/** It has this many ms for that. */
const LIMIT = 10_000;

export class Retiring {
  readonly #log: Logger;
  readonly #stop: AbortSignal;
  readonly #gone: () => void;
  readonly #underWay = new Set<Promise<void>>();

  /**
   * @param stop gives up what is still under way
   * @param gone told each time that something has gone
   */
  constructor(log: Logger, stop: AbortSignal, gone: () => void) {
    this.#log = log;
    this.#stop = stop;
    this.#gone = gone;
  }

  /**
   * Takes those components of a plan that are no longer part of the graph; their sources have stopped. In the background:
   * a sink that fails must not hold up the next reload.
   */
  add(gone: Live): void {
    if (gone.operators.size === 0 && gone.sinks.size === 0 && gone.sources.size === 0) return;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error('the time to deliver after a reload was over')), LIMIT);
    const retiring = retire(gone, AbortSignal.any([limit.signal, this.#stop]))
      .catch((error) => this.#log.error(`what a reload has replaced did not end well: ${messageOf(error)}`))
      .finally(() => {
        clearTimeout(timer);
        this.#underWay.delete(retiring);
        this.#gone();
      });
    this.#underWay.add(retiring);
  }

  /** Resolves when all of it has gone. */
  async over(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}

async function retire({ plan, sources, operators, sinks }: Live, signal: AbortSignal): Promise<void> {
  // Upstream first: what one stream still emits may go through the next.
  for (const { id } of plan.operators) await operators.get(id)?.close(signal);
  await Promise.all([...sinks.values()].map((sink) => sink.close(signal)));
  // A sink that stays may still have some of it.
  await Promise.all([...operators.values()].map((operator) => operator.finish(signal)));
  await Promise.all([...sources.values()].map((source) => source.finish(signal)));
}

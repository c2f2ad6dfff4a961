/** At least once: what could not be delivered is emitted again, and the position moves only past what is settled. */

import type { SourceContext } from '../component.ts';
import type { Event } from '../event.ts';
import { AGAIN, backoff } from '../failure/retry.ts';
import { ackOf, failedPlaces } from './ack.ts';
import type { Batch } from './batch.ts';

interface Emission {
  readonly position: unknown;
  readonly seen: readonly string[];
  readonly done?: (() => void) | undefined;
  settled: boolean;
}

/**
 * Emits the batches of one source with acks of its own. What failed of a batch is emitted again, from memory and with
 * back-off: only that, for the rest has its fate. Who can try it again alone does that first.
 * `advance` gets the position of the last batch before which everything has settled, and the ids of all up to there.
 */
export class Redelivery {
  readonly #next: (batch: Batch) => void;
  readonly #ctx: Pick<SourceContext, 'advance' | 'sleep'>;
  readonly #open: Emission[] = [];
  readonly #idle: (() => void)[] = [];

  constructor(next: (batch: Batch) => void, ctx: Pick<SourceContext, 'advance' | 'sleep'>) {
    this.#next = next;
    this.#ctx = ctx;
  }

  /**
   * Emits a batch; `position` is where the source stands after it, `seen` the ids by which its events are known again.
   * Credit must have been taken. `done` is called once it has settled, whatever is under way before it.
   */
  emit(batch: Omit<Batch, 'ack'>, position: unknown, seen: readonly string[] = [], done?: () => void): void {
    const emission: Emission = { position, seen, done, settled: false };
    this.#open.push(emission);
    this.#try(batch, emission, 1);
  }

  /** A position with nothing to deliver: reached once everything before it has settled. */
  mark(position: unknown): void {
    this.#open.push({ position, seen: [], settled: true });
    this.#move();
  }

  /** Resolves when everything emitted so far has settled. */
  settled(): Promise<void> {
    if (this.#open.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #try(batch: Omit<Batch, 'ack'>, emission: Emission, attempt: number): void {
    const settled: Parameters<typeof ackOf>[0] = (status, _reason, fates) => {
      if (status === 'failed') {
        const { events } = batch;
        const failed = failedPlaces(events.length, fates).map((place) => events.at(place) as Event);
        // Stopping ends the wait: the batch stays unsettled, and is read again at the next start.
        this.#ctx.sleep(backoff(AGAIN, attempt)).then(
          () => this.#try({ ...batch, events: failed }, emission, attempt + 1),
          () => {},
        );
        return;
      }
      emission.settled = true;
      emission.done?.();
      this.#move();
    };
    this.#next({ ...batch, ack: ackOf(settled) });
  }

  #move(): void {
    let first = 0;
    while (this.#open[first]?.settled) first++;
    const reached = this.#open.splice(0, first);
    const last = reached.at(-1);
    if (last) {
      this.#ctx.advance(
        last.position,
        reached.flatMap(({ seen }) => seen),
      );
    }
    if (this.#open.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

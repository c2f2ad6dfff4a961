/** Events that others bring: who brought them is told once they have settled, and need not keep them any longer. */

import { setImmediate } from 'node:timers/promises';
import type { SourceContext } from '../../core/component.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Redelivery } from '../../core/flow/redelivery.ts';
import { Once } from './once.ts';

/** Events in one batch, at most. */
const BATCH = 256;

interface Incoming {
  readonly source: string;
  readonly id: string | undefined;
}

/** There is no credit: nothing was taken. */
export class NoCredit extends Error {
  constructor() {
    super('as many events are under way as may be');
  }
}

export class Intake<E extends Incoming> {
  readonly #next: (batch: Batch) => void;
  readonly #ctx: SourceContext;
  readonly #batchOf: (source: string, events: readonly E[]) => Omit<Batch, 'ack'>;
  readonly #once: Once<E>;

  constructor(
    next: (batch: Batch) => void,
    ctx: SourceContext,
    batchOf: (source: string, events: readonly E[]) => Omit<Batch, 'ack'>,
  ) {
    this.#next = next;
    this.#ctx = ctx;
    this.#batchOf = batchOf;
    this.#once = new Once(ctx);
  }

  /**
   * Takes events. Resolves when every one has settled, also those that were under way already, and their ids are on disk.
   * Rejects with NoCredit when they cannot be taken now. What is taken is delivered, whoever waits for it.
   */
  async take(events: readonly E[]): Promise<void> {
    const { fresh, ids, others } = await this.#once.admit(events);
    others.catch(() => {});
    if (fresh.length > 0) {
      try {
        await this.#credit(fresh.length);
      } catch (error) {
        this.#once.gaveUp(ids, error);
        throw error;
      }
      await this.#deliver(fresh, ids);
    }
    await others;
  }

  async #credit(count: number): Promise<void> {
    const now = new AbortController();
    const granted = this.#ctx.credit(count, now.signal);
    now.abort();
    await granted.catch(() => {
      throw new NoCredit();
    });
  }

  async #deliver(events: readonly E[], ids: readonly string[]): Promise<void> {
    const delivery = new Redelivery(this.#next, this.#ctx);
    for (const slice of slices(events)) {
      const { source } = slice[0] as E;
      const seen = slice.flatMap(({ id }) => id ?? []);
      delivery.emit(this.#batchOf(source, slice), null, seen);
      // Others have their turn between the batches of one large request.
      await setImmediate();
    }
    await delivery.settled();
    await this.#ctx.committed();
    this.#once.settled(ids);
  }
}

/** Runs of events of one source, none too long. */
function slices<E extends Incoming>(events: readonly E[]): E[][] {
  const all: E[][] = [];
  let open: E[] = [];
  for (const event of events) {
    if (open.length === 0 || open.length === BATCH || open[0]?.source !== event.source) all.push((open = []));
    open.push(event);
  }
  return all;
}

/** Events that may come more than once: each is let in once, and later copies share the fate of the first. */

import type { SourceContext } from '../../core/component.ts';

interface Identified {
  readonly id: string | undefined;
}

/** What is new of some events, and what became of the rest. */
export interface Admitted<E> {
  readonly fresh: readonly E[];
  /** Their ids, for `settled`. */
  readonly ids: readonly string[];
  /** Resolves when the copies that were under way already have settled; rejects when one was given up. */
  readonly others: Promise<unknown>;
}

interface Flight {
  readonly landed: Promise<void>;
  readonly land: () => void;
  readonly crash: (error: unknown) => void;
}

export class Once<E extends Identified> {
  readonly #ctx: Pick<SourceContext, 'unseen' | 'metrics'>;
  readonly #flying = new Map<string, Flight>();

  constructor(ctx: Pick<SourceContext, 'unseen' | 'metrics'>) {
    this.#ctx = ctx;
  }

  /** Tells apart what has not been seen. An event without an id is always new. */
  async admit(events: readonly E[]): Promise<Admitted<E>> {
    const others: Promise<void>[] = [];
    const mine = new Map<string, E>();
    const without: E[] = [];
    for (const event of events) {
      const { id } = event;
      if (id === undefined) {
        without.push(event);
        continue;
      }
      const flight = this.#flying.get(id);
      if (flight) {
        if (!mine.has(id)) others.push(flight.landed);
      } else {
        this.#flying.set(id, flightOf());
        mine.set(id, event);
      }
    }
    const ids = [...mine.keys()];
    let unseen: ReadonlySet<string>;
    try {
      unseen = new Set(ids.length === 0 ? [] : await this.#ctx.unseen(ids));
    } catch (error) {
      this.gaveUp(ids, error);
      throw error;
    }
    this.settled(ids.filter((id) => !unseen.has(id)));
    // In the order in which they came.
    const kept = new Set<E>(without);
    for (const [id, event] of mine) if (unseen.has(id)) kept.add(event);
    const fresh = events.filter((event) => kept.has(event));
    if (fresh.length < events.length) this.#ctx.metrics.add('duplicates', '', events.length - fresh.length);
    return { fresh, ids: ids.filter((id) => unseen.has(id)), others: Promise.all(others) };
  }

  /** They have settled, and that is recorded. */
  settled(ids: readonly string[]): void {
    for (const id of ids) {
      this.#flying.get(id)?.land();
      this.#flying.delete(id);
    }
  }

  /** They were not let in after all: the next copy is new. */
  gaveUp(ids: readonly string[], error: unknown): void {
    for (const id of ids) {
      this.#flying.get(id)?.crash(error);
      this.#flying.delete(id);
    }
  }
}

function flightOf(): Flight {
  const { promise: landed, resolve: land, reject: crash } = Promise.withResolvers<void>();
  // Often there is nobody who waits for it.
  landed.catch(() => {});
  return { landed, land, crash };
}

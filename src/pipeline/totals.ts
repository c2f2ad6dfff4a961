/** The books of a run: what came in, and what became of it. seen = delivered + filtered + dropped + in flight. */

import type { Counts } from '../core/ack.ts';

export interface Summary {
  readonly seen: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly dropped: number;
  readonly in_flight: number;
  /** Dropped events by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

export class Totals {
  seen = 0;
  delivered = 0;
  filtered = 0;
  inFlight = 0;
  readonly #dropped = new Map<string, number>();

  /** Counts events that are lost for a reason. */
  drop(reason: string, count: number): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }

  /** Events whose last copy has settled. A failed one is emitted again, and then seen again: it is no longer counted. */
  settled({ filtered, delivered, dropped, failed }: Counts, reasons: ReadonlyMap<string, number>): void {
    this.inFlight -= filtered + delivered + dropped + failed;
    this.filtered += filtered;
    this.delivered += delivered;
    this.seen -= failed;
    for (const [reason, count] of reasons) this.drop(reason, count);
  }

  get dropped(): number {
    return [...this.#dropped.values()].reduce((sum, count) => sum + count, 0);
  }

  summary(): Summary {
    const { seen, delivered, filtered, dropped, inFlight } = this;
    return { seen, delivered, filtered, dropped, in_flight: inFlight, reasons: Object.fromEntries(this.#dropped) };
  }
}

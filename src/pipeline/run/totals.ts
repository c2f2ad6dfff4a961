/**
 * The books of a run: what came in, and what became of it.
 * seen = delivered + filtered + dropped + in flight, and with a state folder + spooled + dead letters. What a sink gets from
 * disk later is told apart: it was seen when it was put there, perhaps by an earlier run. What an operator is given again,
 * because it had failed on it, is seen once more when it has settled.
 */

import type { Counts } from '../../core/flow/ack.ts';
import type { Settled } from '../../store/keep.ts';

export interface Summary {
  readonly seen: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly dropped: number;
  readonly in_flight: number;
  /** Left on disk for a sink, which may have them by now; absent when none. */
  readonly spooled?: number;
  /** Waiting on disk at this moment, also from earlier runs: none of the sum; absent where nothing was or is there. */
  readonly on_disk?: number;
  /** Written by a sink after it had waited on disk, also since earlier runs: none of the sum; absent when none. */
  readonly delivered_from_disk?: number;
  /** On disk, given up; absent when none. */
  readonly dead_lettered?: number;
  /** At the end: not seen to the end, and given again by their sources at the next start; absent when none. */
  readonly to_replay?: number;
  /** Dropped events by reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

export class Totals {
  seen = 0;
  delivered = 0;
  filtered = 0;
  inFlight = 0;
  spooled = 0;
  deliveredFromDisk = 0;
  deadLettered = 0;
  readonly #dropped = new Map<string, number>();
  readonly #onDisk: () => number;

  /** @param onDisk how many events wait on disk */
  constructor(onDisk = () => 0) {
    this.#onDisk = onDisk;
  }

  /** Counts events that are lost for a reason. */
  drop(reason: string, count: number): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }

  /** Events whose last copy has settled. A failed one is emitted again, and then seen again: it is no longer counted. */
  settled(counts: Counts, reasons: ReadonlyMap<string, number>): void {
    for (const count of Object.values(counts)) this.inFlight -= count;
    // What an operator has absorbed goes no further by itself.
    this.filtered += counts.filtered + counts.absorbed;
    this.delivered += counts.delivered;
    this.spooled += counts.spooled;
    this.deadLettered += counts.dead_lettered;
    this.seen -= counts.failed;
    for (const [reason, count] of reasons) this.drop(reason, count);
  }

  /** What has become of events that were put back for an operator: they are seen once more. */
  again(status: Settled, count: number): void {
    this.seen += count;
    if (status === 'delivered') this.delivered += count;
    else if (status === 'spooled') this.spooled += count;
    else this.filtered += count;
  }

  get dropped(): number {
    return [...this.#dropped.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @param left how many events their sources give again at the next start */
  summary(left = 0): Summary {
    const { seen, delivered, filtered, dropped, inFlight, spooled, deadLettered, deliveredFromDisk } = this;
    const onDisk = this.#onDisk();
    return {
      seen,
      delivered,
      filtered,
      dropped,
      in_flight: inFlight,
      ...(spooled > 0 ? { spooled } : {}),
      ...(spooled > 0 || onDisk > 0 ? { on_disk: onDisk } : {}),
      ...(deliveredFromDisk > 0 ? { delivered_from_disk: deliveredFromDisk } : {}),
      ...(deadLettered > 0 ? { dead_lettered: deadLettered } : {}),
      ...(left > 0 ? { to_replay: left } : {}),
      reasons: Object.fromEntries(this.#dropped),
    };
  }
}

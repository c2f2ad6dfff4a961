/** One partition that is read: from events of the hub to batches, and from settled batches to where it stands. */

import type { SourceContext } from '../../core/component.ts';
import { counted } from '../../core/counted.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Redelivery } from '../../core/flow/redelivery.ts';
import { cloudBatch } from '../../events/cloud/batch.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import type { Place } from './checkpoints.ts';
import { eventsOf, type HubEvent } from './events.ts';

/** Events in one batch, about: a body may have hundreds. */
const BATCH = 1024;

export interface PartitionOptions {
  readonly id: string;
  /** The event sources that are announced. */
  readonly emits: readonly string[];
  readonly ctx: SourceContext;
  readonly next: (batch: Batch) => void;
  /** Told where it stands: everything up to there has settled. */
  readonly settled: (place: Place) => void;
}

export class Partition {
  readonly id: string;
  /** It is ours, as far as we know. */
  owned = false;
  readonly #emits: readonly string[];
  readonly #ctx: SourceContext;
  readonly #settled: (place: Place) => void;
  readonly #delivery: Redelivery;
  #read: Place | undefined;
  // The place of the last batch that was emitted.
  #given: Place | undefined;
  #stands: number | undefined;
  #stood: Place | undefined;
  #last = -1;

  constructor({ id, emits, ctx, next, settled }: PartitionOptions) {
    this.id = id;
    this.#emits = emits;
    this.#ctx = ctx;
    this.#settled = settled;
    this.#delivery = new Redelivery(next, {
      sleep: ctx.sleep,
      advance: (place) => this.#move(place as Place),
    });
  }

  /** How far it was read in this process; what came up to there has settled, or is given again from memory. */
  get read(): Place | undefined {
    return this.#read;
  }

  /** Up to where everything has settled that was read in this process. */
  get stood(): Place | undefined {
    return this.#stood;
  }

  /** It is read from behind `from`; all up to the sequence number `stands` has been dealt with; the hub ends at `last`. */
  begin(from: Place | undefined, stands: number, last: number): void {
    this.#read = from;
    this.#stands = Math.max(this.#stands ?? -1, stands);
    this.owned = true;
    this.knows(last);
  }

  /** The hub's last event has this sequence number. */
  knows(last: number): void {
    this.#last = last;
    const lag = this.owned ? Math.max(0, last - (this.#stands ?? last)) : 0;
    this.#ctx.metrics.counter('lag', this.id).value = lag;
  }

  /** It is somebody else's, or nobody's. */
  end(): void {
    this.owned = false;
    this.knows(this.#last);
  }

  /** Takes events in order; resolves when there is credit for more. Rejects when the source stops. */
  async take(events: readonly HubEvent[]): Promise<void> {
    const pending = new Map<string, CloudEvent[]>();
    let count = 0;
    for (const event of events) {
      const place = { offset: event.offset, sequence: event.sequenceNumber };
      const expected = this.#read && this.#read.sequence + 1;
      // A receiver that attached again may give a little twice.
      if (expected !== undefined && place.sequence < expected) continue;
      if (expected !== undefined && place.sequence > expected) this.#gap(expected, place.sequence);
      for (const each of this.#decode(event)) {
        const alike = pending.get(each.source);
        if (alike) alike.push(each);
        else pending.set(each.source, [each]);
        count++;
      }
      if (count >= BATCH) {
        await this.#emit(pending, count, place);
        pending.clear();
        count = 0;
      }
      this.#read = place;
    }
    if (this.#read && events.length > 0) await this.#emit(pending, count, this.#read);
  }

  /** A place that counts as settled once everything before it has. */
  mark(place: Place): void {
    this.#given = place;
    this.#delivery.mark(place);
  }

  /** Resolves when everything that it gave has settled. */
  idle(): Promise<void> {
    return this.#delivery.settled();
  }

  // The place is reached with the last of the batches; until then it stands where it stood.
  async #emit(pending: ReadonlyMap<string, readonly CloudEvent[]>, count: number, place: Place): Promise<void> {
    if (count === 0) {
      this.mark(place);
      return;
    }
    await this.#ctx.credit(count);
    const batches = [...pending].map(([source, events]) => cloudBatch(source, events));
    for (const [index, batch] of batches.entries()) {
      this.#delivery.emit(batch, index === batches.length - 1 ? place : this.#given);
    }
    this.#given = place;
  }

  #move(place: Place | undefined): void {
    // Another may have got further while it had the partition.
    if (!place || place.sequence < (this.#stands ?? -1)) return;
    this.#stands = place.sequence;
    this.#stood = place;
    this.#settled(place);
    this.knows(this.#last);
  }

  #decode(event: HubEvent): readonly CloudEvent[] {
    const { events, problems, mended } = eventsOf(event, this.id, this.#emits);
    if (mended) this.#ctx.metrics.add('mended', '', 1);
    for (const { reason, message, text } of problems) {
      this.#ctx.reject(text, { reason, message });
    }
    return events;
  }

  #gap(expected: number, found: number): void {
    const count = found - expected;
    const what = `${counted(count, 'event')} of partition ${this.id} (${expected} to ${found - 1})`;
    const message = `${what} ${count === 1 ? 'is' : 'are'} no longer in the hub: not seen`;
    this.#ctx.report('gap', { reason: 'expired', count, message });
  }
}

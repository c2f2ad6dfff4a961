/** The queue: bounded in events and bytes, and the only place where a batch waits. */

import type { Event } from '../event.ts';
import type { Ack } from './ack.ts';

/** Some events on their way to one consumer. */
export interface Parcel {
  readonly events: readonly Event[];
  /** Memory they hold, estimated. */
  readonly bytes: number;
  readonly ack: Ack;
  /** How often it was given up before, and kept. */
  readonly tries?: number;
}

/** What gives way when a live parcel finds the queue full. */
export type WhenFull = 'drop_oldest' | 'drop_newest';

export interface QueueLimits {
  readonly events: number;
  readonly bytes: number;
  readonly whenFull: WhenFull;
}

/**
 * First in, first out. Live parcels are held to the limits; parcels of replayable sources are always taken, for their
 * credit bounds them. One consumer at a time may wait in `take`.
 */
export class Queue {
  readonly #limits: QueueLimits;
  readonly #dropped: (parcel: Parcel, reason: string) => void;
  // A ring would save nothing: the head index moves and the array is cut when half of it is behind.
  #parcels: (Parcel | undefined)[] = [];
  #head = 0;
  #events = 0;
  #live = 0;
  #bytes = 0;
  #closed = false;
  #poked = false;
  #wake: (() => void) | undefined;

  /** @param dropped told of each parcel that gave way (`queue_full`) or came too late (`stopped`), after its ack has settled */
  constructor(limits: QueueLimits, dropped: (parcel: Parcel, reason: string) => void) {
    this.#limits = limits;
    this.#dropped = dropped;
  }

  /** Events waiting. */
  get events(): number {
    return this.#events;
  }

  /** Of those, events of live sources. */
  get live(): number {
    return this.#live;
  }

  /** Bytes waiting, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a parcel in, or lets parcels give way. A parcel larger than the queue itself is taken when it is alone. */
  offer(parcel: Parcel): void {
    const refused = this.#refuses(parcel);
    if (refused) {
      this.#drop(parcel, refused);
      return;
    }
    this.#parcels.push(parcel);
    this.#events += parcel.events.length;
    if (parcel.ack.live) this.#live += parcel.events.length;
    this.#bytes += parcel.bytes;
    this.#wake?.();
  }

  /**
   * The oldest parcels together, as many as hold at most `maxEvents` events (at least one parcel). Waits for the first;
   * undefined when the queue is closed and empty, none when it is poked.
   */
  async take(maxEvents: number): Promise<Parcel[] | undefined> {
    while (this.#head === this.#parcels.length) {
      if (this.#closed) return undefined;
      if (this.#poked) {
        this.#poked = false;
        return [];
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const taken: Parcel[] = [];
    let events = 0;
    for (let next = this.#parcels[this.#head]; next; next = this.#parcels[this.#head]) {
      if (taken.length > 0 && events + next.events.length > maxEvents) break;
      taken.push(this.#shift(next));
      events += next.events.length;
    }
    return taken;
  }

  /** Whether a parcel would find room. */
  fits(parcel: Parcel): boolean {
    return this.#fits(parcel);
  }

  /** Ends a wait in `take` with no parcels: there is something else to do. */
  poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  /** Takes out everything that waits. */
  empty(): Parcel[] {
    const all: Parcel[] = [];
    for (let next = this.#parcels[this.#head]; next; next = this.#parcels[this.#head]) all.push(this.#shift(next));
    return all;
  }

  /** No more is taken in; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #refuses(parcel: Parcel): string | undefined {
    if (this.#closed) return 'stopped';
    return parcel.ack.live && !this.#fits(parcel) && !this.#makeRoom(parcel) ? 'queue_full' : undefined;
  }

  #fits(parcel: Parcel, events = this.#events, bytes = this.#bytes): boolean {
    if (events === 0) return true;
    return events + parcel.events.length <= this.#limits.events && bytes + parcel.bytes <= this.#limits.bytes;
  }

  // Only live parcels give way, for dropping a replayable one would break its source's promise; and none gives way in vain.
  #makeRoom(parcel: Parcel): boolean {
    if (this.#limits.whenFull === 'drop_newest') return false;
    const old: Parcel[] = [];
    let events = this.#events;
    let bytes = this.#bytes;
    for (let index = this.#head; index < this.#parcels.length && !this.#fits(parcel, events, bytes); index++) {
      const each = this.#parcels[index] as Parcel;
      if (!each.ack.live) continue;
      old.push(each);
      events -= each.events.length;
      bytes -= each.bytes;
    }
    if (!this.#fits(parcel, events, bytes)) return false;
    for (const each of old) this.#drop(this.#remove(each), 'queue_full');
    return true;
  }

  #remove(parcel: Parcel): Parcel {
    const index = this.#parcels.indexOf(parcel, this.#head);
    if (index === this.#head) return this.#shift(parcel);
    this.#parcels.splice(index, 1);
    return this.#forget(parcel);
  }

  #shift(first: Parcel): Parcel {
    this.#parcels[this.#head++] = undefined;
    if (this.#head > 64 && this.#head * 2 > this.#parcels.length) {
      this.#parcels = this.#parcels.slice(this.#head);
      this.#head = 0;
    }
    return this.#forget(first);
  }

  #forget(parcel: Parcel): Parcel {
    this.#events -= parcel.events.length;
    if (parcel.ack.live) this.#live -= parcel.events.length;
    this.#bytes -= parcel.bytes;
    return parcel;
  }

  #drop(parcel: Parcel, reason: string): void {
    // A replayable source gives what was not written once more, now or after the next start.
    parcel.ack.settle(parcel.ack.live ? 'dropped' : 'failed', reason);
    this.#dropped(parcel, reason);
  }
}

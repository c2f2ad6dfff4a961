/** A `stream` operator at run time: RxJS that people write, kept from harming what is around it. */

import { defer, Subject, Subscription } from 'rxjs';
import { type Ack, ackOf, type Fate, partAck } from '../core/ack.ts';
import type { Batch } from '../core/batch.ts';
import { now } from '../core/clock.ts';
import type { Step } from '../core/component.ts';
import type { Event, EventList } from '../core/event.ts';
import type { Parcel } from '../core/queue.ts';
import { recordForm } from '../events/record.ts';

export interface StreamOptions {
  readonly through: Extract<Step, { kind: 'stream' }>['through'];
  /** Takes each batch that leaves it. */
  readonly next: (batch: Batch) => void;
  /** Told of the error that ended it. */
  readonly failed: (error: unknown) => void;
  /** Told how many events it has dropped, and why. */
  readonly lost: (reason: string, count: number) => void;
  /** Told when it has completed although more may come. */
  readonly completed: () => void;
}

/**
 * An error ends a stream in RxJS, but not the pipeline: what the operator held is dropped (`operator_error`), and it
 * starts anew with the next batch. After it has completed by itself nothing passes any more: that is `filtered`.
 */
export class StreamPort {
  readonly #options: StreamOptions;
  // What went in and has neither come out nor been settled, in the order in which it came.
  readonly #held = new Map<Ack, { readonly since: number; readonly events: readonly Event[] }>();
  #input = new Subject<Batch>();
  #subscription: Subscription | undefined;
  #completed = false;
  #closing = false;
  #wake: (() => void) | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#subscribe();
  }

  /** Since when it holds what it has held longest: ms since the epoch. */
  get since(): number | undefined {
    return this.#held.values().next().value?.since;
  }

  deliver(source: string, { events, ack }: Parcel): void {
    if (this.#closing || this.#completed) {
      if (this.#closing) this.#leave(ack, events);
      else ack.settle('filtered');
      return;
    }
    if (!this.#subscription) this.#subscribe();
    const held = ackOf((status, reason, fates) => {
      this.#held.delete(held);
      ack.settle(status, reason, fates);
      this.#wake?.();
    }, ack.live);
    this.#held.set(held, { since: now(), events });
    this.#input.next({ source, form: recordForm, events, ack: held });
    // It may have failed while it was being subscribed; then nobody has taken the batch.
    if (!this.#subscription) this.#dropHeld();
  }

  /** Ends its input; resolves when it has completed or holds nothing more, or `deadline` is aborted. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#closing = true;
    const done = this.#until(() => this.#completed || this.#held.size === 0, deadline);
    this.#input.complete();
    await done;
    this.#subscription?.unsubscribe();
  }

  /** After `close`: waits for what has left it and is on its way, until `deadline` is aborted. The rest is left behind. */
  async finish(deadline: AbortSignal): Promise<void> {
    await this.#until(() => this.#held.size === 0, deadline);
    for (const [ack, { events }] of [...this.#held]) this.#leave(ack, events);
  }

  #until(test: () => boolean, deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        if (test()) resolve();
      };
      if (deadline.aborted) resolve();
      else deadline.addEventListener('abort', () => resolve(), { once: true });
      this.#wake();
    });
  }

  #subscribe(): void {
    const { through, next, completed } = this.#options;
    const input = new Subject<Batch>();
    const subscription = new Subscription();
    this.#input = input;
    this.#subscription = subscription;
    const error = (error: unknown) => {
      subscription.unsubscribe();
      this.#subscription = undefined;
      this.#options.failed(error);
      this.#dropHeld();
    };
    const running = defer(() => through(input)).subscribe({
      next: (batch) => {
        try {
          const came = this.#held.get(batch.ack);
          this.#held.delete(batch.ack);
          next(came ? { ...batch, ack: ackOfThose(batch, came.events) } : batch);
        } catch (thrown) {
          error(thrown);
        }
      },
      error,
      complete: () => {
        this.#completed = true;
        if (!this.#closing) completed();
        this.#wake?.();
      },
    });
    subscription.add(running);
  }

  // After an error its events would only meet it again.
  #dropHeld(): void {
    for (const [ack, { events }] of [...this.#held]) {
      ack.settle('dropped', 'operator_error');
      this.#options.lost('operator_error', events.length);
    }
  }

  // Events of replayable sources come again after a stop.
  #leave(ack: Ack, events: readonly Event[]): void {
    ack.settle(ack.live ? 'dropped' : 'failed', 'stopped');
    if (ack.live) this.#options.lost('stopped', events.length);
  }
}

const FILTERED: Fate = { status: 'filtered' };

/**
 * What becomes of a batch that leaves with the ack of one that came is told of the events that came: those that are missing
 * were filtered. As many as came, all new ones, are in the places of those that came.
 */
function ackOfThose({ events, ack }: Batch, came: readonly Event[]): Ack {
  if (isSame(events, came)) return ack;
  const placeOf = new Map(came.map((event, place) => [event, place]));
  const places = Array.from({ length: events.length }, (_, index) => placeOf.get(events.at(index) as Event));
  if (places.some((place) => place === undefined)) {
    if (events.length === came.length) return ack;
    // Nobody knows which of those that came they stand for.
    return ackOf((status, reason) => ack.settle(status, reason), ack.live);
  }
  const left = new Set(places);
  const rest = came.flatMap((_, place) => (left.has(place) ? [] : [[place, FILTERED] as const]));
  return partAck(ack, places as number[], new Map(rest));
}

function isSame(events: EventList, came: readonly Event[]): boolean {
  return events.length === came.length && came.every((event, place) => events.at(place) === event);
}

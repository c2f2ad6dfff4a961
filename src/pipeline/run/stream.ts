/** A `stream` operator at run time: RxJS that people write, kept from harming what is around it. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { config, defer, Subject, Subscription } from 'rxjs';
import type { Step } from '../../core/component.ts';
import type { Event, EventList } from '../../core/event.ts';
import { type Ack, ackOf, partAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import type { Parcel } from '../../core/flow/queue.ts';
import { recordForm } from '../../events/record.ts';

// What a subscriber throws RxJS throws again from a timer of its own, where nothing can catch it: this says whose it was.
const thrower = new AsyncLocalStorage<((error: unknown) => void) | undefined>();
const unhandled = config.onUnhandledError;
config.onUnhandledError = (error) => {
  const failed = thrower.getStore() ?? unhandled;
  if (!failed) throw error;
  failed(error);
};

interface Held {
  readonly since: number;
  readonly events: readonly Event[];
  /** What its ack settles; undefined when it was dropped. */
  ack: Ack | undefined;
}

export interface StreamOptions {
  readonly through: Extract<Step, { kind: 'stream' }>['through'];
  /** Takes each batch that leaves it. */
  readonly next: (batch: Batch) => void;
  /** Told of the error that ended it. */
  readonly failed: (error: unknown) => void;
  /** Takes the events that it held when an error ended it: they are not given to it again. */
  readonly dropped: (events: readonly Event[], error: unknown, ack: Ack) => void;
  /** Told how many events were left behind. */
  readonly left: (count: number) => void;
  /** Told when it has completed although more may come. */
  readonly completed: () => void;
}

/**
 * An error ends a stream in RxJS, but not the pipeline: what the operator held is `dropped`, and it starts anew with the next
 * batch. After it has completed by itself nothing passes any more: that is `filtered`.
 */
export class StreamPort {
  readonly #options: StreamOptions;
  // What went in and has neither come out nor been settled, in the order in which it came.
  readonly #held = new Map<Ack, Held>();
  #input = new Subject<Batch>();
  #error: (error: unknown) => void = () => {};
  // What it ended with last.
  #ended: unknown;
  #subscription: Subscription | undefined;
  // What came before it was opened.
  #early: [source: string, parcel: Parcel][] | undefined = [];
  #successor: StreamPort | undefined;
  #completed = false;
  #closing = false;
  #wake: (() => void) | undefined;

  /** It begins with `open`. */
  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** What it has held longest: since when, in ms of a clock that nobody sets (`performance.now`), and whether no source waits for it. */
  get oldest(): { readonly since: number; readonly live: boolean } | undefined {
    const [first] = this.#held;
    return first && { since: first[1].since, live: first[0].live };
  }

  /** Subscribes, once: what it emits has somewhere to go. */
  open(): void {
    const early = this.#early;
    if (!early) return;
    this.#early = undefined;
    this.#subscribe();
    for (const each of early) this.deliver(...each);
  }

  /** Ends its input, for `to` has its state: what still comes goes there. Throws what its end throws; it has ended all the same. */
  handOver(to: StreamPort): void {
    this.#successor = to;
    this.#complete();
  }

  deliver(source: string, parcel: Parcel): void {
    const { events, ack } = parcel;
    if (this.#successor) {
      this.#successor.deliver(source, parcel);
      return;
    }
    if (this.#early && !this.#closing) {
      this.#early.push([source, parcel]);
      return;
    }
    if (this.#closing || this.#completed) {
      if (this.#closing) this.#leave(ack, events);
      else ack.settle('filtered');
      return;
    }
    if (!this.#subscription) this.#subscribe();
    const batch: Held = { since: performance.now(), events, ack };
    const held = ackOf((status, reason, fates) => {
      this.#held.delete(held);
      batch.ack?.settle(status, reason, fates);
      this.#wake?.();
    }, ack.live);
    this.#held.set(held, batch);
    thrower.run(this.#error, () => this.#input.next({ source, form: recordForm, events, ack: held }));
    // It may have failed while it was being subscribed; then nobody has taken the batch.
    if (!this.#subscription) this.#dropHeld(this.#ended);
  }

  /** Ends its input; resolves when it has completed or holds nothing more, or `deadline` is aborted. */
  async close(deadline: AbortSignal): Promise<void> {
    for (const [, { ack, events }] of this.#early ?? []) this.#leave(ack, events);
    this.#early = undefined;
    const done = this.#until(() => this.#completed || this.#held.size === 0, deadline);
    this.#complete();
    await done;
    this.#subscription?.unsubscribe();
  }

  /** After `close`: waits for what has left it and is on its way, until `deadline` is aborted. The rest is left behind. */
  async finish(deadline: AbortSignal): Promise<void> {
    await this.#until(() => this.#held.size === 0, deadline);
    for (const [ack, { events }] of [...this.#held]) this.#leave(ack, events);
  }

  #complete(): void {
    this.#closing = true;
    thrower.run(this.#error, () => this.#input.complete());
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
      this.#options.failed(error);
      // One that was thrown meanwhile is of what has ended already.
      if (subscription.closed) return;
      subscription.unsubscribe();
      this.#subscription = undefined;
      this.#ended = error;
      this.#dropHeld(error);
    };
    this.#error = error;
    const observer = {
      next: (batch: Batch) => {
        try {
          const came = this.#held.get(batch.ack);
          this.#held.delete(batch.ack);
          const left = came ? { ...batch, ack: ackOfThose(batch, came.events) } : batch;
          // What is below answers for itself.
          thrower.run(undefined, () => next(left));
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
    };
    try {
      thrower.run(error, () => subscription.add(defer(() => through(input)).subscribe(observer)));
    } catch (thrown) {
      // It has failed already, and does not even end well.
      error(thrown);
    }
  }

  // After an error its events would only meet it again.
  #dropHeld(error: unknown): void {
    const dropped = [...this.#held.values()];
    this.#held.clear();
    for (const each of dropped) {
      const { events, ack } = each;
      each.ack = undefined;
      if (ack) this.#options.dropped(events, error, ack);
    }
    this.#wake?.();
  }

  // Events of replayable sources come again after a stop.
  #leave(ack: Ack, events: readonly Event[]): void {
    ack.settle(ack.live ? 'dropped' : 'failed', 'stopped');
    if (ack.live) this.#options.left(events.length);
  }
}

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
  return partAck(ack, places as number[]);
}

function isSame(events: EventList, came: readonly Event[]): boolean {
  return events.length === came.length && came.every((event, place) => events.at(place) === event);
}

/** Keeping the last of repeated events until their time is over, with how many there were. */

import { asyncScheduler, Observable, type OperatorFunction, type Subscriber, type Subscription } from 'rxjs';
import type { Ack } from '../../core/ack.ts';
import type { Batch } from '../../core/batch.ts';
import { now } from '../../core/clock.ts';
import type { Counter } from '../../core/metrics.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { boundKey, type EdgeKey } from '../shared/key.ts';
import { acksOf } from '../shared/parts.ts';

export interface LastOptions {
  readonly key: EdgeKey;
  /** Milliseconds. */
  readonly within: number;
  readonly emit: 'last' | 'both';
  readonly max_keys: number;
  readonly repeated: Counter;
  readonly evicted: Counter;
}

/** An event on its way, and the ack that is its own. */
interface Held {
  readonly event: EventRecord;
  readonly ack: Ack;
}

interface Group {
  readonly began: number;
  readonly first: bigint;
  last: bigint;
  count: number;
  /** Absent while the only one has gone on already. */
  held: Held | undefined;
}

/** Repetitions are settled as filtered; what is held is settled when it has gone on and arrived. */
export function lastOfEach(options: LastOptions): OperatorFunction<Batch, Batch> {
  return (input) =>
    new Observable((output) => {
      const groups = new Groups(options, output);
      const subscription = input.subscribe({
        next: (batch) => groups.take(batch),
        error: (error) => output.error(error),
        complete: () => {
          groups.closeAll();
          output.complete();
        },
      });
      return () => {
        subscription.unsubscribe();
        groups.stop();
      };
    });
}

class Groups {
  readonly #options: LastOptions;
  readonly #output: Subscriber<Batch>;
  // In the order in which they began.
  readonly #groups = new Map<string, Group>();
  readonly #keys = new Map<string, (event: EventRecord) => string>();
  #leaving: Held[] = [];
  #timer: Subscription | undefined;

  constructor(options: LastOptions, output: Subscriber<Batch>) {
    this.#options = options;
    this.#output = output;
  }

  take({ events, ack, source }: Batch): void {
    const records = Array.from({ length: events.length }, (_, index) => events.at(index) as EventRecord);
    const acks = acksOf(
      ack,
      records.length,
      records.map((_, index) => [index]),
    );
    this.#closeOver();
    for (const [index, event] of records.entries()) this.#takeOne(source, { event, ack: acks[index] as Ack });
    this.#emit();
    this.#schedule();
  }

  closeAll(): void {
    for (const [key, group] of this.#groups) this.#close(key, group);
    this.#emit();
  }

  stop(): void {
    this.#timer?.unsubscribe();
  }

  #takeOne(source: string, one: Held): void {
    const { emit, max_keys: most, repeated, evicted } = this.#options;
    const key = `${source} ${this.#keyOf(source)(one.event)}`;
    const { time } = one.event;
    const group = this.#groups.get(key);
    if (group) {
      repeated.value++;
      group.count++;
      group.last = time;
      group.held?.ack.settle('filtered');
      group.held = one;
      return;
    }
    this.#groups.set(key, { began: now(), first: time, last: time, count: 1, held: emit === 'last' ? one : undefined });
    if (emit === 'both') this.#leaving.push(one);
    const [oldest] = this.#groups;
    if (this.#groups.size <= most || !oldest) return;
    this.#close(...oldest);
    evicted.value++;
  }

  #keyOf(source: string): (event: EventRecord) => string {
    let read = this.#keys.get(source);
    if (!read) this.#keys.set(source, (read = boundKey(this.#options.key, recordForm, source)));
    return read;
  }

  #close(key: string, { held, count, first, last }: Group): void {
    this.#groups.delete(key);
    if (!held) return;
    const { event, ack } = held;
    const counted = { 'dedupe.count': count, 'dedupe.first_time': first, 'dedupe.last_time': last };
    this.#leaving.push({ event: event.with({ ...event.fields, ...counted }), ack });
  }

  #closeOver(): void {
    const end = now() - this.#options.within;
    for (const [key, group] of this.#groups) {
      if (group.began > end) break;
      this.#close(key, group);
    }
  }

  // One timer: the oldest is the first whose time is over.
  #schedule(): void {
    if (this.#timer && !this.#timer.closed) return;
    const [oldest] = this.#groups.values();
    if (!oldest) return;
    const wait = Math.max(0, oldest.began + this.#options.within - now());
    this.#timer = asyncScheduler.schedule(() => {
      this.#timer = undefined;
      this.#closeOver();
      this.#emit();
      this.#schedule();
    }, wait);
  }

  // Each is a batch of its own: what becomes of one is not what becomes of the others.
  #emit(): void {
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const { event, ack } of leaving) {
      this.#output.next({ source: event.source, form: recordForm, events: [event], ack });
    }
  }
}

/** Keeping the last of repeated events until their time is over, with how many there were. */

import { asyncScheduler, type OperatorFunction, type Subscriber, type Subscription } from 'rxjs';
import { LONGEST_WAIT, now } from '../../core/clock.ts';
import type { OperatorContext } from '../../core/component.ts';
import { type Ack, ackOf, liveAck, splitAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import type { Counter } from '../../core/metrics.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { parseRecord, recordJson } from '../../events/record-json.ts';
import { boundKey, type EdgeKey } from '../shared/key.ts';
import { type Taker, takenBy } from '../shared/taker.ts';
import { isOpen } from '../shared/windows.ts';

export interface LastOptions {
  readonly key: EdgeKey;
  /** Milliseconds. */
  readonly within: number;
  readonly emit: 'last' | 'both';
  readonly max_keys: number;
  readonly repeated: Counter;
  readonly evicted: Counter;
  readonly ctx: Pick<OperatorContext, 'saved' | 'keep' | 'lose'>;
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

/** What is saved of a group; the event as a record's JSON. */
interface SavedGroup extends Pick<Group, 'began' | 'first' | 'last' | 'count'> {
  readonly key: string;
  readonly event?: string;
}

interface Saved {
  readonly version: 1;
  readonly groups: readonly SavedGroup[];
}

/**
 * Repetitions are settled as filtered. What is held of a live source is settled when it has gone on and arrived. A
 * replayable source would wait too long for that: its events are settled as absorbed, when the state that has them is saved.
 */
export function lastOfEach(options: LastOptions): OperatorFunction<Batch, Batch> {
  let groups: Groups | undefined;
  const absorb = options.ctx.keep((): Saved => ({ version: 1, groups: groups?.save() ?? [] }));
  return takenBy((output) => (groups = new Groups(options, output, absorb)));
}

class Groups implements Taker {
  readonly #options: LastOptions;
  readonly #output: Subscriber<Batch>;
  // In the order in which they began.
  readonly #groups = new Map<string, Group>();
  readonly #keys = new Map<string, (event: EventRecord) => string>();
  readonly #absorb: (ack: Ack) => void;
  // What was absorbed and is on its way: it stays in the state until it has arrived.
  readonly #underWay = new Map<Ack, SavedGroup>();
  #leaving: Held[] = [];
  #timer: Subscription | undefined;

  constructor(options: LastOptions, output: Subscriber<Batch>, absorb: (ack: Ack) => void) {
    this.#options = options;
    this.#output = output;
    this.#absorb = absorb;
    const saved = options.ctx.saved() as Saved | undefined;
    if (saved?.version === 1) for (const each of saved.groups) this.#restore(each);
    this.#schedule();
  }

  save(): SavedGroup[] {
    return [...[...this.#groups].map(([key, group]) => savedOf(key, group)), ...this.#underWay.values()];
  }

  #restore({ key, event, ...group }: SavedGroup): void {
    const parsed = event === undefined ? undefined : parseRecord(event, { file: 'state', line: 1 });
    const record = parsed && 'record' in parsed ? parsed.record : undefined;
    this.#groups.set(key, { ...group, held: record && { event: record, ack: this.#arriving() } });
  }

  take({ events, ack, source }: Batch): void {
    const records = Array.from({ length: events.length }, (_, index) => events.at(index) as EventRecord);
    const own = splitAck(
      ack,
      records.length,
      records.map((_, index) => [index]),
    );
    this.#closeOver();
    for (const [index, event] of records.entries()) {
      const one = { event, ack: own[index] as Ack };
      try {
        this.#takeOne(source, one);
      } catch (error) {
        // An event that cannot be read costs itself alone.
        this.#options.ctx.lose(event, error, one.ack);
      }
    }
    this.#emit();
    this.#schedule();
  }

  end(): void {
    for (const [key, group] of this.#groups) this.#close(key, group);
    this.#emit();
  }

  stop(): void {
    this.#timer?.unsubscribe();
  }

  // From here on the state answers for it; the books of a live source still wait for its arrival.
  #held({ event, ack }: Held): Held {
    this.#absorb(ack.live ? liveAck : ack);
    return { event, ack: this.#arriving(ack.live ? ack : undefined) };
  }

  #arriving(of?: Ack): Ack {
    const ack = ackOf((status, reason) => {
      of?.settle(status, reason);
      if (this.#underWay.delete(ack)) this.#absorb(liveAck);
    }, true);
    return ack;
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
      group.held = this.#held(one);
      return;
    }
    const held = emit === 'last' ? this.#held(one) : undefined;
    this.#groups.set(key, { began: now(), first: time, last: time, count: 1, held });
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

  #close(key: string, group: Group): void {
    const { held, count, first, last } = group;
    this.#groups.delete(key);
    if (!held) return;
    const { event, ack } = held;
    const counted = { 'dedupe.count': count, 'dedupe.first_time': first, 'dedupe.last_time': last };
    try {
      this.#underWay.set(ack, savedOf(key, group));
      this.#leaving.push({ event: event.with({ ...event.fields, ...counted }), ack });
    } catch (error) {
      this.#options.ctx.lose(event, error, ack);
    }
  }

  #closeOver(): void {
    const time = now();
    for (const [key, group] of this.#groups) {
      if (isOpen(group.began, time, this.#options.within)) break;
      this.#close(key, group);
    }
  }

  // One timer: the oldest is the first whose time is over.
  #schedule(): void {
    if (this.#timer && !this.#timer.closed) return;
    const [oldest] = this.#groups.values();
    if (!oldest) return;
    const { within } = this.#options;
    const wait = Math.min(within, LONGEST_WAIT, Math.max(0, oldest.began + within - now()));
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

function savedOf(key: string, { began, first, last, count, held }: Group): SavedGroup {
  return { key, began, first, last, count, ...(held ? { event: recordJson(held.event) } : {}) };
}

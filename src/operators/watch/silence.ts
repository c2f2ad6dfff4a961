/** `watch` at work: when each key was heard of last; silence and its end become alerts, which stay in the state until they have arrived. */

import { asyncScheduler, type OperatorFunction, type Subscriber, type Subscription } from 'rxjs';
import { now } from '../../core/clock.ts';
import type { OperatorContext } from '../../core/component.ts';
import type { Value } from '../../core/event.ts';
import { type Ack, ackOf, liveAck, splitAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { hostName } from '../../core/host.ts';
import { type Alert, makeAlert } from '../../events/alert.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { parseRecord, recordJson } from '../../events/record-json.ts';
import { boundCondition } from '../shared/condition.ts';
import { boundKey, boundKeyValues } from '../shared/key.ts';
import { type Taker, takenBy } from '../shared/taker.ts';
import type { WatchConfig, WatchState } from './config.ts';
import { Expected } from './expected.ts';

/** After so many ms an alert that could not be delivered is tried again. */
const AGAIN = 10_000;

/** What is known of one value of the key. */
interface Heard {
  readonly values: readonly (Value | undefined)[];
  readonly source: string;
  /** When its last event came: ms since the epoch. */
  last: number;
  /** When that happened: ns since the epoch. */
  lastTime: bigint;
}

/** What an alert is about: something that was heard of, or is only waited for, since `last`. */
interface About extends Omit<Heard, 'lastTime'> {
  readonly lastTime: bigint | undefined;
}

const WHAT = {
  silent: 'nothing has come for',
  missing: 'expected, and nothing has come for',
  back: 'back after',
};

type Entry = readonly [key: string, heard: Heard];

interface Saved {
  readonly version: 1;
  readonly heard: readonly Entry[];
  readonly silent: readonly Entry[];
  /** Of what is expected and has never come: since when it is waited for; those that were reported, and the others. */
  readonly missed?: Expected['missed'];
  readonly awaited?: Expected['awaited'];
  /** Alerts that have not arrived, as records' JSON. */
  readonly leaving: readonly string[];
}

/** Signs of life are settled as absorbed, with the state that has them; other events as filtered. */
export function watched(config: WatchConfig, ctx: OperatorContext<WatchState>): OperatorFunction<Batch, Batch> {
  let watch: Watch | undefined;
  const absorb = ctx.keep(() => watch?.save());
  return takenBy((output) => {
    watch = new Watch(config, ctx, output, absorb);
    watch.start();
    return watch;
  });
}

class Watch implements Taker {
  readonly #config: WatchConfig;
  readonly #ctx: OperatorContext<WatchState>;
  readonly #output: Subscriber<Batch>;
  readonly #absorb: (ack: Ack) => void;
  // Both in the order in which they were heard of last.
  readonly #heard = new Map<string, Heard>();
  readonly #silent = new Map<string, Heard>();
  readonly #expected: Expected;
  readonly #leaving = new Set<Alert>();
  readonly #readers = new Map<string, (event: EventRecord) => readonly [string, Heard] | undefined>();
  readonly #timers = new Set<Subscription>();
  #next: Subscription | undefined;
  #due = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(
    config: WatchConfig,
    ctx: OperatorContext<WatchState>,
    output: Subscriber<Batch>,
    absorb: (ack: Ack) => void,
  ) {
    this.#config = config;
    this.#ctx = ctx;
    this.#output = output;
    this.#absorb = absorb;
    this.#expected = new Expected(ctx.state.expected, config.within ?? config.silent);
  }

  /** Goes on with what was saved. When nobody listened meanwhile, that was no silence. */
  start(): void {
    const saved = this.#ctx.saved() as Saved | undefined;
    const listened = this.#ctx.takesOver();
    if (saved?.version === 1) this.#restore(saved, listened);
    const isHeard = (key: string) => this.#heard.has(key) || this.#silent.has(key);
    this.#expected.start(now(), isHeard, saved?.missed, listened ? saved?.awaited : []);
    this.#schedule();
    // A restart must not find it as another one has left it.
    if (listened) this.#absorb(liveAck);
  }

  #restore(saved: Saved, listened: boolean): void {
    const { isHere } = this.#ctx.state;
    for (const [key, heard] of saved.heard) {
      if (isHere(heard)) this.#heard.set(key, listened ? heard : { ...heard, last: now() });
    }
    for (const [key, heard] of saved.silent) if (isHere(heard)) this.#silent.set(key, heard);
    for (const text of saved.leaving) {
      const parsed = parseRecord(text, { file: 'state', line: 1 });
      if ('record' in parsed) this.#leave(parsed.record as Alert);
    }
  }

  save(): Saved {
    return {
      version: 1,
      heard: [...this.#heard],
      silent: [...this.#silent],
      missed: this.#expected.missed,
      awaited: this.#expected.awaited,
      leaving: [...this.#leaving].map(recordJson),
    };
  }

  take({ events, ack, source }: Batch): void {
    const fates: Record<'absorbed' | 'filtered', number[]> = { absorbed: [], filtered: [] };
    const failed: { place: number; event: EventRecord; error: unknown }[] = [];
    const alerts: Alert[] = [];
    for (let place = 0; place < events.length; place++) {
      const event = events.at(place) as EventRecord;
      try {
        const found = this.#reader(source)(event);
        if (found) alerts.push(...this.#hear(...found));
        fates[found ? 'absorbed' : 'filtered'].push(place);
      } catch (error) {
        // An event that cannot be read costs itself alone.
        failed.push({ place, event, error });
      }
    }
    const settled = (['absorbed', 'filtered'] as const).filter((fate) => fates[fate].length > 0);
    const parts = [...failed.map(({ place }) => [place]), ...settled.map((fate) => fates[fate])];
    const acks = splitAck(ack, events.length, parts);
    for (const [index, { event, error }] of failed.entries()) this.#ctx.lose(event, error, acks[index] as Ack);
    for (const [index, fate] of settled.entries()) {
      const own = acks[failed.length + index] as Ack;
      if (fate === 'absorbed') this.#absorb(own);
      else own.settle(fate);
    }
    for (const alert of alerts) this.#leave(alert);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#next?.unsubscribe();
    for (const timer of this.#timers) timer.unsubscribe();
  }

  // A sign of life; the alert says that the silence is over, when there was one.
  #hear(key: string, heard: Heard): Alert[] {
    const before = this.#silent.get(key);
    const missed = this.#expected.came(key);
    this.#silent.delete(key);
    this.#heard.delete(key);
    this.#heard.set(key, heard);
    const all = this.#heard.size + this.#silent.size;
    if (all > this.#config.max_keys) this.#evict();
    if (before) return [this.#alert(before, 'back', heard.lastTime, heard.last - before.last)];
    if (missed === undefined) return [];
    return [this.#alert({ ...heard, last: missed, lastTime: undefined }, 'back', heard.lastTime, heard.last - missed)];
  }

  // Of what is silent there has been an alert: it goes first.
  #evict(): void {
    const from = this.#silent.size > 0 ? this.#silent : this.#heard;
    const [key, { last }] = from.entries().next().value as Entry;
    from.delete(key);
    this.#expected.forgotten(key, last, from === this.#silent, now());
    this.#ctx.metrics.add('evicted', '', 1);
  }

  #lookAround(): void {
    const time = now();
    const { silent, forget } = this.#config;
    // The clock was set back: what was heard before counts from now on.
    for (const all of [this.#heard, this.#silent])
      for (const [key, heard] of all) if (heard.last > time) all.set(key, { ...heard, last: time });
    for (const [key, heard] of this.#heard) {
      if (time - heard.last < silent) break;
      this.#heard.delete(key);
      this.#silent.set(key, heard);
      this.#leave(this.#alert(heard, 'silent', BigInt(time) * 1_000_000n, time - heard.last));
    }
    for (const [key, { last }] of this.#silent) {
      if (time - last < forget) break;
      this.#silent.delete(key);
      this.#expected.forgotten(key, last, true, time);
      this.#absorb(liveAck);
    }
    const { key: keys, source = keys.keys().next().value ?? 'internal' } = this.#ctx.state;
    for (const [value, since] of this.#expected.late(time)) {
      const about = { values: [value], source, last: since, lastTime: undefined };
      this.#leave(this.#alert(about, 'missing', BigInt(time) * 1_000_000n, time - since));
    }
  }

  // One timer: what was heard of first is silent, or forgotten, first; and what is waited for longest is missed first.
  #schedule(): void {
    if (this.#stopped) return;
    const [heard] = this.#heard.values();
    const [silent] = this.#silent.values();
    const next = Math.min(
      heard ? heard.last + this.#config.silent : Number.POSITIVE_INFINITY,
      silent ? silent.last + this.#config.forget : Number.POSITIVE_INFINITY,
      this.#expected.due,
    );
    if (next >= this.#due) return;
    this.#next?.unsubscribe();
    this.#due = next;
    // A timer cannot wait longer than 2^31 ms.
    const wait = Math.min(Math.max(0, next - now()), 86_400_000);
    this.#next = asyncScheduler.schedule(() => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#lookAround();
      this.#schedule();
    }, wait);
  }

  // It is saved before it leaves, and until it has arrived: after any end it leaves again, with the same id.
  #leave(alert: Alert): void {
    this.#leaving.add(alert);
    this.#absorb(liveAck);
    const ack = ackOf((status) => {
      if (status === 'failed') {
        this.#later(() => this.#leave(alert));
        return;
      }
      this.#leaving.delete(alert);
      this.#absorb(liveAck);
    });
    this.#output.next({ source: 'alert', form: recordForm, events: [alert], ack });
  }

  #later(work: () => void): void {
    if (this.#stopped) return;
    const timer = asyncScheduler.schedule(() => {
      this.#timers.delete(timer);
      work();
    }, AGAIN);
    this.#timers.add(timer);
  }

  #alert({ values, source, last, lastTime }: About, state: keyof typeof WHAT, time: bigint, ms: number): Alert {
    const { rule, priority, tags } = this.#config;
    const key = this.#ctx.state.keyNames.map((name, index) => [name, values[index] ?? null] as const);
    const named = key.map(([name, value]) => `${name}=${String(value)}`).join(' ');
    const seconds = Math.round(ms / 1000);
    const what = `${WHAT[state]} ${seconds} s`;
    return makeAlert(time, {
      rule,
      priority: state === 'back' ? 'Notice' : priority,
      tags,
      hostname: hostName(),
      output: `${rule}: ${what} (${named})`,
      source,
      outputFields: {
        ...Object.fromEntries(key),
        'watch.state': state,
        'watch.last_time': lastTime ?? null,
        'watch.silence': seconds,
      },
      identity: JSON.stringify([this.#ctx.id, state, named, String(lastTime ?? last)]),
    });
  }

  #reader(source: string): (event: EventRecord) => readonly [string, Heard] | undefined {
    let read = this.#readers.get(source);
    if (read) return read;
    const { key, conditions, source: wanted } = this.#ctx.state;
    const condition = conditions ? boundCondition(conditions, recordForm, source) : () => true;
    const test = wanted === undefined || wanted === source ? condition : undefined;
    const keyOf = boundKey(key, recordForm, source);
    const valuesOf = boundKeyValues(key, recordForm, source);
    read = (event) => {
      if (!test?.(event)) return undefined;
      const values = valuesOf(event);
      if (values.includes(undefined)) return undefined;
      return [keyOf(event), { values, source, last: now(), lastTime: event.time }];
    };
    this.#readers.set(source, read);
    return read;
  }
}

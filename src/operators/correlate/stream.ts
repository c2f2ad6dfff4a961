/** `correlate` at work: events become part of its state, and are acknowledged when that is saved; matches become alerts. */

import { Observable, type OperatorFunction } from 'rxjs';
import type { OperatorContext } from '../../core/component.ts';
import { type Ack, ackOf, liveAck, splitAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { alertOf } from './alert.ts';
import type { CorrelateConfig } from './config.ts';
import type { CorrelateState } from './plan.ts';
import { type Found, reader } from './reader.ts';
import { type SavedWindow, type Seen, Window } from './window.ts';

/** Events that made a match, until its alert has arrived: only then are they really used. */
interface Spent {
  readonly key: string;
  readonly values: Found['values'];
  /** All but the one that came last: that one comes again when the alert does not arrive. */
  readonly events: readonly Seen[];
}

interface Saved {
  readonly version: 1;
  readonly window: SavedWindow;
  readonly spent: readonly Spent[];
}

/** Each batch is settled once: as absorbed with the state that has its events, or as what became of its alerts. */
export function correlated(
  config: CorrelateConfig,
  ctx: OperatorContext<CorrelateState>,
): OperatorFunction<Batch, Batch> {
  const correlation = new Correlation(config, ctx);
  return (input) =>
    new Observable((output) =>
      input.subscribe({
        next: (batch) => {
          for (const left of correlation.take(batch)) output.next(left);
        },
        error: (error) => output.error(error),
        complete: () => output.complete(),
      }),
    );
}

class Correlation {
  readonly #config: CorrelateConfig;
  readonly #ctx: OperatorContext<CorrelateState>;
  readonly #window: Window;
  readonly #spent = new Set<Spent>();
  readonly #readers = new Map<string, (event: EventRecord) => Found | undefined>();
  readonly #absorb: (ack: Ack) => void;

  constructor(config: CorrelateConfig, ctx: OperatorContext<CorrelateState>) {
    this.#config = config;
    this.#ctx = ctx;
    this.#window = new Window({
      within: ns(config.within),
      lateness: ns(ctx.state.lateness),
      maxKeys: config.max_keys,
      maxPerKey: config.max_per_key,
      metrics: ctx.metrics,
    });
    const saved = ctx.saved() as Saved | undefined;
    if (saved?.version === 1) {
      this.#window.restore(saved.window);
      for (const { key, values, events } of saved.spent) this.#window.bringBack(key, values, events);
    }
    this.#absorb = ctx.keep((): Saved => ({ version: 1, window: this.#window.save(), spent: [...this.#spent] }));
  }

  /** The alerts of a batch, each with an ack of its own. */
  take({ events, ack, source }: Batch): Batch[] {
    const fates: Record<'absorbed' | 'filtered', number[]> = { absorbed: [], filtered: [] };
    const failed: { place: number; event: EventRecord; error: unknown }[] = [];
    const matches: { place: number; event: EventRecord; spent: Spent }[] = [];
    for (let place = 0; place < events.length; place++) {
      const event = events.at(place) as EventRecord;
      try {
        const outcome = this.#takeOne(source, event);
        if (typeof outcome === 'string') fates[outcome].push(place);
        else matches.push({ place, ...outcome });
      } catch (error) {
        // An event that cannot be judged costs itself alone.
        failed.push({ place, event, error });
      }
    }
    const settled = (['absorbed', 'filtered'] as const).filter((fate) => fates[fate].length > 0);
    const parts = [...[...matches, ...failed].map(({ place }) => [place]), ...settled.map((fate) => fates[fate])];
    const acks = splitAck(ack, events.length, parts);
    for (const [index, { event, error }] of failed.entries()) {
      this.#ctx.lose(event, error, acks[matches.length + index] as Ack);
    }
    for (const [index, fate] of settled.entries()) {
      const own = acks[matches.length + failed.length + index] as Ack;
      if (fate === 'absorbed') this.#absorb(own);
      else own.settle(fate);
    }
    return matches.map(({ event, spent }, index) => ({
      source: 'alert',
      form: recordForm,
      events: [event],
      ack: this.#settling(spent, acks[index] as Ack),
    }));
  }

  #takeOne(source: string, event: EventRecord): 'absorbed' | 'filtered' | { event: EventRecord; spent: Spent } {
    const { pattern } = this.#ctx.state;
    const found = this.#reader(source)(event);
    if (!found) return 'filtered';
    const { key, values, seen } = found;
    const added = this.#window.add(key, values, seen, this.#ctx.now());
    if (!added) return 'filtered';
    const { group, place } = added;
    const places = pattern(group.events, place, ns(this.#config.within));
    if (!places) return 'absorbed';
    this.#ctx.metrics.add('matches', '', 1);
    // An event belongs to one match.
    const last = group.events[place];
    const taken = places.map((each) => group.events[each] as Seen);
    group.events = group.events.filter((each) => !taken.includes(each));
    const spent = { key, values, events: taken.filter((each) => each !== last) };
    this.#spent.add(spent);
    return { event: alertOf(taken, values, this.#config, this.#ctx), spent };
  }

  #settling(spent: Spent, ack: Ack): Ack {
    return ackOf((status, reason) => {
      this.#spent.delete(spent);
      // The state is another now, and has to be saved: with this ack nothing else depends on it.
      this.#absorb(liveAck);
      // The last event comes again, and finds the others.
      if (status === 'failed') this.#window.putBack(spent.key, spent.values, spent.events);
      ack.settle(status, reason);
    }, ack.live);
  }

  #reader(source: string): (event: EventRecord) => Found | undefined {
    let read = this.#readers.get(source);
    if (!read) this.#readers.set(source, (read = reader(this.#ctx.state, source)));
    return read;
  }
}

function ns(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000_000));
}

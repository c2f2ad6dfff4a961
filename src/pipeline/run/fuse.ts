/** Fusing: the synchronous operators below one origin of batches become one loop over the events of a batch. */

import type { EventStep, Step } from '../../core/component.ts';
import type { Event, EventForm, EventList, Held } from '../../core/event.ts';
import { type Ack, LOST, liveAck, partAck, splitAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import type { Parcel } from '../../core/flow/queue.ts';
import { EventRecord, recordForm } from '../../events/record.ts';
import type { Totals } from './totals.ts';
import { weigh } from './weigh.ts';

/** A place where events leave the loop: a sink's queue, or a `stream` operator. */
export interface Port {
  readonly id: string;
  /** Fields to keep of borrowed events, by event source. */
  fields(source: string): readonly string[];
  /** Takes the events of one event source that one batch brought here. */
  deliver(source: string, parcel: Parcel): void;
}

/** Where events go that an operator has failed on. */
export interface LostPort extends Port {
  /** The event will come, and that is why. */
  add(event: Event, error: unknown): void;
}

/** A node of the fused part of the graph. */
export interface FusedNode {
  readonly id: string;
  readonly step: Exclude<Step, { kind: 'stream' }>;
  /** The event source that it emits for one that it gets. */
  emits(source: string): string;
  /** Fields to keep of borrowed events that it changes. */
  fields(source: string): readonly string[];
  readonly next: readonly (FusedNode | Port)[];
  /** Where events wait that it holds. */
  readonly held?: Port;
  /** Where events go that could not be judged here; `failed` is told of those that cannot even be kept. */
  readonly lost?: LostPort;
  /** An event that could not be judged here, and is lost. */
  failed(event: Event, error: unknown): void;
  readonly received: { value: number };
  readonly sent: { value: number };
}

type Push = (event: Event) => void;

/** What events go through, and where they begin to matter there (`EventStep.next`), if that can be told. */
interface Entry {
  readonly push: Push;
  readonly next?: EventStep['next'];
}

/** Each event matters. */
const everyOne = (_: EventList, from: number) => from;

interface Outlet {
  readonly port: Port;
  readonly source: string;
  events: Event[];
  origins: number[];
  bytes: number;
}

/**
 * The loop of one origin. `process` takes a batch through all operators below and hands what is left to the ports; the
 * batch's ack settles when every port has settled its part, and is told what became of each event. Each event of a source
 * counts once in `totals`, with the worst of what became of its copies. Below a `stream` operator nothing is counted again
 * (no `totals`). An operator that throws loses that event alone: its neighbours, and the operators beside it, still work.
 * An event that cannot even be read is lost to all, and `broken` is told.
 */
export class Segment {
  readonly #heads: readonly (FusedNode | Port)[];
  readonly #totals: Totals | undefined;
  readonly #broken: (error: unknown) => void;
  readonly #entries = new Map<EventForm, Map<string, Entry>>();
  readonly #outlets = new Map<Port, Map<string, Outlet>>();
  // The event in hand: whether it has reached a port, its index among those that did, whether anything threw.
  #list: EventList = [];
  #kept = 0;
  #reached = false;
  #threw = false;
  // What an operator has made last, and how many bytes it holds.
  #made: Event | undefined;
  #bytes = 0;

  constructor(heads: readonly (FusedNode | Port)[], totals?: Totals, broken: (error: unknown) => void = () => {}) {
    this.#heads = heads;
    this.#totals = totals;
    this.#broken = broken;
  }

  /** The forms and event sources of the batches so far. */
  get met(): readonly (readonly [EventForm, string])[] {
    return [...this.#entries].flatMap(([form, bySource]) =>
      [...bySource.keys()].map((source) => [form, source] as const),
    );
  }

  /** Binds all operators for batches of that kind, so that the first one need not wait for it. */
  prepare(form: EventForm, source: string): void {
    this.#entry(form, source);
  }

  process(batch: Batch): void {
    const { push, next = everyOne } = this.#entry(batch.form, batch.source);
    const { events } = batch;
    this.#list = events;
    this.#kept = 0;
    // Nobody is told what became of events of most live sources.
    const isTold = batch.ack !== liveAck;
    // The places of those that reached a port; of those that an operator failed on, among all and among the former.
    const places: number[] = [];
    const lost: number[] = [];
    const halfLost: number[] = [];
    for (let index = next(events, 0); index < events.length; index = next(events, index + 1)) {
      this.#reached = false;
      this.#threw = false;
      try {
        const event = events.at(index);
        if (event) push(event);
      } catch (error) {
        this.#threw = true;
        this.#broken(error);
      }
      if (this.#threw && this.#reached) halfLost.push(this.#kept);
      else if (this.#threw) lost.push(index);
      if (this.#reached) {
        this.#kept++;
        if (isTold) places.push(index);
      }
    }
    this.#list = [];
    if (this.#totals) {
      this.#totals.seen += events.length;
      this.#totals.inFlight += this.#kept;
      this.#totals.filtered += events.length - this.#kept - lost.length;
      if (lost.length > 0) this.#totals.drop(LOST.reason, lost.length);
    }
    const same = this.#kept === events.length || this.#kept + lost.length === 0;
    this.#flush(isTold && !same ? partAck(batch.ack, places, lost) : batch.ack, halfLost);
  }

  #flush(parent: Ack, halfLost: number[]): void {
    const full: Outlet[] = [];
    for (const bySource of this.#outlets.values()) {
      for (const outlet of bySource.values()) if (outlet.events.length > 0) full.push(outlet);
    }
    if (full.length === 0) {
      parent.settle('filtered');
      return;
    }
    const parts = full.map(({ origins }) => origins);
    if (halfLost.length > 0) parts.push(halfLost);
    const acks = splitAck(parent, this.#kept, parts, (counts, reasons) => this.#totals?.settled(counts, reasons));
    // What an operator has failed on is lost to it, wherever else the event goes.
    acks[full.length]?.settle(LOST.status, LOST.reason);
    full.forEach((outlet, part) => {
      const { events, bytes } = outlet;
      outlet.events = [];
      outlet.origins = [];
      outlet.bytes = 0;
      outlet.port.deliver(outlet.source, { events, bytes, ack: acks[part] as Parcel['ack'] });
    });
  }

  #entry(form: EventForm, source: string): Entry {
    let bySource = this.#entries.get(form);
    if (!bySource) this.#entries.set(form, (bySource = new Map()));
    let entry = bySource.get(source);
    if (!entry) bySource.set(source, (entry = this.#fanOut(this.#heads, form, source)));
    return entry;
  }

  #fanOut(targets: readonly (FusedNode | Port)[], form: EventForm, source: string): Entry {
    const entries = targets.map((target) =>
      'step' in target ? this.#node(target, form, source) : { push: this.#port(target, form, source) },
    );
    const [only, second] = entries;
    if (!only) return { push: () => {} };
    if (!second) return only;
    const pushes = entries.map(({ push }) => push);
    const push = (event: Event) => {
      for (const each of pushes) each(event);
    };
    return { push };
  }

  #node(node: FusedNode, form: EventForm, source: string): Entry {
    const step = bound(node, form, source);
    const push = this.#push(node, step, form, source);
    const { next } = step;
    if (!next) return { push };
    const { received } = node;
    return {
      push,
      next: (events, from) => {
        let index = from;
        try {
          index = next(events, from);
        } catch {
          // What cannot be looked at is given to it: that says what is wrong.
        }
        // People write it too: whatever it says, the loop goes on from there, and ends.
        index = Math.min(Math.max(index | 0, from), events.length);
        received.value += index - from;
        return index;
      },
    };
  }

  #push(node: FusedNode, step: EventStep, form: EventForm, source: string): Push {
    const { received, sent } = node;
    // A borrowed event stays what it is only through `where`; what `change` and `expand` emit are records.
    const below = this.#fanOut(node.next, step.kind === 'where' ? form : recordForm, node.emits(source)).push;
    const next: Push = (event) => {
      sent.value++;
      below(event);
    };
    const threw = this.#lost(node, form, source);
    switch (step.kind) {
      case 'where': {
        const { test } = step;
        return (event) => {
          received.value++;
          let pass: boolean;
          try {
            pass = atOnce(test(event));
          } catch (error) {
            threw(event, error);
            return;
          }
          if (pass) next(event);
        };
      }
      case 'change': {
        const { map } = step;
        const fields = node.fields(source);
        const wanted = node.fields(node.emits(source));
        return (event) => {
          received.value++;
          let changed: Event;
          try {
            const given = this.#own(event, form, fields);
            changed = atOnce(map(given));
            if (changed !== given) changed = this.#check(changed, recordForm, wanted);
          } catch (error) {
            threw(event, error);
            return;
          }
          next(changed);
        };
      }
      case 'expand': {
        const { each } = step;
        const fields = node.fields(node.emits(source));
        // What it emits waits until it returns, so that an error below is never taken for its own.
        let emitted: Event[] = [];
        let given: Event;
        const hold = node.held && this.#hold(node.held, source);
        const emit = (event: Event) =>
          void emitted.push(this.#check(event, event === given ? form : recordForm, fields));
        return (event) => {
          received.value++;
          given = event;
          try {
            atOnce<unknown>(each(event, emit, hold));
          } catch (error) {
            threw(event, error);
          }
          if (emitted.length === 0) return;
          const events = emitted;
          emitted = [];
          for (const one of events) next(one);
        };
      }
    }
  }

  // A record is its own already, also in a borrowed batch: an operator above has made it.
  #own(event: Event, form: EventForm, fields: readonly string[]): Event {
    if (event instanceof EventRecord) return event;
    const kept = form === recordForm ? undefined : this.#list.keep?.(event, fields);
    return kept ?? toRecord(event, fields);
  }

  // It is looked at here, where the one who made it can be told.
  #check(event: Event, form: EventForm, fields: readonly string[]): Event {
    this.#made = this.#own(event, form, fields);
    this.#bytes = weigh(this.#made);
    return this.#made;
  }

  #port(port: Port, form: EventForm, source: string): Push {
    const outlet = this.#outlet(port, source);
    const fields = port.fields(source);
    return (event) => this.#keep(outlet, this.#own(event, form, fields));
  }

  #hold(port: Port, source: string): (held: Held) => void {
    const outlet = this.#outlet(port, source);
    return (held) => this.#keep(outlet, held);
  }

  // What is done with an event that an operator has thrown on.
  #lost(node: FusedNode, form: EventForm, source: string): (event: Event, error: unknown) => void {
    const failed = (event: Event, error: unknown) => {
      this.#threw = true;
      node.failed(event, error);
    };
    const { lost } = node;
    if (!lost) return failed;
    const outlet = this.#outlet(lost, source);
    const fields = node.fields(source);
    return (event, error) => {
      try {
        const own = this.#own(event, form, fields);
        lost.add(own, error);
        this.#keep(outlet, own);
      } catch {
        failed(event, error); // it cannot be read, or no record can hold it
      }
    };
  }

  #outlet(port: Port, source: string): Outlet {
    let bySource = this.#outlets.get(port);
    if (!bySource) this.#outlets.set(port, (bySource = new Map()));
    let outlet = bySource.get(source);
    if (!outlet) bySource.set(source, (outlet = { port, source, events: [], origins: [], bytes: 0 }));
    return outlet;
  }

  #keep(outlet: Outlet, event: Event): void {
    outlet.bytes += event === this.#made ? this.#bytes : weigh(event);
    this.#reached = true;
    outlet.events.push(event);
    outlet.origins.push(this.#kept);
  }
}

// A promise is neither true nor an event: what is asynchronous belongs into a `stream`.
function atOnce<T>(answer: T): T {
  if (typeof answer !== 'object' || answer === null || !('then' in answer)) return answer;
  Promise.resolve(answer).catch(() => {}); // what it fails with is said already
  throw new TypeError('it returned a promise: use stream(…) for what takes time');
}

function bound({ step }: FusedNode, form: EventForm, source: string): EventStep {
  if (step.kind !== 'bound') return step;
  try {
    return step.bind(form, source);
  } catch (error) {
    // It cannot be had for these events: each of them is lost here, and says why.
    const test = () => {
      throw error;
    };
    return { kind: 'where', test };
  }
}

// Events that people make need not be records.
function toRecord(event: Event, fields: readonly string[]): EventRecord {
  if (typeof (event as Partial<Event> | undefined)?.get !== 'function') {
    throw new TypeError(
      `no event but ${event === null ? 'null' : typeof event} came of it: make one with new EventRecord(…)`,
    );
  }
  const { source, type, time } = event;
  const values = fields.map((field) => [field, event.get(field)] as const).filter(([, value]) => value !== undefined);
  return new EventRecord(source, type, time, Object.fromEntries(values) as EventRecord['fields']);
}

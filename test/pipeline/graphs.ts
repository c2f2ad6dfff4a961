/** Random graphs of operators, the fused loop over them, and a naive interpreter that says what must come of it. */

import fc from 'fast-check';
import { bound, change, type EventStep, expand, type Step, where } from '../../src/core/component.ts';
import type { Event, EventForm, EventList } from '../../src/core/event.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import type { FusedNode, Port } from '../../src/pipeline/run/fuse.ts';

/** What an operator does to an event with the number n, and when it throws. */
export interface Deed {
  readonly kind: 'where' | 'change' | 'expand';
  readonly bound: boolean;
  /** It says which events matter to it. */
  readonly tells: boolean;
  readonly modulus: number;
  readonly rest: number;
  /** Throws when n modulo this is 0, after having emitted what it emits. */
  readonly throwsAt: number;
  readonly renames: boolean;
}

/** Reads from nodes by index; -1 is the origin. */
export interface GraphPlan {
  readonly nodes: readonly { readonly deed: Deed; readonly from: readonly number[] }[];
  readonly ports: readonly (readonly number[])[];
}

const deed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constantFrom('where', 'change', 'expand'),
  bound: fc.boolean(),
  tells: fc.boolean(),
  modulus: fc.integer({ min: 1, max: 4 }),
  rest: fc.integer({ min: 0, max: 2 }),
  throwsAt: fc.integer({ min: 2, max: 9 }),
  renames: fc.boolean(),
});

const above = (count: number) =>
  fc.uniqueArray(fc.integer({ min: -1, max: count - 1 }), { minLength: 1, maxLength: 3 });

export const graphPlan: fc.Arbitrary<GraphPlan> = fc
  .record({ nodes: fc.integer({ min: 0, max: 6 }), ports: fc.integer({ min: 1, max: 3 }) })
  .chain(({ nodes, ports }) =>
    fc.record({
      nodes: fc.tuple(...Array.from({ length: nodes }, (_, index) => fc.record({ deed, from: above(index) }))),
      ports: fc.tuple(...Array.from({ length: ports }, () => above(nodes))),
    }),
  );

const numberOf = (event: Event) => Number(event.get('n'));

function made(event: Event, n: number, source: string): EventRecord {
  return new EventRecord(source, event.type, event.time, { n });
}

/** What becomes of one event in one operator. */
function does({ kind, modulus, rest, throwsAt }: Deed, event: Event, source: string): { out: Event[]; threw: boolean } {
  const n = numberOf(event);
  const threw = n % throwsAt === 0;
  if (kind === 'where') return { threw, out: !threw && n % modulus !== rest ? [event] : [] };
  if (kind === 'change') return { threw, out: threw ? [] : [made(event, n + rest + 1, source)] };
  return { threw, out: Array.from({ length: n % modulus }, (_, index) => made(event, n * 2 + index, source)) };
}

const emitted = ({ kind, renames }: Deed, source: string) => (kind !== 'where' && renames ? 'alert' : source);

function stepOf(deed: Deed): Step {
  const act = (event: Event, source: string) => {
    const { out, threw } = does(deed, event, emitted(deed, source));
    return { out, fail: () => threw && fail(numberOf(event)) };
  };
  const one = (of: (event: Event) => string): EventStep => {
    if (deed.kind === 'where') {
      return where((event) => {
        const { out, fail } = act(event, of(event));
        fail();
        return out.length > 0;
      });
    }
    if (deed.kind === 'change') {
      return change((event) => {
        const { out, fail } = act(event, of(event));
        fail();
        return out[0] as Event;
      });
    }
    return expand((event, emit) => {
      const { out, fail } = act(event, of(event));
      for (const each of out) emit(each);
      fail();
    });
  };
  const next = (events: EventList, from: number) => {
    for (let index = from; index < events.length; index++) {
      const { out, threw } = does(deed, events.at(index) as Event, 'any');
      if (threw || out.length > 0) return index;
    }
    return events.length;
  };
  const telling = (step: EventStep) => (deed.tells ? { ...step, next } : step);
  return deed.bound ? bound((_form, source) => telling(one(() => source))) : telling(one((event) => event.source));
}

function fail(n: number): never {
  throw new Error(`no ${n}`);
}

/** The graph as the fused loop takes it; errors are noted as `node:n`. */
export function buildGraph(plan: GraphPlan, ports: readonly Port[], errors: string[]): (FusedNode | Port)[] {
  const built: FusedNode[] = [];
  const below = (index: number) => [
    ...built.filter((_, node) => plan.nodes[node]?.from.includes(index)),
    ...ports.filter((_, port) => plan.ports[port]?.includes(index)),
  ];
  // Nodes read from earlier ones only, so a node's `next` can be filled when all are there.
  const nexts: (FusedNode | Port)[][] = plan.nodes.map(() => []);
  for (const [index, { deed }] of plan.nodes.entries()) {
    built.push({
      id: String(index),
      step: stepOf(deed) as FusedNode['step'],
      emits: (source) => emitted(deed, source),
      fields: () => ['n'],
      next: nexts[index] as (FusedNode | Port)[],
      failed: (event, error) => errors.push(`${index}:${numberOf(event)}:${(error as Error).message}`),
      received: { value: 0 },
      sent: { value: 0 },
    });
  }
  for (const index of plan.nodes.keys()) nexts[index]?.push(...below(index));
  return below(-1);
}

export interface Interpreted {
  /** For each port, by event source: the numbers that arrive and the index of the event that each came from. */
  readonly arrived: Map<string, { n: number; origin: number }[]>[];
  readonly errors: string[];
  /** For each event: whether any operator threw on it or on what came of it. */
  readonly threw: boolean[];
}

/** One event after the other, depth first: the definition of what a graph does. */
export function interpret(plan: GraphPlan, events: readonly Event[]): Interpreted {
  const arrived = plan.ports.map(() => new Map<string, { n: number; origin: number }[]>());
  const errors: string[] = [];
  const threw: boolean[] = [];
  const visit = (index: number, event: Event, origin: number): void => {
    for (const [node, { deed, from }] of plan.nodes.entries()) {
      if (!from.includes(index)) continue;
      const did = does(deed, event, emitted(deed, event.source));
      if (did.threw) {
        errors.push(`${node}:${numberOf(event)}:no ${numberOf(event)}`);
        threw[origin] = true;
      }
      for (const each of did.out) visit(node, each, origin);
    }
    for (const [port, from] of plan.ports.entries()) {
      if (!from.includes(index)) continue;
      const bySource = arrived[port] as Map<string, { n: number; origin: number }[]>;
      if (!bySource.has(event.source)) bySource.set(event.source, []);
      bySource.get(event.source)?.push({ n: numberOf(event), origin });
    }
  };
  for (const [origin, event] of events.entries()) {
    threw.push(false);
    visit(-1, event, origin);
  }
  return { arrived, errors, threw };
}

/** The form of the borrowed events below. */
export const borrowedForm: EventForm = { name: 'borrowed' };

/** A list that lends one cursor: it may be read until `release`, and only the event it was moved to last. */
export class BorrowedList implements EventList {
  readonly length: number;
  readonly kept: (readonly string[])[] = [];
  readonly #numbers: readonly number[];
  readonly #cursor: Event;
  #at = -1;
  #released = false;

  constructor(source: string, numbers: readonly number[]) {
    this.length = numbers.length;
    this.#numbers = numbers;
    const read = <T>(value: () => T) => this.#read(value);
    this.#cursor = {
      source,
      get type() {
        return read(() => 'open');
      },
      get time() {
        return read(() => 0n);
      },
      get: (field) => read(() => (field === 'n' ? this.#numbers[this.#at] : undefined)),
    };
  }

  at(index: number): Event {
    return this.#read(() => {
      this.#at = index;
      return this.#cursor;
    });
  }

  keep(event: Event, fields: readonly string[]): EventRecord {
    if (event !== this.#cursor) throw new Error('an event of another list was to be kept');
    this.kept.push(fields);
    const values = fields.map((field) => [field, event.get(field)] as const).filter(([, value]) => value !== undefined);
    return new EventRecord(event.source, event.type, event.time, Object.fromEntries(values) as EventRecord['fields']);
  }

  release(): void {
    this.#released = true;
  }

  #read<T>(value: () => T): T {
    if (this.#released) throw new Error('a borrowed event was read after its batch was delivered');
    return value();
  }
}

/** A list of records with the same events, in another form than the borrowed one. */
export function recordsOf(source: string, numbers: readonly number[]): { form: EventForm; events: EventRecord[] } {
  return { form: recordForm, events: numbers.map((n) => new EventRecord(source, 'open', 0n, { n })) };
}

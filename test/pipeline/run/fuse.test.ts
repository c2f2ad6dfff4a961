import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bound, change, expand, type Step, where } from '../../../src/core/component.ts';
import type { Event, EventList } from '../../../src/core/event.ts';
import { ackOf, type Fates, liveAck, type Status } from '../../../src/core/flow/ack.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import type { Parcel } from '../../../src/core/flow/queue.ts';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { type FusedNode, type LostPort, type Port, Segment } from '../../../src/pipeline/run/fuse.ts';
import { Totals } from '../../../src/pipeline/run/totals.ts';
import { eventsOf, numbersOf } from '../../core/shared.ts';
import { BorrowedList, borrowedForm, buildGraph, graphPlan, interpret, recordsOf } from '../graphs.ts';

const ORDER: readonly Status[] = ['filtered', 'absorbed', 'delivered', 'spooled', 'dead_lettered', 'dropped', 'failed'];

const LOST: Status = 'dropped';
const worstOf = (all: readonly Status[]) =>
  all.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'filtered');

interface Arrived {
  readonly port: number;
  readonly source: string;
  readonly parcel: Parcel;
}

const batches = fc.array(
  fc.record({
    source: fc.constantFrom('syscall', 'internal'),
    borrowed: fc.boolean(),
    numbers: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
  }),
  { maxLength: 5 },
);

describe('Segment', () => {
  it('does what an interpreter of one event at a time does, and its books are right at every moment', () => {
    const fates = fc.array(fc.record({ pick: fc.nat(), status: fc.constantFrom(...ORDER) }), {
      minLength: 60,
      maxLength: 60,
    });
    fc.assert(
      fc.property(graphPlan, batches, fates, (plan, batches, fates) => {
        const arrived: Arrived[] = [];
        const ports = plan.ports.map(
          (_, index): Port => ({
            id: `port ${index}`,
            fields: () => ['n', 'absent'],
            deliver: (source, parcel) => {
              balanced();
              arrived.push({ port: index, source, parcel });
            },
          }),
        );
        const errors: string[] = [];
        const totals = new Totals();
        const balanced = () => {
          const {
            seen,
            delivered,
            filtered,
            dropped,
            in_flight,
            spooled = 0,
            dead_lettered = 0,
            reasons,
          } = totals.summary();
          expect(delivered + filtered + dropped + in_flight + spooled + dead_lettered).toBe(seen);
          expect(in_flight).toBeGreaterThanOrEqual(0);
          expect(Object.values(reasons).reduce((sum, count) => sum + count, 0)).toBe(dropped);
        };
        const segment = new Segment(buildGraph(plan, ports, errors), totals, (error) => {
          throw error;
        });
        const books = { seen: 0, delivered: 0, filtered: 0, dropped: 0, spooled: 0, dead_lettered: 0 };
        const open: { each: Arrived; settle: (status: Status) => void }[] = [];
        let fate = 0;
        const settleOne = () => {
          const { pick, status } = fates[fate++ % fates.length] as { pick: number; status: Status };
          const [one] = open.splice(pick % open.length, 1);
          one?.settle(status);
          balanced();
        };
        for (const { source, borrowed, numbers } of batches) {
          const records = recordsOf(source, numbers);
          const list = borrowed ? new BorrowedList(source, numbers) : undefined;
          const settled: [Status, Fates | undefined][] = [];
          const ack = ackOf((status, _reason, fates) => settled.push([status, fates]));
          const before = errors.length;
          const batch: Batch = list
            ? { source, form: borrowedForm, events: list, ack }
            : { source, form: records.form, events: records.events, ack };
          segment.process(batch);
          list?.release();
          balanced();

          const expected = interpret(plan, records.events);
          expect(errors.slice(before)).toEqual(expected.errors);
          const here = arrived.splice(0);
          const statuses: Status[][] = numbers.map(() => []);
          const shown = (all: readonly { port: number; source: string; numbers: unknown[] }[]) =>
            [...all].sort((a, b) => a.port - b.port || (a.source < b.source ? -1 : 1));
          expect(
            shown(here.map(({ port, source, parcel }) => ({ port, source, numbers: numbersOf(parcel.events) }))),
          ).toEqual(
            shown(
              expected.arrived.flatMap((bySource, port) =>
                [...bySource].map(([source, all]) => ({ port, source, numbers: all.map(({ n }) => n) })),
              ),
            ),
          );
          for (const { parcel } of here) {
            // What reaches a port may be kept: it is a record, readable now that the batch is gone.
            expect(parcel.events.every((event) => event instanceof EventRecord)).toBe(true);
            expect(parcel.bytes).toBeGreaterThan(0);
            expect(parcel.ack.live).toBe(false);
          }
          const reached = new Set(
            expected.arrived.flatMap((bySource) => [...bySource.values()].flat()).map(({ origin }) => origin),
          );
          const lost = numbers.filter((_, index) => !reached.has(index) && expected.threw[index]).length;
          let waiting = here.length;
          const count = () => {
            books.seen += numbers.length;
            books.dropped += lost;
            books.filtered += numbers.length - reached.size - lost;
            const became = numbers.map((_, index): Status => {
              if (!reached.has(index)) return expected.threw[index] ? 'dropped' : 'filtered';
              const worst = worstOf([...(statuses[index] as Status[]), ...(expected.threw[index] ? [LOST] : [])]);
              if (worst === 'failed') books.seen--;
              else books[worst === 'absorbed' ? 'filtered' : worst]++;
              return worst;
            });
            expect(settled.map(([status]) => status)).toEqual([worstOf(became)]);
            // Who gives a batch is told of each event at its place: what has failed is given again, and nothing else.
            const fates = settled[0]?.[1];
            expect(
              numbers.map((_, index) => (fates ? (fates.get(index)?.status ?? 'delivered') : worstOf(became))),
            ).toEqual(became);
          };
          if (here.length === 0) count();
          for (const each of here) {
            const settle = (status: Status) => {
              for (const { origin } of expected.arrived[each.port]?.get(each.source) ?? [])
                statuses[origin]?.push(status);
              if (waiting > 1) expect(settled).toEqual([]);
              each.parcel.ack.settle(status);
              if (--waiting === 0) count();
            };
            open.push({ each, settle });
          }
          if (open.length > 3) settleOne();
        }
        while (open.length > 0) settleOne();
        const { reasons: _, on_disk: __, ...summary } = totals.summary();
        expect({ spooled: 0, dead_lettered: 0, ...summary }).toEqual({ ...books, in_flight: 0 });
      }),
    );
  });
});

it('an operator that answers with a promise loses its events, and says why; none passes by mistake', async () => {
  const events = eventsOf(2);
  const late = async () => {
    throw new Error('later');
  };
  const steps = [where(late as never), change(late as never), expand(late as never)];
  for (const step of steps) {
    const { errors, left } = runStep(step, events);
    expect(errors).toEqual(Array(2).fill('it returned a promise: use stream(…) for what takes time'));
    expect(left).toEqual([]);
  }
});

/** Runs one step over events with numbers, borrowed or not; what it did and said. */
function runStep(step: Step, events: Batch['events'], form = recordForm as Batch['form'], lost?: LostPort) {
  const errors: string[] = [];
  const parcels: Parcel[] = [];
  const port: Port = { id: 'port', fields: () => ['n'], deliver: (_source, parcel) => parcels.push(parcel) };
  const node: FusedNode = {
    id: 'step',
    step: step as FusedNode['step'],
    emits: String,
    fields: () => ['n', 'm'],
    next: [port],
    ...(lost ? { lost } : {}),
    failed: (_event, error) => errors.push((error as Error).message),
    received: { value: 0 },
    sent: { value: 0 },
  };
  const totals = new Totals();
  const broken: string[] = [];
  const segment = new Segment([node], totals, (error) => broken.push((error as Error).message));
  segment.process({ source: 'syscall', form, events, ack: liveAck });
  const left = parcels.flatMap((parcel) => parcel.events);
  return { left, numbers: numbersOf(left), errors, broken, node, totals: totals.summary() };
}

describe('an operator that breaks the contract loses the event, is told so, and nothing else happens', () => {
  it('change that returns nothing, or a copy that is no event', () => {
    const step = change((event) => {
      if (event.get('n') === 1) return undefined as unknown as Event;
      return event.get('n') === 2 ? ({ ...event } as Event) : event;
    });
    const { numbers, errors, totals } = runStep(step, eventsOf(4));
    expect(numbers).toEqual([0, 3]);
    expect(errors).toEqual([
      'no event but undefined came of it: make one with new EventRecord(…)',
      'no event but object came of it: make one with new EventRecord(…)',
    ]);
    expect(totals).toMatchObject({ seen: 4, in_flight: 2, dropped: 2, reasons: { operator_error: 2 } });
  });

  it('an asynchronous change', () => {
    const { errors, numbers } = runStep(change((async (event: Event) => event) as never), eventsOf(1));
    expect({ errors: errors.length, numbers }).toEqual({ errors: 1, numbers: [] });
  });

  it('expand that emits something else than events', () => {
    const step = expand((event, emit) => {
      emit(event);
      emit(null as unknown as Event);
    });
    const { numbers, errors, totals } = runStep(step, eventsOf(2));
    expect(numbers).toEqual([0, 1]);
    expect(errors).toHaveLength(2);
    // What has arrived of it is under way; that the rest is lost is said once that has settled.
    expect(totals).toMatchObject({ seen: 2, in_flight: 2, dropped: 0 });
  });

  it.each<[string, unknown, Partial<{ source: string; type: string; time: unknown }>?]>([
    ['the field x is Object: a value is text, a number', { a: 1 }],
    ['the field x is Date', new Date()],
    ['the field x is Function', () => 1],
    ['the field x is Object', ['a', {}]],
    ['an event has a source and a type', 1, { type: '' }],
    ['an event has a source and a type', 1, { source: '' }],
    ['the time of an event is a bigint', 1, { time: 5 }],
  ])('an event that no record can hold: %s', (said, x, { source = 'syscall', type = 'open', time = 5n } = {}) => {
    const make = (event: Event) =>
      event.get('n') === 1 ? new EventRecord(source, type, time as bigint, { x } as EventRecord['fields']) : event;
    for (const step of [change(make), expand((event, emit) => emit(make(event)))]) {
      const { numbers, errors, broken, totals } = runStep(step, eventsOf(3));
      expect([numbers, broken]).toEqual([[0, 2], []]);
      expect(errors).toEqual([expect.stringContaining(said)]);
      expect(totals).toMatchObject({ seen: 3, in_flight: 2, dropped: 1, reasons: { operator_error: 1 } });
    }
    // Where it comes as it is, from a source or a stream, that one is told.
    const given = runStep(
      where(() => true),
      eventsOf(3).map((event) => make(event) as EventRecord),
    );
    expect([given.numbers, given.broken]).toEqual([[0, 2], [expect.stringContaining(said)]]);
  });

  it('bound that cannot bind', () => {
    const step = bound((_form, source) => {
      throw new Error(`nothing for ${source}`);
    });
    const { errors, totals } = runStep(step, eventsOf(2));
    expect(errors).toEqual(['nothing for syscall', 'nothing for syscall']);
    expect(totals).toMatchObject({ seen: 2, dropped: 2 });
  });
});

describe('borrowed events', () => {
  it('become records before `change` sees them, with what it reads and what is wanted below', () => {
    const list = new BorrowedList('syscall', [1, 2]);
    let seen: Event | undefined;
    const step = change((event) => {
      seen = event;
      return event;
    });
    const { left } = runStep(step, list, borrowedForm);
    list.release();
    expect(seen).toBeInstanceOf(EventRecord);
    expect(numbersOf(left)).toEqual([1, 2]);
    expect(list.kept).toEqual([
      ['n', 'm'],
      ['n', 'm'],
    ]);
  });

  it('become records when `expand` emits them as they are', () => {
    const list = new BorrowedList('syscall', [1, 2, 3]);
    const { left } = runStep(
      expand((event, emit) => emit(event)),
      list,
      borrowedForm,
    );
    list.release();
    expect(numbersOf(left)).toEqual([1, 2, 3]);
  });

  it('become records where an operator fails on them, with what it reads and what is wanted below', () => {
    const list = new BorrowedList('syscall', [1, 2, 3]);
    const [taken, errors] = [[] as Parcel[], [] as unknown[]];
    const lost: LostPort = {
      id: 'lost',
      fields: () => [],
      add: (event, error) => errors.push([event.get('n'), error]),
      deliver: (_source, parcel) => taken.push(parcel),
    };
    const step = where((event) => {
      if (event.get('n') === 2) throw 'crafted';
      return event.get('n') === 3;
    });
    const run = runStep(step, list, borrowedForm, lost);
    list.release();
    expect([run.numbers, numbersOf(taken.flatMap(({ events }) => events)), errors]).toEqual([
      [3],
      [2],
      [[2, 'crafted']],
    ]);
    expect(list.kept).toEqual([['n', 'm'], ['n']]);
    expect([run.errors, run.totals]).toEqual([
      [],
      expect.objectContaining({ seen: 3, filtered: 1, in_flight: 2, dropped: 0 }),
    ]);
  });

  it('cost no record where nothing passes', () => {
    const list = new BorrowedList('syscall', [1, 2, 3]);
    const { left, totals } = runStep(
      where(() => false),
      list,
      borrowedForm,
    );
    expect({ left, kept: list.kept }).toEqual({ left: [], kept: [] });
    expect(totals).toMatchObject({ seen: 3, filtered: 3, in_flight: 0 });
  });

  it('that cannot be read cost themselves alone', () => {
    const events = eventsOf(3);
    const list = {
      length: 3,
      at(index: number): Event | undefined {
        if (index === 1) throw new Error('torn record');
        return events[index];
      },
    };
    const { numbers, broken, totals } = runStep(
      where(() => true),
      list,
    );
    expect({ numbers, broken }).toEqual({ numbers: [0, 2], broken: ['torn record'] });
    expect(totals).toMatchObject({ seen: 3, in_flight: 2, dropped: 1, reasons: { operator_error: 1 } });
  });
});

it('events of a class of their own become records at the port, with the fields that are wanted there', () => {
  const document = { n: 5, secret: 'x' };
  const own: Event = {
    source: 'syscall',
    type: 'open',
    time: 7n,
    get: (field) => document[field as 'n'],
  };
  const { left } = runStep(
    where((event) => event.get('secret') === 'x'),
    [own],
    { name: 'document' },
  );
  expect(left).toEqual([new EventRecord('syscall', 'open', 7n, { n: 5 })]);
});

describe('an operator that tells which events matter to it', () => {
  /** Only those whose number is a multiple of three matter. */
  const next = (events: EventList, from: number) => {
    let index = from;
    while (index < events.length && Number(events.at(index)?.get('n')) % 3 !== 0) index++;
    return index;
  };

  it('is not given the others, which count all the same', () => {
    const given: unknown[] = [];
    const step = where((event) => given.push(event.get('n')) > 1);
    const list = new BorrowedList('syscall', [1, 3, 4, 5, 6, 9, 10]);
    const { numbers, node, totals } = runStep({ ...step, next }, list, borrowedForm);
    expect({ given, numbers }).toEqual({ given: [3, 6, 9], numbers: [6, 9] });
    expect([node.received.value, node.sent.value]).toEqual([7, 2]);
    expect(totals).toMatchObject({ seen: 7, filtered: 5, in_flight: 2 });
  });

  it.each([0, -1, Number.NaN, 0.5])('is given each event once when it says %d', (index) => {
    const { numbers, node } = runStep({ ...where(() => true), next: () => index }, eventsOf(3));
    expect({ numbers, received: node.received.value }).toEqual({ numbers: [0, 1, 2], received: 3 });
  });

  it('is given none when it says an index far behind the last', () => {
    const { numbers, node, totals } = runStep({ ...where(() => true), next: () => 1e9 }, eventsOf(3));
    expect({ numbers, received: node.received.value }).toEqual({ numbers: [], received: 3 });
    expect(totals).toMatchObject({ seen: 3, filtered: 3 });
  });

  it('is given an event that it cannot tell of', () => {
    const torn = () => {
      throw new Error('torn record');
    };
    const { numbers, node } = runStep({ ...where(() => true), next: torn }, eventsOf(3));
    expect({ numbers, received: node.received.value }).toEqual({ numbers: [0, 1, 2], received: 3 });
  });
});

it('counts what goes into and out of an operator', () => {
  const { node } = runStep(
    expand((event, emit) => {
      emit(event);
      emit(event);
    }),
    eventsOf(3),
  );
  expect([node.received.value, node.sent.value]).toEqual([3, 6]);
});

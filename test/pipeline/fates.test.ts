/** What is said of an event that goes several ways: in the books, and to the source that must give some again. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { where } from '../../src/core/component.ts';
import { ackOf, type Fates, type Status } from '../../src/core/flow/ack.ts';
import { ManualSink, ManualSource, start } from './harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CORRELATE = 'type: correlate, from: src, key: evt.type, threshold: { count: 100 }, rule: Many';

it.each([
  ['live', []],
  ['replayable', ['src']],
])('what a sink has is delivered, also where an operator has made it part of its state: a %s source', async (_, of) => {
  const [source, sink, alerts] = [new ManualSource(), new ManualSink(), new ManualSink()];
  const { run } = await start(
    `sources: { src: { type: src } }
operators: { busy: { ${CORRELATE} } }
sinks: { log: { type: log, from: src }, alerts: { type: alerts, from: busy } }`,
    { sources: { src: () => source.input }, replayable: of, sinks: { log: sink, alerts } },
  );
  source.emit(3, 0, of.length > 0 ? ackOf(() => {}) : undefined);
  await vi.advanceTimersByTimeAsync(2000);
  expect([sink.got, alerts.got]).toEqual([[0, 1, 2], []]);
  expect(await run.stop(1000)).toEqual({ seen: 3, delivered: 3, filtered: 0, dropped: 0, in_flight: 0, reasons: {} });
});

it('what an operator has failed on is lost, also where a sink has it: nobody else has judged it', async () => {
  const [source, sink, judged] = [new ManualSource(), new ManualSink(), new ManualSink()];
  const picky = () =>
    where((event) => {
      if (event.get('n') === 1) throw new Error('crafted');
      return event.get('n') === 2;
    });
  const { run } = await start(
    `sources: { src: { type: src } }
operators: { op: { type: picky, from: src } }
sinks: { log: { type: log, from: src }, judged: { type: judged, from: op } }`,
    { sources: { src: () => source.input }, operators: { picky }, sinks: { log: sink, judged } },
  );
  source.emit(3);
  await vi.advanceTimersByTimeAsync(0);
  expect([sink.got, judged.got]).toEqual([[0, 1, 2], [2]]);
  const books = { seen: 3, delivered: 2, filtered: 0, dropped: 1, in_flight: 0, reasons: { operator_error: 1 } };
  expect(await run.stop(1000)).toEqual(books);
});

it('a source is told which of its events have failed, at their places in the batch, and of no other', async () => {
  const [source, even, odd] = [new ManualSource(), new ManualSink(), new ManualSink()];
  odd.write = () => Promise.reject(new Error('down'));
  const { run } = await start(
    `sources: { src: { type: src } }
operators:
  kept: { type: kept, from: src }
  odds: { type: odds, from: kept }
  evens: { type: evens, from: kept }
sinks:
  even: { type: even, from: evens }
  odd: { type: odd, from: odds, retry: { give_up_after: 1s } }`,
    {
      sources: { src: () => source.input },
      replayable: ['src'],
      operators: {
        kept: () => where((event) => Number(event.get('n')) > 2),
        odds: () => where((event) => Number(event.get('n')) % 2 === 1),
        evens: () => where((event) => Number(event.get('n')) % 2 === 0),
      },
      sinks: { even, odd },
    },
  );
  const settled: [Status, Fates | undefined][] = [];
  source.emit(
    6,
    0,
    ackOf((status, _reason, fates) => settled.push([status, fates])),
  );
  await vi.advanceTimersByTimeAsync(5000);
  // As long as the run lasts only the sink that has not got them tries again.
  expect(settled).toEqual([]);
  const stopped = run.stop(0);
  await vi.advanceTimersByTimeAsync(1000);
  await stopped;
  expect(settled.map(([status]) => status)).toEqual(['failed']);
  const fates = settled[0]?.[1];
  expect([0, 1, 2, 3, 4, 5].map((place) => fates?.get(place)?.status ?? 'delivered')).toEqual([
    'filtered',
    'filtered',
    'filtered',
    'failed',
    'delivered',
    'failed',
  ]);
  expect(even.got).toEqual([4]);
});

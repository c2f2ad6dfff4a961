/** The books under faults: whatever fails, whenever, no event is unaccounted for. */

import fc from 'fast-check';
import { map, type OperatorFunction } from 'rxjs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { stream, where } from '../../src/core/component.ts';
import type { Event } from '../../src/core/event.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { EventRecord } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { recordedAck, recordedLog } from '../core/shared.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Act =
  | { readonly do: 'live'; readonly count: number }
  | { readonly do: 'replay'; readonly count: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'mood'; readonly sink: 'a' | 'b'; readonly mood: Mood }
  | { readonly do: 'reload'; readonly version: number };
type Mood = 'good' | 'down' | 'hangs' | 'refuses';

const moods: readonly Mood[] = ['good', 'down', 'hangs', 'refuses'];
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: fc.constant('live' as const), count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('replay' as const), count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({
    do: fc.constant('mood' as const),
    sink: fc.constantFrom('a' as const, 'b' as const),
    mood: fc.constantFrom(...moods),
  }),
  fc.record({ do: fc.constant('reload' as const), version: fc.integer({ min: 0, max: 3 }) }),
);

const DELIVERY = 'queue: { events: 20 }, timeout: 1s, retry: { initial: 100ms, max: 200ms, give_up_after: 500ms }';

/** Graphs that differ in operators, sinks and their configuration. */
const versions = [
  `operators: { op: { type: faulty, from: [live, replay] } }
sinks: { a: { type: a, from: op, ${DELIVERY} }, b: { type: b, from: replay, ${DELIVERY} } }`,
  `operators: { op: { type: faulty, from: [live, replay] }, st: { type: passing, from: op } }
sinks: { a: { type: a, from: [st, live], ${DELIVERY} }, b: { type: b, from: op, ${DELIVERY} } }`,
  `sinks: { a: { type: a, from: [live, replay], batch: 3, ${DELIVERY} } }`,
  `operators: { st: { type: passing, from: live } }
sinks: { a: { type: a, from: [st, replay], ${DELIVERY} }, b: { type: b, from: st, batch: 7, ${DELIVERY} } }`,
].map((rest) => `sources: { live: { type: live }, replay: { type: replay_test } }\n${rest}`);

function sinkOf(mood: () => Mood): ManualSink {
  const sink = new ManualSink();
  sink.write = async () => {
    if (mood() === 'hangs') await new Promise(() => {});
    if (mood() === 'down') throw new Error('down');
    if (mood() === 'refuses') throw Object.assign(new Error('no'), { permanent: true });
  };
  return sink;
}

it('seen = delivered + filtered + dropped + in flight, after every act, through reloads, and at the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { minLength: 1, maxLength: 40 }), async (acts) => {
      const mood: Record<string, Mood> = { a: 'good', b: 'good' };
      const [live, replay] = [new ManualSource(), new ManualSource()];
      const faulty = () =>
        where((event) => {
          const n = Number(event.get('n'));
          if (n % 5 === 0) throw new Error('crafted');
          return n % 3 !== 0;
        });
      const registry = registryOf({
        sources: { live: () => live.input, replay_test: () => replay.input },
        replayable: ['replay_test'],
        operators: { faulty, passing: () => stream((batches) => batches) },
        sinks: { a: sinkOf(() => mood.a as Mood), b: sinkOf(() => mood.b as Mood) },
      });
      const plan = (version: number) =>
        planPipeline(PipelineDocument.parse('test.yaml', versions[version] as string), registry);
      const run = await Run.start(plan(0), { log: recordedLog().log, resolve: String });
      let emitted = 0;
      const replayed: ReturnType<typeof recordedAck>[] = [];
      const balanced = () => {
        const { seen, delivered, filtered, dropped, in_flight } = run.totals.summary();
        expect(delivered + filtered + dropped + in_flight).toBe(seen);
        expect(in_flight).toBeGreaterThanOrEqual(0);
        // A failed event is the source's again; a manual one does not give it once more.
        expect(seen).toBeLessThanOrEqual(emitted);
      };
      for (const act of acts) {
        if (act.do === 'live') {
          emitted += act.count;
          live.emit(act.count);
        } else if (act.do === 'replay') {
          const ack = recordedAck();
          emitted += act.count;
          replayed.push(ack);
          replay.emit(act.count, 0, ack);
        } else if (act.do === 'wait') await vi.advanceTimersByTimeAsync(act.ms);
        else if (act.do === 'mood') mood[act.sink] = act.mood;
        else await run.reload(plan(act.version));
        balanced();
      }
      const stop = run.stop(1000);
      await vi.runAllTimersAsync();
      const summary = await stop;
      balanced();
      expect(summary.in_flight).toBe(0);
      // Each batch of a replayable source was answered exactly once.
      expect(replayed.map(({ settled }) => settled.length)).toEqual(replayed.map(() => 1));
    }),
    { numRuns: process.env.FALCO_PIPE_LONG ? 2000 : 60 },
  );
});

/** What streams that people write do with a batch and its ack. */
const streams: Record<string, OperatorFunction<Batch, Batch>> = {
  passing: (batches) => batches,
  reversing: map((batch) => ({ ...batch, events: listOf(batch).reverse() })),
  renewing: map((batch) => ({
    ...batch,
    events: listOf(batch).map(({ source, type, time, fields }) => new EventRecord(source, type, time, { ...fields })),
  })),
  choosing: map((batch) => ({ ...batch, events: listOf(batch).filter((event) => Number(event.get('n')) % 2 === 0) })),
};

function listOf({ events }: Batch): EventRecord[] {
  return Array.from({ length: events.length }, (_, index) => events.at(index) as EventRecord);
}

it('also below streams each event counts for what became of itself, not of its batch', async () => {
  const row = fc.array(fc.constantFrom(...Object.keys(streams)), { maxLength: 3 });
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(row, sizes, fc.integer({ min: 1, max: 5 }), async (row, sizes, batch) => {
      const source = new ManualSource();
      const sink = new ManualSink();
      sink.write = async (events: readonly Event[]) => {
        const refused = events.filter((event) => Number(event.get('n')) % 7 === 0);
        if (refused.length > 0) throw new WriteError('no sevens', { refused, again: [] });
      };
      const faulty = () =>
        where((event) => {
          if (Number(event.get('n')) % 5 === 0) throw new Error('crafted');
          return Number(event.get('n')) % 3 !== 0;
        });
      const operators = Object.fromEntries(
        Object.entries(streams).map(([name, through]) => [name, () => stream(through)]),
      );
      const registry = registryOf({
        sources: { src: () => source.input },
        operators: { ...operators, faulty },
        sinks: { sevens: sink },
      });
      const ids = row.map(
        (type, index) => `  s${index}: { type: ${type}, from: ${index === 0 ? 'src' : `s${index - 1}`} }\n`,
      );
      const last = row.length === 0 ? 'src' : `s${row.length - 1}`;
      const yaml = `sources: { src: { type: src } }
operators:
${ids.join('')}  op: { type: faulty, from: ${last} }
sinks: { out: { type: sevens, from: op, batch: ${batch} } }`;
      const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
      const run = await Run.start(plan, { log: recordedLog().log, resolve: String });
      let n = 1;
      for (const size of sizes) {
        source.emit(size, n);
        n += size;
        await vi.advanceTimersByTimeAsync(0);
      }
      const books = { seen: n - 1, delivered: 0, filtered: 0, operator_error: 0, refused: 0 };
      for (let each = 1; each < n; each++) {
        if (row.includes('choosing') && each % 2 !== 0) books.filtered++;
        else if (each % 5 === 0) books.operator_error++;
        else if (each % 3 === 0) books.filtered++;
        else if (each % 7 === 0) books.refused++;
        else books.delivered++;
      }
      const stop = run.stop(1000);
      await vi.runAllTimersAsync();
      const { seen, delivered, filtered, in_flight, reasons } = await stop;
      expect(in_flight).toBe(0);
      expect({ seen, delivered, filtered, operator_error: 0, refused: 0, ...reasons }).toEqual(books);
      // Each drop is in the metric of the component that made it, under the same name.
      const dropped = [...run.metrics.values()].flatMap((counters) => Object.entries(counters.byLabel('dropped')));
      expect(Object.fromEntries(dropped)).toEqual(reasons);
    }),
    { numRuns: process.env.FALCO_PIPE_LONG ? 2000 : 100 },
  );
});

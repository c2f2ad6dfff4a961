/** What sources give in the moment in which they are opened: it is for the graph that they are opened for. */

import { concat, NEVER, Observable, of } from 'rxjs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineSink, stream, where } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { eventsOf, recordedLog } from '../core/shared.ts';
import { ManualSink, ManualSource } from './harness.ts';
import { flush, range, running, stopped } from './reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const batch = (count: number, from: number): Batch => ({
  source: 'syscall',
  form: recordForm,
  events: eventsOf(count, from),
  ack: liveAck,
});

/** A source that gives three events before it can be asked for anything. */
const eager = () => concat(of(batch(3, 100)), NEVER);

const stages = {
  passing: () => stream((batches) => batches),
  even: () => where((event) => Number(event.get('n')) % 2 === 0),
};

it('at the start: everything arrives, through operators of every kind, and is in the books', async () => {
  const sinks = { raw: new ManualSink(), streamed: new ManualSink(), even: new ManualSink() };
  const { run } = await running(
    `sources: { eager: { type: eager } }
operators: { st: { type: passing, from: eager }, ev: { type: even, from: st } }
sinks: { raw: { type: raw, from: eager }, streamed: { type: streamed, from: st }, even: { type: even, from: ev } }`,
    { sources: { eager }, operators: stages, sinks },
  );
  await flush();
  expect([sinks.raw.got, sinks.streamed.got, sinks.even.got]).toEqual([range(3, 100), range(3, 100), [100, 102]]);
  expect(await stopped(run)).toMatchObject({ seen: 3, delivered: 3, filtered: 0, dropped: 0 });
});

it('in a reload: what is new below an operator that stays gets it too', async () => {
  const live = new ManualSource();
  const sinks = { before: new ManualSink(), after: new ManualSink() };
  const { run, reload } = await running(
    `sources: { live: { type: live } }
operators: { st: { type: passing, from: live } }
sinks: { before: { type: before, from: st } }`,
    { sources: { live: () => live.input, eager }, operators: stages, sinks },
  );
  await reload(`sources: { live: { type: live }, eager: { type: eager } }
operators: { st: { type: passing, from: [live, eager] }, ev: { type: even, from: st } }
sinks: { before: { type: before, from: st }, after: { type: after, from: ev } }`);
  live.emit(2);
  await flush();
  expect(sinks.before.got).toEqual([...range(3, 100), 0, 1]);
  expect(sinks.after.got).toEqual([100, 102, 0]);
  await stopped(run);
});

it('in a reload: the last events of what is replaced go where its others went, and none gets lost', async () => {
  const input = new ManualSource();
  const sinks = { before: new ManualSink(), after: new ManualSink() };
  const parting = (ctx: { signal: AbortSignal }) =>
    new Observable<Batch>((subscriber) => {
      // Still subscribed: as the kernel's ring is emptied at the end.
      ctx.signal.addEventListener('abort', () => subscriber.next(batch(1, 7)));
      subscriber.add(input.input.subscribe(subscriber));
      subscriber.next(batch(1, 1));
    });
  const yaml = (source: string, sink: string) => `sources: { src: { type: ${source} } }
operators: { st: { type: passing, from: src } }
sinks: { ${sink}: { type: ${sink}, from: st } }`;
  const { run, reload } = await running(yaml('parting', 'before'), {
    sources: { parting, eager },
    operators: stages,
    sinks,
  });
  await reload(yaml('eager', 'after'));
  await flush();
  expect([sinks.before.got, sinks.after.got]).toEqual([[1, 7], range(3, 100)]);
  expect(await stopped(run)).toMatchObject({ seen: 5, delivered: 5 });
});

it('in a reload that is refused after it: it was seen, and has arrived where that can be', async () => {
  const live = new ManualSource();
  const sinks = { out: new ManualSink() };
  const never = () =>
    new Observable<Batch>(() => {
      throw new UserError('it cannot be had');
    });
  const { run, reload } = await running(
    'sources: { live: { type: live } }\nsinks: { out: { type: out, from: live } }',
    {
      sources: { live: () => live.input, eager, never },
      sinks,
    },
  );
  const more = 'sources: { live: { type: live }, eager: { type: eager }, never: { type: never } }';
  await expect(reload(`${more}\nsinks: { out: { type: out, from: [live, eager, never] } }`)).rejects.toThrow(
    'cannot be had',
  );
  live.emit(2);
  await flush();
  expect(sinks.out.got).toEqual([...range(3, 100), 0, 1]);
  expect(await stopped(run)).toMatchObject({ seen: 5, delivered: 5 });
});

it('a sink that takes its time is named', async () => {
  const registry = builtIn();
  const open = () => new Promise<never>((_, reject) => setTimeout(() => reject(new Error('in the end')), 20_000));
  registry.add(
    defineSink({ type: 'slow', summary: 'For tests.', config: z.strictObject({}), examples: [], open }),
    'test',
  );
  const yaml = 'sources: { self: { type: internal } }\nsinks: { out: { type: slow, from: self } }';
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const { log, lines } = recordedLog();
  const run = Run.start(plan, { log, resolve: String }).catch(String);
  await vi.advanceTimersByTimeAsync(6000);
  expect(lines).toEqual(['warn: out: still not open; the pipeline waits for it']);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await run).toContain('The sink out cannot be opened: in the end');
});

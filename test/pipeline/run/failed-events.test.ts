/** Events that an operator fails on: dead letters where there is a state folder, and given to it again when they are put back. */

import fc from 'fast-check';
import { filter, Observable, tap } from 'rxjs';
import { expect, it, vi } from 'vitest';
import { change, expand, type OperatorContext, type Step, stream, where } from '../../../src/core/component.ts';
import type { Event } from '../../../src/core/event.ts';
import { ackOf, type Status, splitAck } from '../../../src/core/flow/ack.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { Store } from '../../../src/store/store.ts';
import { eventsOf, recordedAck, recordedLog } from '../../core/shared.ts';
import { scratch } from '../../scratch.ts';
import { ManualSink, ManualSource, registryOf } from '../harness.ts';

const numberOf = (event: Event) => Number(event.get('n'));
const YAML = `sources: { src: { type: src } }
operators: { op: { type: op, from: src } }
sinks: { out: { type: out, from: op, retry: { initial: 1ms, max: 1ms, give_up_after: 5ms } } }`;

/** Runs on one state folder, with an operator that `create` makes. */
async function running(create: (ctx: OperatorContext) => Step, { yaml = YAML, folder = scratch() } = {}) {
  const [source, out] = [new ManualSource(), new ManualSink()];
  const registry = registryOf({ sources: { src: () => source.input }, operators: { op: create }, sinks: { out } });
  const { log, lines } = recordedLog();
  const store = await Store.open(folder, () => {});
  const plan = (text: string) => planPipeline(PipelineDocument.parse('test.yaml', text), registry);
  const run = await Run.start(plan(yaml), { log, resolve: String, store });
  const letters = async () => {
    const found = await store.dead('operator op');
    return Promise.all(
      found.map(async ({ id, reason, message }) => {
        const text = (await store.letter(id)) ?? '';
        return { reason, message, numbers: text.split('\n').map((line) => JSON.parse(line).fields.n) };
      }),
    );
  };
  const retry = async () => run.exhumed(await store.exhume({}));
  const end = async () => {
    const summary = await run.stop(1000);
    await store.close();
    return summary;
  };
  return { source, out, run, lines, plan, folder, store, letters, retry, end };
}

it('are kept with the error and the name of the operator, said, in the books, and given to it again', async () => {
  let isFaulty = true;
  const op = () =>
    where((event) => {
      if (isFaulty && numberOf(event) % 2 === 1)
        throw new Error(`odd: token=${numberOf(event) % 4} ghp_${'a'.repeat(36)}`);
      return true;
    });
  const { source, out, run, lines, letters, retry, folder, end } = await running(op);
  const ack = recordedAck();
  source.emit(6, 0, ack);
  await vi.waitFor(() => expect(ack.settled).toEqual([['dead_lettered', 'operator_error']]), 20_000);
  expect(out.got).toEqual([0, 2, 4]);
  const found = await letters();
  expect(found.map(({ reason, numbers }) => [reason, numbers])).toEqual([
    ['operator_error', [1, 5]],
    ['operator_error', [3]],
  ]);
  expect(found[0]?.message).toMatch(/^odd: /);
  expect(found[0]?.message).not.toContain('aaaa');
  expect(lines[0]).toMatch(/^error: op: op failed on an event of type open: odd: .*; it is a dead letter$/);
  expect(run.totals.summary()).toMatchObject({ seen: 6, delivered: 3, dead_lettered: 3, dropped: 0, in_flight: 0 });
  const status = run.status();
  expect(status.components.find(({ id }) => id === 'op')).toMatchObject({ dead_letters: 3, counters: { errors: 3 } });
  const advice = `'falco-pipe dlq list --state ${folder}' lists them, 'dlq retry' delivers them`;
  expect(status.problems).toEqual([`3 events of the operator op in dead letters: ${advice}`]);
  expect(run.metrics.get('op')?.byLabel('dead_lettered')).toEqual({ operator_error: 3 });
  expect(run.metrics.get('op')?.total('dropped')).toBe(0);

  // As long as it fails on them they are dead letters again.
  await retry();
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ seen: 9, dead_lettered: 6 }), 20_000);
  expect((await letters()).flatMap(({ numbers }) => numbers).sort()).toEqual([1, 3, 5]);
  isFaulty = false;
  await retry();
  await vi.waitFor(() => expect(out.got.toSorted()).toEqual([0, 1, 2, 3, 4, 5]), 20_000);
  await vi.waitFor(() => expect(run.status().problems).toEqual([]), 20_000);
  expect(await letters()).toEqual([]);
  const { on_disk, ...books } = await end();
  expect(books).toMatchObject({ seen: 12, delivered: 6, dead_lettered: 6, in_flight: 0 });
  expect(on_disk ?? 0).toBe(0);
});

it('are a few letters, whatever it throws: the last one has all others', async () => {
  let isFaulty = true;
  const op = () =>
    where((event) => {
      if (isFaulty) throw new Error(`no ${numberOf(event) % 60}`);
      return true;
    });
  const { source, out, run, lines, letters, retry, end } = await running(op);
  source.emit(100);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ seen: 100, dead_lettered: 100 }), 20_000);
  const found = await letters();
  expect(found.map(({ message, numbers }) => [message, numbers.length])).toEqual([
    ['no 0', 2],
    ['no 1', 2],
    ['no 2', 2],
    ['no 3 (the errors of 92 others here differ)', 94],
  ]);
  // As they came.
  const { numbers: others = [] } = found[3] ?? {};
  expect(others).toEqual(others.toSorted((a, b) => a - b));
  expect(lines[0]).toMatch(/^error: op: op failed on an event of type open: no 0; it is a dead letter$/);
  expect(run.metrics.get('op')?.total('errors')).toBe(100);
  isFaulty = false;
  await retry();
  const all = Array.from({ length: 100 }, (_, n) => n);
  await vi.waitFor(() => expect(out.got.toSorted((a, b) => Number(a) - Number(b))).toEqual(all), 20_000);
  await end();
});

it('are seen once more when they are given to it again, and what became of them is in the books, also of a later run', async () => {
  const faulty = await running(() =>
    where((event) => {
      throw new Error(`no ${event.type}`);
    }),
  );
  faulty.source.emit(6);
  await vi.waitFor(() => expect(faulty.run.totals.summary()).toMatchObject({ seen: 6, dead_lettered: 6 }), 20_000);
  await faulty.end();
  const mended = await running(() => where((event) => numberOf(event) < 2), { folder: faulty.folder });
  await mended.retry();
  await vi.waitFor(() => expect(mended.run.totals.filtered).toBe(4), 20_000);
  const { on_disk, ...books } = await mended.end();
  expect(mended.out.got.toSorted()).toEqual([0, 1]);
  expect(books).toEqual({ seen: 6, delivered: 2, filtered: 4, dropped: 0, in_flight: 0, reasons: {} });
  expect(on_disk ?? 0).toBe(0);
});

it('are lost to the operator also where a sink has them on another way', async () => {
  const op = () =>
    change((event) => {
      throw new Error(`no ${event.type}`);
    });
  const yaml = YAML.replace('from: op,', 'from: [op, src],');
  const { source, out, run, letters, end } = await running(op, { yaml });
  source.emit(2);
  await vi.waitFor(async () => expect((await letters()).map(({ numbers }) => numbers)).toEqual([[0, 1]]), 20_000);
  expect(out.got).toEqual([0, 1]);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ seen: 2, dead_lettered: 2, in_flight: 0 }));
  await end();
});

it('of a stream are all that it held when it failed', async () => {
  let isFaulty = true;
  const op = () =>
    stream((batches) =>
      batches.pipe(
        tap(({ events }) => {
          if (isFaulty && numberOf(events.at(0) as Event) === 5) throw new Error('poison');
        }),
      ),
    );
  const { source, out, letters, retry, run, end } = await running(op);
  const ack = recordedAck();
  source.emit(2, 5, ack);
  source.emit(2, 0);
  await vi.waitFor(() => expect(ack.settled).toEqual([['dead_lettered', 'operator_error']]), 20_000);
  expect(await letters()).toEqual([{ reason: 'operator_error', message: 'poison', numbers: [5, 6] }]);
  isFaulty = false;
  await retry();
  await vi.waitFor(() => expect(out.got.toSorted()).toEqual([0, 1, 5, 6]), 20_000);
  expect(run.metrics.get('op')?.total('dropped')).toBe(0);
  expect(await end()).toMatchObject({ seen: 6, delivered: 4, dead_lettered: 2, dropped: 0, in_flight: 0 });
});

it('what a stream has held and lost is told once, whatever it does with the parts afterwards', async () => {
  const parts: ReturnType<typeof splitAck> = [];
  const op = () =>
    stream(
      (batches) =>
        new Observable((output) =>
          batches.subscribe((batch: Batch) => {
            parts.push(...splitAck(batch.ack, 2, [[0], [1]]));
            output.error(new Error('crafted'));
          }),
        ),
    );
  const { source, end } = await running(op);
  const ack = recordedAck();
  source.emit(2, 0, ack);
  for (const part of parts) part.settle('delivered');
  await vi.waitFor(() => expect(ack.settled).toEqual([['dead_lettered', 'operator_error']]), 20_000);
  expect(await end()).toMatchObject({ seen: 2, delivered: 0, dead_lettered: 2 });
});

it('are given again, later, when they fail on their way behind it', async () => {
  let failures = -1;
  const op = () =>
    stream((batches) =>
      batches.pipe(
        filter(({ ack }) => {
          if (failures < 0) throw new Error('crafted');
          const isFailing = failures-- > 0;
          if (isFailing) ack.settle('failed');
          return !isFailing;
        }),
      ),
    );
  const { source, out, letters, retry, end } = await running(op);
  source.emit(2);
  await vi.waitFor(async () => expect(await letters()).toHaveLength(1), 20_000);
  failures = 2;
  await retry();
  await vi.waitFor(() => expect(out.got).toEqual([0, 1]), 20_000);
  expect(await end()).toMatchObject({ seen: 4, delivered: 2, dead_lettered: 2, in_flight: 0 });
});

it('that nobody can write down are dropped, as without a state folder', async () => {
  const op = () =>
    where(() => {
      throw new Error('crafted');
    });
  const { source, letters, end } = await running(op);
  const cyclic: Record<string, unknown> = { n: 1 };
  cyclic.self = cyclic;
  const [good] = eventsOf(1);
  const broken = new EventRecord('syscall', 'open', 0n, cyclic as EventRecord['fields']);
  source.input.next({ source: 'syscall', form: recordForm, events: [broken, good as EventRecord], ack: recordedAck() });
  await vi.waitFor(async () => expect((await letters()).map(({ numbers }) => numbers)).toEqual([[0]]), 20_000);
  expect(await end()).toMatchObject({ seen: 2, dropped: 1, dead_lettered: 1, reasons: { operator_error: 1 } });
});

it('wait for the operator over a stop, also those that are under way to a sink that is down, and for one of its name', async () => {
  let isFaulty = true;
  const op = () =>
    expand((event, emit) => {
      if (isFaulty) throw new Error('crafted');
      emit(event);
    });
  const first = await running(op);
  first.source.emit(3);
  await vi.waitFor(async () => expect(await first.letters()).toHaveLength(1), 20_000);
  isFaulty = false;
  first.out.write = () => Promise.reject(new Error('down'));
  await first.retry();
  await vi.waitFor(() => expect(first.run.metrics.get('out')?.total('errors')).toBeGreaterThan(0), 20_000);
  expect(await first.end()).toMatchObject({ on_disk: 3 });

  // Under another name nobody gets them.
  const { folder } = first;
  const yaml = YAML.replace('{ op: {', '{ other: {').replace('from: op,', 'from: other,');
  const second = await running(op, { folder, yaml });
  const message = '3 events on disk for the operator op, which is not open here: kept until one of that name is';
  expect(second.run.status().problems).toEqual([message]);
  // A reload brings it back.
  await second.run.reload(second.plan(YAML));
  await vi.waitFor(() => expect(second.out.got).toEqual([0, 1, 2]), 20_000);
  await vi.waitFor(() => expect(second.run.status().problems).toEqual([]), 20_000);
  await second.end();
});

it('each event is delivered, filtered or a dead letter, exactly once, and after a retry of all none is missing', async () => {
  const step = fc.constantFrom('where', 'change', 'expand');
  const batch = fc.record({ count: fc.integer({ min: 1, max: 12 }), live: fc.boolean() });
  const seen = { delivered: 0, filtered: 0, dead: 0 };
  await fc.assert(
    fc.asyncProperty(
      step,
      fc.array(batch, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 2, max: 4 }),
      async (kind, batches, every) => {
        let isFaulty = true;
        const judge = (event: Event) => {
          if (isFaulty && numberOf(event) % every === 1) throw new Error(`crafted ${numberOf(event) % 2}`);
          return numberOf(event) % every !== 0;
        };
        const steps: Record<string, () => Step> = {
          where: () => where(judge),
          change: () =>
            change((event) => {
              judge(event);
              return event;
            }),
          expand: () => expand((event, emit) => void (judge(event) && emit(event))),
        };
        const { source, out, run, letters, retry, end } = await running(steps[kind] as () => Step);
        const told: Status[] = [];
        let n = 0;
        for (const { count, live } of batches) {
          const from = n;
          const settled = ackOf((status, _reason, fates) => {
            for (let place = 0; place < count; place++) {
              told[from + place] = fates ? (fates.get(place)?.status ?? 'delivered') : status;
            }
          });
          if (live) source.emit(count, from);
          else source.emit(count, from, settled);
          n += count;
        }
        const fate = (each: number): Status => {
          if (each % every === 1) return 'dead_lettered';
          return each % every === 0 && kind !== 'change' ? 'filtered' : 'delivered';
        };
        const all = Array.from({ length: n }, (_, each) => each);
        const those = (status: Status) => all.filter((each) => fate(each) === status);
        await vi.waitFor(() => expect(run.totals.inFlight).toBe(0), 20_000);
        for (const [each, status] of told.entries()) if (status) expect([each, status]).toEqual([each, fate(each)]);
        const dead = (await letters()).flatMap(({ numbers }) => numbers as number[]);
        expect(dead.toSorted((a, b) => a - b)).toEqual(those('dead_lettered'));
        isFaulty = false;
        await retry();
        const whole = [...those('delivered'), ...those('dead_lettered')];
        await vi.waitFor(() => expect(out.got).toHaveLength(whole.length), 20_000);
        const { seen: came, delivered, filtered, dead_lettered = 0, dropped } = await end();
        // What it was given again is seen once more.
        const [lost, unwanted] = [those('dead_lettered').length, those('filtered').length];
        expect([came, dropped]).toEqual([n + lost, 0]);
        expect([delivered, filtered, dead_lettered]).toEqual([whole.length, unwanted, lost]);
        expect(out.got.toSorted((a, b) => Number(a) - Number(b))).toEqual(whole.toSorted((a, b) => a - b));
        seen.delivered += delivered;
        seen.filtered += filtered;
        seen.dead += dead_lettered;
      },
    ),
    { numRuns: process.env.FALCO_PIPE_LONG ? 300 : 15 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(5);
});

/** A state file that cannot be written: what runs goes on, that is said, and nothing is claimed that is not on disk. */

import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Observable } from 'rxjs';
import { expect, it, vi } from 'vitest';
import { books } from '../../src/cli/books.ts';
import { stateLog } from '../../src/cli/run/state-log.ts';
import { type SourceContext, where } from '../../src/core/component.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/event.ts';
import { ackOf } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Redelivery } from '../../src/core/flow/redelivery.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const YAML = `sources: { past: { type: past }, live: { type: live } }
sinks:
  out: { type: out, from: [past, live] }
  spills: { type: down, from: live, batch: 1, queue: { events: 2, when_full: spill }, retry: { initial: 1ms, max: 1ms } }`;

/** Has `test` done with a folder that is a small disk, and a way to fill it. */
async function onSmallDisk(
  skip: (condition: boolean, note: string) => void,
  test: (folder: string, fill: () => void) => Promise<void>,
) {
  const folder = scratch();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  skip(status !== 0, 'a small disk cannot be mounted here');
  const fill = () => expect(() => writeFileSync(join(folder, 'ballast'), Buffer.alloc(1024 ** 2))).toThrow(/ENOSPC/);
  try {
    await test(folder, fill);
  } finally {
    execFileSync('umount', ['--lazy', folder]);
  }
}

it('what could not be written down until the end is lost, or left to its source: so the books say', async ({
  skip,
}) => {
  await onSmallDisk(skip, async (folder, fill) => {
    const { log, lines } = recordedLog();
    const store = await Store.open(folder, stateLog(log, folder).failed);
    const [live, past] = [new ManualSource(), new ManualSource()];
    const [spills, op] = [new ManualSink(), () => where(crafted)];
    spills.write = () => Promise.reject(new Error('down'));
    const crafted = (event: Event) => {
      if (Number(event.get('n')) < 10) throw new Error('crafted');
      return true;
    };
    const registry = registryOf({
      sources: { live: () => live.input, past: () => past.input },
      replayable: ['past'],
      operators: { op },
      sinks: { spills },
    });
    const plan = planPipeline(
      PipelineDocument.parse(
        'test.yaml',
        `sources: { past: { type: past }, live: { type: live } }
operators: { op: { type: op, from: [past, live] } }
sinks: { spills: { type: spills, from: op, queue: { when_full: spill }, retry: { initial: 1ms, max: 1ms } } }`,
      ),
      registry,
    );
    const run = await Run.start(plan, { log, resolve: String, store });
    fill();
    const told: unknown[] = [];
    const ack = ackOf((status, reason) => told.push([status, reason]));
    live.emit(3);
    live.emit(4, 10);
    past.emit(2, 0, ack);
    expect(await run.stop(100)).toMatchObject({ seen: 9, in_flight: 9 });
    await store.close();
    const summary = run.summary();
    expect(summary).toMatchObject({ seen: 7, dropped: 7, reasons: { unwritten: 7 }, in_flight: 0 });
    expect(summary.spooled ?? summary.dead_lettered).toBeUndefined();
    expect(books(summary)).toContain('dropped 7 (unwritten 7)');
    expect(told).toEqual([['failed', 'unwritten']]);
    expect(run.metrics.get('spills')?.byLabel('dropped')).toEqual({ unwritten: 4 });
    expect(run.metrics.get('op')?.byLabel('dropped')).toEqual({ unwritten: 3 });
    expect(lines.filter((line) => line.includes('spills lost'))).toEqual([
      expect.stringContaining('spills lost 4 events: unwritten'),
    ]);
    const gone = lines.flatMap(
      (line) => /; (\d+) events? on the way there lost/.exec(line)?.slice(1).map(Number) ?? [],
    );
    expect(gone.reduce((sum, count) => sum + count, 0)).toBe(9);
    expect(gone).not.toContain(0);
  });
});

it('what is written down only at the very end is on disk: so the books say', async () => {
  const folder = scratch();
  const store = await Store.open(folder, () => {});
  const [live, down] = [new ManualSource(), new ManualSink()];
  down.write = () => Promise.reject(new Error('down'));
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { down } });
  const yaml = `sources: { live: { type: live } }
sinks: { down: { type: down, from: live, queue: { when_full: spill }, retry: { initial: 1ms, max: 1ms } } }`;
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
  live.emit(3);
  await run.stop(0);
  await store.close();
  expect(run.summary()).toMatchObject({ seen: 3, spooled: 3, on_disk: 3, dropped: 0, in_flight: 0 });
});

it('events flow on while the disk is full, and all of them are there once it is not', async ({ skip }) => {
  await onSmallDisk(skip, async (folder, fill) => {
    const errors: unknown[] = [];
    let store = await Store.open(folder, (error) => errors.push(error));
    let emit: (count: number, from: number) => void = () => {};
    const past = (ctx: SourceContext) =>
      new Observable<Batch>((subscriber) => {
        const delivery = new Redelivery((batch) => subscriber.next(batch), ctx);
        emit = (count, from) =>
          delivery.emit({ source: 'syscall', form: recordForm, events: eventsOf(count, from) }, from + count);
      });
    const live = new ManualSource();
    const [out, down] = [new ManualSink(), new ManualSink()];
    let isDown = true;
    down.write = async () => {
      if (isDown) throw new Error('down');
    };
    const registry = registryOf({
      sources: { past, live: () => live.input },
      replayable: ['past'],
      sinks: { out, down },
    });
    const plan = planPipeline(PipelineDocument.parse('test.yaml', YAML), registry);
    const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
    fill();
    emit(10, 0);
    for (let n = 0; n < 10; n++) live.emit(10, 1000 + 10 * n);
    await vi.waitFor(() => expect(out.got).toHaveLength(110), 20_000);
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), 10_000);
    const { ready, problems, components, totals } = run.status();
    expect([ready, problems[0]]).toEqual([false, `the state cannot be written to ${folder}: ${messageOf(errors[0])}`]);
    expect(problems[0]).toMatch(/full|disk I\/O/);
    // What is on its way to disk is not called spooled before it is there, nor on disk.
    expect([totals.spooled, totals.on_disk]).toEqual([undefined, undefined]);
    const spills = components.find(({ id }) => id === 'spills');
    expect([spills?.counters.spooled, spills?.queue?.on_disk, spills?.queue?.events]).toEqual([undefined, 0, 100]);
    rmSync(join(folder, 'ballast'));
    await vi.waitFor(() => expect(run.totals.summary().spooled).toBeGreaterThan(0), 10_000);
    isDown = false;
    await vi.waitFor(() => expect(new Set(down.got).size).toBe(100), 10_000);
    const { seen, delivered, filtered, dropped, in_flight, spooled = 0 } = await run.stop(5000);
    expect([seen, dropped, in_flight]).toEqual([110, 0, 0]);
    expect(delivered + filtered + spooled).toBe(110);
    await store.close();
    store = await Store.open(folder, (error) => errors.push(error));
    expect([store.waiting('spills'), store.get('past {}')]).toEqual([0, 10]);
    await store.close();
  });
});

/** A sink that spills, with room for three in memory, and its state in a folder. */
async function spilling(folder: string, write: (events: readonly Event[]) => Promise<void>, keys = 'batch: 4, ') {
  const { log, lines } = recordedLog();
  const { failed, recovered } = stateLog(log, folder);
  const store = await Store.open(folder, failed, recovered);
  const [live, spills] = [new ManualSource(), new ManualSink()];
  spills.write = write;
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { spills } });
  const retry = 'retry: { initial: 1ms, max: 20ms }';
  const yaml = `sources: { live: { type: live } }
sinks: { spills: { type: spills, from: live, ${keys}queue: { events: 3, when_full: spill }, ${retry} } }`;
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const run = await Run.start(plan, { log, resolve: String, store });
  const queue = () => run.status().components.find(({ id }) => id === 'spills')?.queue;
  return { run, store, live, got: spills.got, lines, queue };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

it.for([10, 0])(
  'what cannot be written to a full disk goes to a sink that takes events again, behind the %d that are there',
  async (stored, { skip }) => {
    await onSmallDisk(skip, async (folder, fill) => {
      let isDown = true;
      const { run, store, live, got, lines, queue } = await spilling(folder, async () => {
        if (isDown) throw new Error('down');
      });
      if (stored > 0) live.emit(stored);
      await vi.waitFor(() => expect(queue()?.on_disk).toBe(stored), 10_000);
      fill();
      live.emit(2, stored);
      await vi.waitFor(() => expect(run.status().ready).toBe(false), 10_000);
      for (let n = stored + 2; n < 40; n += 2) live.emit(2, n);
      isDown = false;
      await vi.waitFor(() => expect(got).toEqual(numbers(40)), 10_000);
      // What comes now goes the same way.
      live.emit(2, 40);
      live.emit(2, 42);
      await vi.waitFor(() => expect(got).toEqual(numbers(44)), 10_000);
      expect([queue()?.events, run.status().ready]).toEqual([0, false]);
      // Though nothing is left that is to be written, that it can be is found out.
      rmSync(join(folder, 'ballast'));
      await vi.waitFor(() => expect(run.status().ready).toBe(true), 10_000);
      expect(await run.stop(5000)).toMatchObject({ seen: 44, dropped: 0, in_flight: 0 });
      await store.close();
      expect(lines.filter((line) => line.includes('is written again'))).toHaveLength(1);
      const next = await Store.open(folder, () => {});
      expect(next.waiting('spills')).toBe(0);
      await next.close();
    });
  },
);

it('at the end what cannot be written to a full disk goes to a sink that takes events, once', async ({ skip }) => {
  await onSmallDisk(skip, async (folder, fill) => {
    let isDown = true;
    const { run, store, live, got, lines } = await spilling(folder, async () => {
      if (isDown) throw new Error('down');
    });
    fill();
    for (let n = 0; n < 40; n += 2) live.emit(2, n);
    await vi.waitFor(() => expect(run.status().ready).toBe(false), 10_000);
    const stopped = run.stop(5000);
    setTimeout(() => (isDown = false), 100);
    expect(await stopped).toMatchObject({ seen: 40, delivered: 40, dropped: 0, in_flight: 0 });
    await store.close();
    expect(got.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(40));
    expect(lines.filter((line) => line.includes('lost'))).toEqual([]);
  });
});

it('what the disk has not taken at the end is said with its sum', async ({ skip }) => {
  await onSmallDisk(skip, async (folder, fill) => {
    const { run, store, live, lines } = await spilling(folder, () => Promise.reject(new Error('down')));
    fill();
    for (let n = 0; n < 20; n++) live.emit(2, n);
    await run.stop(100);
    await store.close();
    expect(run.closed()).toMatchObject({ seen: 40, dropped: 40, reasons: { unwritten: 40 } });
    const lost = lines.flatMap(
      (line) => / spills lost (\d+) events?: unwritten/.exec(line)?.slice(1).map(Number) ?? [],
    );
    expect(lost).toEqual([2, 38]);
  });
});

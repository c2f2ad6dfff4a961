/** What waits on disk for a sink that the pipeline no longer has is said, and delivered once it has it again. */

import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { books } from '../../src/cli/books.ts';
import { defineSink } from '../../src/core/component.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const WITH = `sources: { live: { type: live } }
sinks:
  out: { type: out, from: live }
  siem: { type: siem, from: live, batch: 1, queue: { events: 1, when_full: spill }, retry: { initial: 1ms, max: 1ms } }`;
const WITHOUT = WITH.split('\n').slice(0, 3).join('\n');

it('at a reload and at a start, once in the log, and for as long as it is so in the status', async () => {
  const folder = scratch();
  const live = new ManualSource();
  const [out, siem] = [new ManualSink(), new ManualSink()];
  let isDown = true;
  siem.write = async () => {
    if (isDown) throw new Error('down');
  };
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { out, siem } });
  const plan = (yaml: string) => planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const { log, lines } = recordedLog();
  const start = async (yaml: string) => {
    const store = await Store.open(folder, () => {});
    return { store, run: await Run.start(plan(yaml), { log, resolve: String, store }) };
  };
  const said = () => lines.filter((line) => line.includes('on disk for'));
  const pattern = /^(\d+) events on disk for the sink siem, which is not open here: kept until one/;

  const first = await start(WITH);
  for (let n = 0; n < 10; n++) live.emit(1, n);
  await vi.waitFor(() => expect(first.run.totals.summary().spooled).toBeGreaterThan(5), 20_000);
  expect(said()).toEqual([]);
  await first.run.reload(plan(WITHOUT));
  await vi.waitFor(() => expect(first.run.status().problems).toEqual([expect.stringMatching(pattern)]), 20_000);
  expect(first.run.status().ready).toBe(true);
  expect(said()).toHaveLength(1);
  const { spooled, on_disk } = await first.run.stop(0);
  expect(on_disk).toBe(spooled);
  await first.store.close();

  const second = await start(WITHOUT);
  expect(said()).toHaveLength(2);
  const waiting = Number(pattern.exec(second.run.status().problems[0] ?? '')?.[1]);
  expect(waiting).toBeGreaterThan(5);
  expect(books(second.run.totals.summary())).toBe(`seen 0, delivered 0, filtered 0, dropped 0, on disk ${waiting}`);
  isDown = false;
  await second.run.reload(plan(WITH));
  await vi.waitFor(() => expect(siem.got).toHaveLength(waiting), 20_000);
  await vi.waitFor(() => expect(second.run.status().problems).toEqual([]), 20_000);
  expect(said()).toHaveLength(2);
  const end = await second.run.stop(0);
  expect(books(end)).toBe(`seen 0, delivered 0, filtered 0, dropped 0, delivered from disk ${waiting}`);
  expect(end).toMatchObject({ seen: 0, delivered: 0, delivered_from_disk: waiting });
  await second.store.close();
});

it('what was left on disk and has been delivered since is on disk no more', async () => {
  const live = new ManualSource();
  const [out, siem] = [new ManualSink(), new ManualSink()];
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  siem.write = () => gate;
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { out, siem } });
  const store = await Store.open(scratch(), () => {});
  const plan = planPipeline(PipelineDocument.parse('test.yaml', WITH), registry);
  const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
  for (let n = 0; n < 10; n++) live.emit(1, n);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ spooled: 9, on_disk: 9, in_flight: 1 }), 20_000);
  open();
  await vi.waitFor(() => expect(siem.got).toHaveLength(10), 20_000);
  const summary = await run.stop(1000);
  expect(books(summary)).toBe(
    'seen 10, delivered 1, filtered 0, dropped 0, spooled 9, delivered from disk 9, on disk 0',
  );
  await store.close();
});

it('what a sink could not deliver before a reload has taken it away, or before the end', {
  timeout: 60_000,
}, async () => {
  const folder = scratch();
  const live = new ManualSource();
  const [out, siem] = [new ManualSink(), new ManualSink()];
  siem.write = () => Promise.reject(new Error('down'));
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { out, siem } });
  const plan = (...sinks: string[]) => {
    const yaml = `sources: { live: { type: live } }\nsinks: { out: { type: out, from: live }, ${sinks.join(', ')} }`;
    return planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  };
  const [gone, stays] = ['gone', 'stays'].map((id) => `${id}: { type: siem, from: live }`) as [string, string];
  const { log, lines } = recordedLog();
  const start = async () => {
    const store = await Store.open(folder, () => {});
    return { store, run: await Run.start(plan(gone, stays), { log, resolve: String, store }) };
  };
  const first = await start();
  live.emit(3);
  await first.run.reload(plan(stays));
  const left = '3 events on disk for the sink gone, which is not open here: kept until one of that name is';
  await vi.waitFor(() => expect(lines).toContain(`warn: gone: ${left}`), 20_000);
  expect(first.run.status().problems).toEqual(['sink stays: down', left]);
  live.emit(2, 3);
  expect(await first.run.stop(100)).toMatchObject({ seen: 5, delivered: 0, dropped: 0, spooled: 5 });
  await first.store.close();

  siem.write = async () => {};
  const second = await start();
  await vi.waitFor(() => expect(siem.got).toHaveLength(8), 20_000);
  expect([...siem.got].sort()).toEqual([0, 0, 1, 1, 2, 2, 3, 4]);
  expect([out.got, second.run.status().problems]).toEqual([[0, 1, 2, 3, 4], []]);
  await second.run.stop(0);
  await second.store.close();
});

it('none of it goes to a sink of a reload that is refused', async () => {
  const live = new ManualSource();
  const [out, siem, other] = [new ManualSink(), new ManualSink(), new ManualSink()];
  siem.write = () => Promise.reject(new Error('down'));
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { out, siem, other } });
  let opened = 0;
  let refuse!: () => void;
  const refused = new Promise<never>((_, reject) => {
    refuse = () => reject(new Error('no right to write'));
  });
  registry.add(
    defineSink({
      type: 'closed',
      summary: 'For tests.',
      config: z.strictObject({}),
      examples: [],
      open: () => {
        opened++;
        return refused;
      },
    }),
    'test',
  );
  const plan = (yaml: string) => planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const store = await Store.open(scratch(), () => {});
  const run = await Run.start(plan(WITH), { log: recordedLog().log, resolve: String, store });
  for (let n = 0; n < 10; n++) live.emit(1, n);
  await vi.waitFor(() => expect(run.totals.summary().on_disk).toBeGreaterThan(5), 20_000);
  const elsewhere = WITH.replace('type: siem', 'type: other');
  const reload = run.reload(plan(`${elsewhere}\n  more: { type: closed, from: live }`));
  await vi.waitFor(() => expect(opened).toBe(1), 20_000);
  // Time in which what is on disk would be read and written.
  for (let n = 0; n < 5; n++) await store.spooled('siem', 0, 100);
  refuse();
  await expect(reload).rejects.toThrow('no right to write');
  expect(other.got).toEqual([]);
  siem.write = async () => {};
  await run.reload(plan(elsewhere));
  const all = Array.from({ length: 10 }, (_, n) => n);
  await vi.waitFor(() => expect([...siem.got, ...other.got].sort()).toEqual(all), 20_000);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ on_disk: 0 }), 20_000);
  await run.stop(0);
  await store.close();
}, 60_000);

/** Stops, with time enough, while most of 30 events wait on disk for a sink that takes so many more. */
async function stopAmidst(takes: number) {
  const live = new ManualSource();
  const [out, siem] = [new ManualSink(), new ManualSink()];
  let isOpen = false;
  siem.write = async () => {
    if (!isOpen || siem.got.length >= takes) throw new Error('down');
  };
  const registry = registryOf({ sources: { live: () => live.input }, sinks: { out, siem } });
  const store = await Store.open(scratch(), () => {});
  const plan = planPipeline(PipelineDocument.parse('test.yaml', WITH), registry);
  const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
  for (let n = 0; n < 30; n++) live.emit(1, n);
  await vi.waitFor(() => expect(run.totals.summary().on_disk).toBe(30), 20_000);
  isOpen = true;
  await vi.waitFor(() => expect(siem.got.length).toBeGreaterThan(0), { timeout: 20_000, interval: 1 });
  const summary = await run.stop(600_000);
  await store.close();
  return { got: siem.got.length, onDisk: summary.on_disk };
}

it('when it is stopped, a sink gets what waits on disk as long as it takes it', async () => {
  expect(await stopAmidst(30)).toEqual({ got: 30, onDisk: 0 });
  expect(await stopAmidst(20)).toEqual({ got: 20, onDisk: 10 });
}, 60_000);

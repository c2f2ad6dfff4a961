/** A state file that cannot be written: what runs goes on, that is said, and nothing is claimed that is not on disk. */

import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Observable } from 'rxjs';
import { expect, it, vi } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import type { SourceContext } from '../../src/core/component.ts';
import { messageOf } from '../../src/core/errors.ts';
import { Redelivery } from '../../src/core/redelivery.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { Run } from '../../src/pipeline/run.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const YAML = `sources: { past: { type: past }, live: { type: live } }
sinks:
  out: { type: out, from: [past, live] }
  spills: { type: down, from: live, batch: 1, queue: { events: 2, when_full: spill }, retry: { initial: 1ms, max: 1ms } }`;

it('events flow on while the disk is full, and all of them are there once it is not', async ({ skip }) => {
  const folder = scratch();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  skip(status !== 0, 'a small disk cannot be mounted here');
  try {
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
    const ballast = join(folder, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(1024 ** 2))).toThrow(/ENOSPC/);
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
    rmSync(ballast);
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
  } finally {
    execFileSync('umount', [folder]);
  }
});

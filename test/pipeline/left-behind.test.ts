/** What waits on disk for a sink that the pipeline no longer has is said, and delivered once it has it again. */

import { expect, it, vi } from 'vitest';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { Run } from '../../src/pipeline/run.ts';
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
  await first.run.stop(0);
  await first.store.close();

  const second = await start(WITHOUT);
  expect(said()).toHaveLength(2);
  const waiting = Number(pattern.exec(second.run.status().problems[0] ?? '')?.[1]);
  expect(waiting).toBeGreaterThan(5);
  isDown = false;
  await second.run.reload(plan(WITH));
  await vi.waitFor(() => expect(siem.got).toHaveLength(waiting), 20_000);
  await vi.waitFor(() => expect(second.run.status().problems).toEqual([]), 20_000);
  expect(said()).toHaveLength(2);
  await second.run.stop(0);
  await second.store.close();
});

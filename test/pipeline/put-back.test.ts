/** The quiet end of a run: an operator has been given what was put back for it before anything closes. */

import { ignoreElements } from 'rxjs';
import { expect, it, vi } from 'vitest';
import { type OperatorContext, type Step, stream, where } from '../../src/core/component.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, registryOf } from './harness.ts';

const YAML = `sources: { src: { type: src } }
operators: { op: { type: op, from: src } }
sinks: { out: { type: out, from: op, retry: { initial: 1ms, max: 1ms, give_up_after: 5ms } } }`;

/** Starts a run on a state folder, with an operator that `create` makes. */
async function started(folder: string, create: (ctx: OperatorContext) => Step) {
  const [source, out] = [new ManualSource(), new ManualSink()];
  const registry = registryOf({ sources: { src: () => source.input }, operators: { op: create }, sinks: { out } });
  const { log, lines } = recordedLog();
  const store = await Store.open(folder, () => {});
  const plan = planPipeline(PipelineDocument.parse('test.yaml', YAML), registry);
  const run = await Run.start(plan, { log, resolve: String, store });
  const end = async (deadline?: number) => {
    const stopped = await run.stop(deadline);
    await store.close();
    return stopped;
  };
  return { source, out, run, store, lines, end };
}

/** A state folder where so many events, a few in each letter, were put back for the operator that had failed on them. */
async function putBack(events: number): Promise<string> {
  const folder = scratch();
  const op = () =>
    where(() => {
      throw new Error('crafted');
    });
  const { source, run, store, end } = await started(folder, op);
  for (let n = 0; n < events; n += 3) source.emit(3, n);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ dead_lettered: events }), 20_000);
  await store.exhume({});
  await end(1000);
  return folder;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

it('all of it goes on, also where the sources end at once, and more than is given at a time', async () => {
  for (const count of [6, 2400]) {
    const folder = await putBack(count);
    const { out, end, lines } = await started(folder, () => where(() => true));
    const { on_disk } = await end();
    expect(out.got.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(count));
    expect(on_disk ?? 0).toBe(0);
    expect(lines).toEqual([]);
  }
});

it('what the operator holds until its input ends, and what it fails on again, keeps nothing from ending', async () => {
  const folder = await putBack(6);
  const forgetful = await started(folder, () => stream(ignoreElements()));
  expect(await forgetful.end()).toMatchObject({ on_disk: 6 });
  expect(forgetful.lines.at(-1)).toBe(
    'warn: op: 6 events that were put back for op stay on disk: it is given them at the next start',
  );
  const picky = () =>
    where(() => {
      throw new Error('crafted');
    });
  const again = await started(folder, picky);
  expect(await again.end()).toMatchObject({ seen: 6, dead_lettered: 6 });
});

it('with a sink that is down it stays on disk', async () => {
  const folder = await putBack(6);
  const { out, end, lines } = await started(folder, () => where(() => true));
  out.write = () => Promise.reject(new Error('down'));
  expect(await end()).toMatchObject({ on_disk: 6 });
  expect(lines.at(-1)).toMatch(/^warn: op: 6 events that were put back /);
});

it('nobody waits for it where the stop presses, also when that comes later', async () => {
  const folder = await putBack(2400);
  const { out, end, run } = await started(folder, () => where(() => true));
  // More comes when these have settled.
  out.write = () => new Promise(() => {});
  const ended = end();
  await vi.waitFor(() => expect(run.status().components.at(-1)?.queue?.events).toBeGreaterThan(0), 20_000);
  run.hurry(50);
  expect(await ended).toMatchObject({ on_disk: 2400 });
  const pressing = await started(folder, () => where(() => true));
  pressing.out.write = out.write;
  expect(await pressing.end(50)).toMatchObject({ on_disk: 2400 });
});

/** The quiet end of a run whose sources have ended: sinks get what waits for them on disk, as far as they take it. */

import { endWith, ignoreElements } from 'rxjs';
import { expect, it, vi } from 'vitest';
import { stream } from '../../src/core/component.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { ManualSink, ManualSource, type Parts, registryOf } from './harness.ts';

const YAML = `sources: { src: { type: src } }
sinks:
  out:
    type: out
    from: src
    batch: 10
    queue: { events: 10, when_full: spill }
    retry: { initial: 1ms, max: 10ms, give_up_after: 100ms }`;

const DOWN = () => Promise.reject(new Error('down'));

/** Starts a run on a state folder; `end` closes the folder too. */
async function started(folder: string, { out = new ManualSink(), yaml = YAML, ...parts }: Started = {}) {
  const source = new ManualSource();
  const registry = registryOf({ sources: { src: () => source.input }, sinks: { out }, ...parts });
  const { log, lines } = recordedLog();
  const store = await Store.open(folder, () => {});
  const plan = planPipeline(PipelineDocument.parse('test.yaml', yaml), registry);
  const run = await Run.start(plan, { log, resolve: String, store });
  const end = async (deadline?: number) => {
    const summary = await run.stop(deadline);
    await store.close();
    return summary;
  };
  return { source, out, run, store, lines, end };
}

interface Started extends Pick<Parts, 'operators'> {
  readonly out?: ManualSink;
  readonly yaml?: string;
}

/** A state folder in which so many events wait for `out`. */
async function waiting(count: number): Promise<string> {
  const folder = scratch();
  const out = new ManualSink();
  out.write = DOWN;
  const { source, run, end } = await started(folder, { out });
  for (let n = 0; n < count; n += 5) source.emit(5, n);
  await vi.waitFor(() => expect(run.totals.summary()).toMatchObject({ on_disk: count }), 20_000);
  await end(0);
  return folder;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const sorted = ({ got }: ManualSink) => got.toSorted((a, b) => Number(a) - Number(b));

it('what waited on disk is delivered before it ends', async () => {
  const { out, end, lines } = await started(await waiting(500));
  expect(await end()).not.toHaveProperty('on_disk');
  expect([sorted(out), lines]).toEqual([numbers(500), []]);
});

it('also where the sink works again only in the midst of it', async () => {
  const out = new ManualSink();
  let failures = 0;
  out.write = () => (failures++ < 3 ? DOWN() : Promise.resolve());
  const { end, lines } = await started(await waiting(50), { out });
  expect(await end()).not.toHaveProperty('on_disk');
  expect(sorted(out)).toEqual(numbers(50));
  expect(lines).toEqual([
    'warn: out: writing failed: down; what comes waits on disk',
    expect.stringMatching(/^out: writing works again, /),
  ]);
});

it('a sink that has given up, or whose events cannot be read, keeps nothing from ending: they stay there, which is said', async () => {
  const folder = await waiting(50);
  const stay = 'warn: out: 50 events for out stay on disk: it gets them at the next start';
  const out = new ManualSink();
  out.write = DOWN;
  const down = await started(folder, { out });
  expect(await down.end()).toMatchObject({ on_disk: 50 });
  expect(down.lines).toContain(
    'error: out: gave up writing 10 events for now, they stay on disk and are tried again: down',
  );
  expect(down.lines.at(-1)).toBe(stay);
  const spooled = vi.spyOn(Store.prototype, 'spooled').mockRejectedValue(new Error('disk I/O error'));
  const unreadable = await started(folder);
  expect(await unreadable.end()).toMatchObject({ on_disk: 50 });
  expect(unreadable.lines.at(-1)).toBe(stay);
  spooled.mockRestore();
});

it('nobody waits for it where the stop presses, also when that comes later', async () => {
  const folder = await waiting(50);
  const out = new ManualSink();
  out.write = () => new Promise(() => {});
  const pressing = await started(folder, { out });
  expect(await pressing.end(0)).toMatchObject({ on_disk: 50 });
  const later = await started(folder, { out });
  const ended = later.end();
  await vi.waitFor(() => expect(later.run.status().components.at(-1)).toMatchObject({ queue: { on_disk: 50 } }));
  later.run.hurry(20);
  expect(await ended).toMatchObject({ on_disk: 50 });
});

it('what a stream gives at its end is delivered, also as far as it waits on disk for want of room', async () => {
  const last: Batch = { source: 'syscall', form: recordForm, events: eventsOf(200), ack: liveAck };
  const operators = { op: () => stream((batches) => batches.pipe(ignoreElements(), endWith(...parts(last)))) };
  const yaml = YAML.replace('from: src', 'from: op').replace(
    'sinks:',
    'operators: { op: { type: op, from: src } }\nsinks:',
  );
  const { out, end } = await started(scratch(), { operators, yaml });
  const { on_disk } = await end();
  expect([sorted(out), on_disk ?? 0]).toEqual([numbers(200), 0]);
});

/** A batch in several, each of five events. */
function parts({ events, ...rest }: Batch): Batch[] {
  const all = Array.from({ length: events.length }, (_, place) => events.at(place));
  return numbers(all.length / 5).map((part) => ({ ...rest, events: all.slice(part * 5, part * 5 + 5) }) as Batch);
}

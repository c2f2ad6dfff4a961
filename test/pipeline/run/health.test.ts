/** What sources of type `internal` hear of sinks and operators that fail and of a state that cannot be written. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type OperatorContext, where } from '../../../src/core/component.ts';
import type { Event } from '../../../src/core/event.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { Run } from '../../../src/pipeline/run/run.ts';
import { Store } from '../../../src/store/store.ts';
import { recordedLog } from '../../core/shared.ts';
import { scratch } from '../../scratch.ts';
import { ManualSink, ManualSource, registryOf, start } from '../harness.ts';
import { stopped } from '../reloading.ts';

beforeEach(
  () =>
    void vi.useFakeTimers({
      toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout', 'Date', 'performance'],
    }),
);
afterEach(() => void vi.useRealTimers());

/** What is lost meanwhile is told too, as ever. */
const said = (events: readonly Event[]) =>
  events
    .filter((event) => /^(operator|sink|state)_(failing|works)$/.test(String(event.get('internal.reason'))))
    .map((event) =>
      [event.type, ...['component', 'reason', 'message'].map((name) => event.get(`internal.${name}`))].join(' '),
    );

/** A sink that remembers what internal events said. */
function hearing() {
  const sink = new ManualSink();
  const heard: string[] = [];
  sink.write = async (events) => void heard.push(...said(events));
  return { sink, heard };
}

const YAML = `sources: { src: { type: src }, self: { type: internal } }
sinks:
  siem: { type: siem, from: [src, self], retry: { initial: 100ms, max: 100ms } }
  pager: { type: pager, from: self }`;

async function running() {
  const [source, siem, { sink: pager, heard }] = [new ManualSource(), new ManualSink(), hearing()];
  const { run } = await start(YAML, { sources: { src: () => source.input }, sinks: { siem, pager } });
  const unwatch = run.watchHealth();
  const end = async () => {
    unwatch();
    await stopped(run);
  };
  return { source, siem, heard, end };
}

it('a sink that fails, once, and that it works again', async () => {
  const { source, siem, heard, end } = await running();
  const down = async () => {
    throw new Error('no route');
  };
  siem.write = down;
  source.emit(1);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(heard).toEqual(['error siem sink_failing siem takes no events: no route']);
  siem.write = async () => {};
  await vi.advanceTimersByTimeAsync(2000);
  expect(heard.slice(1)).toEqual([
    expect.stringMatching(/^health siem sink_works siem takes events again, after 60\d s$/),
  ]);
  // What fails at once again is told when it still fails a minute later.
  siem.write = down;
  source.emit(1);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(heard).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard.slice(2)).toEqual(['error siem sink_failing siem takes no events: no route']);
  siem.write = async () => {};
  await end();
});

it('an outage that lasts, as soon as it has lasted a second, and none that is over before', async () => {
  const { source, siem, heard, end } = await running();
  await vi.advanceTimersByTimeAsync(450);
  // It is down for so many ms.
  const outage = async (ms: number) => {
    siem.write = async () => {
      throw new Error('no route');
    };
    source.emit(1);
    await vi.advanceTimersByTimeAsync(ms);
    const told = heard.length;
    siem.write = async () => {};
    await vi.advanceTimersByTimeAsync(100);
    return told;
  };
  for (const ms of [800, 850, 10]) expect([ms, await outage(ms)]).toEqual([ms, 0]);
  await vi.advanceTimersByTimeAsync(3000);
  expect(heard).toEqual([]);
  expect(await outage(1001)).toBe(1);
  expect(heard).toEqual([
    'error siem sink_failing siem takes no events: no route',
    'health siem sink_works siem takes events again, after 2 s',
  ]);
  await end();
});

it('an outage also while the clock is set back', async () => {
  const { source, siem, heard, end } = await running();
  siem.write = async () => {
    throw new Error('no route');
  };
  source.emit(1);
  await vi.advanceTimersByTimeAsync(500);
  vi.setSystemTime(Date.now() - 3_600_000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toEqual(['error siem sink_failing siem takes no events: no route']);
  siem.write = async () => {};
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard.slice(1)).toEqual([expect.stringMatching(/^health siem sink_works .* after [23] s$/)]);
  await end();
});

it('a sink that takes everything at a later try only, and gets these events too, does not feed itself', async () => {
  const { source, siem, heard, end } = await running();
  let tries = 0;
  siem.write = async () => {
    if (++tries % 50 !== 0) throw new Error('busy');
  };
  source.emit(1);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(heard.length).toBeGreaterThan(0);
  // Heartbeats go on; without them nothing would be left to write.
  const before = heard.length;
  await vi.advanceTimersByTimeAsync(25_000);
  expect(heard.length - before).toBeLessThanOrEqual(1);
  await end();
});

it('a state that cannot be written', async () => {
  const folder = scratch();
  vi.useRealTimers();
  const store = await Store.open(folder, () => {});
  const { sink: pager, heard } = hearing();
  const source = new ManualSource();
  const registry = registryOf({ sources: { src: () => source.input }, sinks: { siem: new ManualSink(), pager } });
  const plan = planPipeline(PipelineDocument.parse('test.yaml', YAML), registry);
  const run = await Run.start(plan, { log: recordedLog().log, resolve: String, store });
  const unwatch = run.watchHealth();
  const problem = 'the state cannot be written to /state: disk full';
  store.trouble.problem = problem;
  await vi.waitFor(() => expect(heard).toEqual([`error falco-pipe state_failing ${problem}`]), 10_000);
  store.trouble.problem = undefined;
  await vi.waitFor(() => expect(heard).toHaveLength(2), 10_000);
  expect(heard[1]).toMatch(/^health falco-pipe state_works the state is written again, after \d+ s$/);
  unwatch();
  await run.stop(0);
  await store.close();
});

it('an operator that cannot do all of its work, once, whatever else is wrong with it meanwhile', async () => {
  const [source, { sink: pager, heard }] = [new ManualSource(), hearing()];
  let trouble!: (problem?: string) => void;
  const operators = {
    op: (ctx: OperatorContext) => {
      ({ trouble } = ctx);
      return where(() => true);
    },
  };
  const yaml = `sources: { src: { type: src }, self: { type: internal } }
operators: { detect: { type: op, from: src } }
sinks: { pager: { type: pager, from: [self, detect] } }`;
  const { run } = await start(yaml, { sources: { src: () => source.input }, operators, sinks: { pager } });
  const unwatch = run.watchHealth();
  trouble('the list bad stays as it is: it looks like gzip');
  expect(run.status()).toMatchObject({
    ready: true,
    problems: ['operator detect: the list bad stays as it is: it looks like gzip'],
  });
  await vi.advanceTimersByTimeAsync(2000);
  trouble('the list bad stays as it is: it has no items');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(heard).toEqual(['error detect operator_failing detect: the list bad stays as it is: it looks like gzip']);
  trouble();
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard.slice(1)).toEqual([
    expect.stringMatching(/^health detect operator_works detect works as it should again, after 60\d s$/),
  ]);
  expect(run.status().problems).toEqual([]);
  unwatch();
  await stopped(run);
});

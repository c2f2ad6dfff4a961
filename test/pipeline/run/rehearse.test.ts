/** What is done before the first event, so that it need not wait. */

import { expect, it } from 'vitest';
import { bound, type Sink, where } from '../../../src/core/component.ts';
import { rehearse, rehearseSink } from '../../../src/pipeline/run/rehearse.ts';
import { ManualSink, ManualSource, start } from '../harness.ts';

it('a rehearsal ends by itself, also when it is done again, and leaves nothing behind', async () => {
  const before = process.getActiveResourcesInfo();
  await rehearse();
  await rehearse();
  expect(process.getActiveResourcesInfo()).toEqual(before);
});

it('a sink rehearses some times; one that fails at it is written to all the same', async () => {
  let times = 0;
  const sink: Sink = { write: async () => {}, close: async () => {} };
  await rehearseSink(sink);
  await rehearseSink({ ...sink, rehearse: (events) => (times += events.length) });
  expect(times).toBeGreaterThan(10);
  const fails = async () => {
    throw new Error('nobody is there');
  };
  await expect(rehearseSink({ ...sink, rehearse: fails })).resolves.toBeUndefined();
});

it('a run is ready when its operators are, for the kinds of events that there were', async () => {
  const source = new ManualSource();
  const { promise, resolve } = Promise.withResolvers<void>();
  const operators = { op: () => bound(() => ({ ...where(() => true), ready: promise })) };
  const yaml =
    'sources: { src: { type: src } }\noperators: { op: { type: op, from: src } }\nsinks: { out: { type: out, from: op } }';
  const parts = { sources: { src: () => source.input }, operators, sinks: { out: new ManualSink() } };
  const { run } = await start(yaml, parts);
  await run.ready();
  source.emit(1);
  let ready = false;
  const waiting = run.ready().then(() => {
    ready = true;
  });
  await new Promise((done) => setImmediate(done));
  expect(ready).toBe(false);
  resolve();
  await waiting;
  await run.stop(0);
});

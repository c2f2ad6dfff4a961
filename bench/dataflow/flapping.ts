/**
 * An hour of a sink that flaps, in virtual time: it takes events for a while, is down for a while, hangs for a while. What
 * the heap holds must not grow, and the books must balance.
 */

import { mock } from 'node:test';
import { setImmediate as breathe } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { z } from 'zod';
import { defineSink, defineSource, type SourceContext } from '../../src/core/component.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Redelivery } from '../../src/core/flow/redelivery.ts';
import { createLogger } from '../../src/core/log.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { inUse } from '../../test/garbage.ts';

const TICK = 100;
const MINUTE = 60_000;
const EVENTS = 50;

mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
let clock = 0;
/** 25 s well, 25 s down, 40 s without an answer. */
const mood = () => ['well', 'down', 'hangs'][clock % 90_000 < 25_000 ? 0 : clock % 90_000 < 50_000 ? 1 : 2];

const common = { summary: 'For the benchmark.', config: z.strictObject({}), examples: [] };
const registry = builtIn();
const live = new Subject<Batch>();
const again = new Subject<Batch>();
let past: Redelivery | undefined;
let credit: ((count: number) => Promise<void>) | undefined;
const source = { emits: () => ['syscall'] };
registry.add(defineSource({ ...common, ...source, type: 'live', delivery: 'at_most_once', open: () => live }), 'bench');
const open = (_config: object, ctx: SourceContext) => {
  past = new Redelivery((batch) => again.next(batch), ctx);
  credit = (count) => ctx.credit(count);
  return again;
};
registry.add(defineSource({ ...common, ...source, type: 'replayed', delivery: 'at_least_once', open }), 'bench');
const write = async (_events: readonly unknown[], signal: AbortSignal) => {
  if (mood() === 'down') throw new Error('it is down');
  if (mood() !== 'hangs') return;
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
};
registry.add(defineSink({ ...common, type: 'flaps', open: async () => ({ write, close: async () => {} }) }), 'bench');

const yaml = `sources: { live: { type: live }, past: { type: replayed } }
operators: { calm: { type: dedupe, from: [live, past], key: fd.name, within: 10s } }
sinks:
  out: { type: flaps, from: [live, past], queue: { events: 1000 }, timeout: 5s, retry: { max: 2s, give_up_after: 10s } }
  rest: { type: flaps, from: calm, queue: { events: 1000 }, timeout: 5s, retry: { max: 2s, give_up_after: 10s } }
`;
const plan = planPipeline(PipelineDocument.parse('bench.yaml', yaml), registry);
const run = await Run.start(plan, { log: createLogger({ level: 'silent' }), resolve: String });

let made = 0;
const events = () =>
  Array.from({ length: EVENTS }, () => new EventRecord('syscall', 'open', 0n, { 'fd.name': `/data/${made++}` }));
let waiting = false;
async function more(): Promise<void> {
  waiting = true;
  await credit?.(EVENTS);
  waiting = false;
  past?.emit({ source: 'syscall', form: recordForm, events: events() }, made);
}

const heaps: number[] = [];
while (clock < 60 * MINUTE) {
  live.next({ source: 'syscall', form: recordForm, events: events(), ack: liveAck });
  if (!waiting && clock % 500 === 0) void more();
  mock.timers.tick(TICK);
  clock += TICK;
  for (let turn = 0; turn < 3; turn++) await breathe();
  if (clock % (10 * MINUTE) !== 0) continue;
  heaps.push(inUse().heapUsed / 1e6);
}
const { seen, delivered, filtered, dropped, in_flight } = run.totals.summary();
console.log(`heap after 10, 20, … 60 minutes: ${heaps.map((mb) => mb.toFixed(1)).join(', ')} MB`);
console.log(`seen ${seen}, delivered ${delivered}, filtered ${filtered}, dropped ${dropped}, in flight ${in_flight}`);
const balanced = seen === delivered + filtered + dropped + in_flight;
const grown = (heaps.at(-1) ?? 0) / (heaps[0] ?? 1);
console.log(
  `books ${balanced ? 'balance' : 'DO NOT BALANCE'}; the heap at the end is ${grown.toFixed(2)}x of that after ten minutes`,
);
if (!balanced || grown > 1.2) process.exitCode = 1;
mock.timers.reset();
process.exit();

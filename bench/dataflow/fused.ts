/**
 * What an event costs in batches of 256: through eight operators and into three sinks, and of that the share of RxJS, which is
 * what a batch costs between a source and the loop below it. Budget of that share: 20 ns an event.
 */

import { setImmediate as breathe } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { z } from 'zod';
import { defineSink, defineSource } from '../../src/core/component.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Hub } from '../../src/core/flow/hub.ts';
import { Trampoline } from '../../src/core/flow/trampoline.ts';
import { createLogger } from '../../src/core/log.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';

const BATCH = 256;
const ROUNDS = 7;
const log = createLogger({ level: 'silent' });
const common = { summary: 'For the benchmark.', config: z.strictObject({}), examples: [] };
const events = Array.from(
  { length: BATCH },
  (_, n) =>
    new EventRecord('syscall', 'openat', BigInt(n), {
      'proc.name': `p${n % 20}`,
      'proc.cmdline': `p${n % 20} --config /etc/service/${n}.conf`,
      'fd.name': `/etc/service/${n}.conf`,
      'user.name': n % 3 ? 'root' : 'www',
      'evt.hostname': 'node1',
    }),
);
const batch: Batch = { source: 'syscall', form: recordForm, events, ack: liveAck };

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** Eight operators in a row; the first two pass what `pass` says. */
const pipeline = (pass: string) => `sources: { src: { type: given } }
operators:
  a: { type: filter, from: src, condition: proc.name startswith p }
  b: { type: filter, from: a, condition: ${pass} }
  c: { type: map, from: b, set: { cluster.name: eu } }
  d: { type: route, from: c, routes: [{ name: root, condition: user.name = root }], otherwise: rest }
  e: { type: redact, from: d }
  f: { type: throttle, from: e, limit: 1000000000, per: 1h, key: proc.name }
  g: { type: filter, from: f, condition: fd.name startswith /etc }
  h: { type: map, from: g, set: { team.name: sec } }
sinks:
  one: { type: nowhere, from: h }
  two: { type: nowhere, from: h }
  three: { type: nowhere, from: h }
`;

async function through(name: string, pass: string): Promise<void> {
  const input = new Subject<Batch>();
  const registry = builtIn();
  const source = { delivery: 'at_most_once' as const, emits: () => ['syscall'], open: () => input };
  registry.add(defineSource({ ...common, ...source, type: 'given' }), 'bench');
  const sink = { write: async () => {}, close: async () => {} };
  registry.add(defineSink({ ...common, type: 'nowhere', open: async () => sink }), 'bench');
  const plan = planPipeline(PipelineDocument.parse('bench.yaml', pipeline(pass)), registry);
  const run = await Run.start(plan, { log, resolve: String });
  // CPU time, so that what else runs on the machine does not count.
  const round = async (batches: number) => {
    const began = cpuMs();
    for (let n = 0; n < batches; n++) {
      input.next(batch);
      // The queues are emptied in between: what sinks take is part of the price.
      if (n % 16 === 15) await breathe();
    }
    return ((cpuMs() - began) * 1e6) / (batches * BATCH);
  };
  await round(1000);
  const costs: number[] = [];
  for (let n = 0; n < ROUNDS; n++) costs.push(await round(1000));
  const { seen, delivered, dropped } = await run.stop(1000);
  console.log(
    `${name}: ${median(costs).toFixed(0)} ns an event (${delivered} of ${seen} delivered, ${dropped} dropped)`,
  );
}

/** The price of a batch on its way from a source to the loop, beside that of a plain call. */
function share(): void {
  const input = new Subject<Batch>();
  let length = 0;
  const loop = ({ events: list }: Batch) => {
    length += list.length;
  };
  const nothing = () => {};
  const options = { id: 'src', open: () => input, trampoline: new Trampoline(), log };
  const hub = new Hub({ ...options, failed: nothing, fatal: () => false, ended: nothing });
  hub.graph = loop;
  hub.start();
  const timed = (call: (batch: Batch) => void) => {
    const began = cpuMs();
    for (let n = 0; n < 1_000_000; n++) call(batch);
    return (cpuMs() - began) * 1e6;
  };
  const costs: number[] = [];
  for (let n = 0; n < ROUNDS; n++) costs.push((timed((each) => input.next(each)) - timed(loop)) / 1_000_000);
  hub.stop();
  const ns = median(costs);
  console.log(`RxJS: ${ns.toFixed(0)} ns a batch, ${(ns / BATCH).toFixed(2)} ns an event of ${BATCH} (budget 20)`);
  if (length === 0) throw new Error('nothing arrived');
}

await through('eight operators, three sinks, every event passes', 'evt.type = openat');
await through('of which two stop nineteen of twenty', 'proc.name = p7');
share();

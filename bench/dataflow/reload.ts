/**
 * The longest pause of the drain while rules are loaded anew: of a source that ticks without rest, and of the kernel's (as
 * root), whose filters are widened and narrowed. Budget: 50 ms.
 */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { Observable } from 'rxjs';
import { z } from 'zod';
import { defineSink, defineSource } from '../../src/core/component.ts';
import { liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { createLogger } from '../../src/core/log.ts';
import { inSlices } from '../../src/core/steps.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planInSteps } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { scratch } from '../shared/scratch.ts';

const RELOADS = 10;
const root = resolve(import.meta.dirname, '../..');
const official = join(root, '../shared/data/rules/falco_rules.yaml');
const folder = scratch();

/** The kernel counts a thread's CPU time in ticks of so many ms (CONFIG_HZ=250). */
const TICK = 4;

function clocks(): { readonly wall: number; readonly cpu: number } {
  const { user, system } = process.threadCpuUsage();
  return { wall: performance.now(), cpu: (user + system) / 1000 };
}

let longest = 0;
let last = clocks();
let done = false;
/** A turn of the event loop. What else runs on the machine meanwhile is no pause of ours. */
function turned(): void {
  const time = clocks();
  longest = Math.max(longest, Math.min(time.wall - last.wall, time.cpu - last.cpu + TICK));
  last = time;
  if (!done) setImmediate(turned);
}
turned();

const common = { summary: 'For the benchmark.', config: z.strictObject({}), examples: [] };
const ticking = defineSource({
  ...common,
  type: 'ticking',
  delivery: 'at_most_once',
  emits: () => ['syscall'],
  open: () =>
    new Observable<Batch>((subscriber) => {
      let soon: NodeJS.Immediate;
      const fields = { 'proc.name': 'cat', 'fd.name': '/etc/x' };
      const tick = () => {
        const events = Array.from({ length: 64 }, () => new EventRecord('syscall', 'openat', 0n, fields));
        subscriber.next({ source: 'syscall', form: recordForm, events, ack: liveAck });
        soon = setImmediate(tick);
      };
      tick();
      return () => clearImmediate(soon);
    }),
});
const nowhere = defineSink({
  ...common,
  type: 'nowhere',
  open: async () => ({ write: async () => {}, close: async () => {} }),
});

async function measure(name: string, file: string, source = '{ type: ticking }'): Promise<void> {
  const registry = builtIn();
  registry.add(ticking, 'bench');
  registry.add(nowhere, 'bench');
  const rules = join(folder, 'rules.yaml');
  const text = readFileSync(file, 'utf8');
  const yaml = `sources: { src: ${source} }
operators: { detect: { type: rules, from: src, files: ${rules} } }
sinks: { out: { type: nowhere, from: detect } }`;
  const plan = () => inSlices(planInSteps(PipelineDocument.parse('bench.yaml', yaml), registry));
  writeFileSync(rules, text);
  const run = await Run.start(await plan(), { log: createLogger({ level: 'silent' }), resolve: String });
  const rest = () => new Promise((done) => setTimeout(done, 100));
  await rest();
  longest = 0;
  await rest();
  const idle = longest;
  const pauses: number[] = [];
  for (let n = 0; n < RELOADS; n++) {
    writeFileSync(rules, `${text}\n- list: changed\n  items: [v${n}]\n`);
    longest = 0;
    const next = await plan();
    await breathe();
    await run.reload(next);
    await rest();
    pauses.push(longest);
  }
  await run.stop(0);
  pauses.sort((a, b) => a - b);
  const median = pauses[RELOADS / 2] ?? 0;
  console.log(
    `${name}: longest pause without a reload ${idle.toFixed(1)} ms; in ${RELOADS} reloads median ${median.toFixed(1)}, worst ${(pauses.at(-1) ?? 0).toFixed(1)} ms`,
  );
}

const files: [string, string][] = [['rules/host.yaml', join(root, 'rules/host.yaml')]];
if (existsSync(official)) files.push(["Falco's rules", official]);
for (const [name, file] of files) await measure(name, file);
if (process.getuid?.() === 0 && existsSync('/sys/kernel/btf/vmlinux')) {
  const stage = spawn('/bin/sh', ['-c', 'while sleep 0.002; do : < /etc/shadow; : < /etc/passwd; done'], {
    stdio: 'ignore',
  });
  const source = `{ type: ebpf, scope: { descendants_of: ${stage.pid} } }`;
  for (const [name, file] of files) await measure(`${name}, the kernel's events`, file, source);
  stage.kill();
} else console.log("skipped: the kernel's events need root and BTF");
done = true;

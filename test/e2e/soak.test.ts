/**
 * A soak with faults: opens, forks and execs at random, a ring of 64 KiB, an agent that is stopped for seconds. What the
 * workload did is what the kernel programs counted, that is what the program's books say, and memory stays where it was.
 * Twelve seconds; with FALCO_PIPE_LONG=1 a quarter of an hour.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline } from './program.ts';

const SECONDS = process.env.FALCO_PIPE_LONG ? 900 : 12;
/** How long the agent stands still, and how often. */
const STOPPED_MS = process.env.FALCO_PIPE_LONG ? 5000 : 1000;
const STOPPED_EVERY_MS = process.env.FALCO_PIPE_LONG ? 30_000 : 4000;
/** What the agent may hold, and how much more at the end than after the first third. */
const MOST_MB = 200;
const GROWTH = 1.25;

const RULES = `
- rule: Watched
  desc: d
  condition: evt.type in (open, openat) and fd.name startswith FOLDER/watched
  output: "%fd.name"
  priority: INFO
- rule: Begun
  desc: d
  condition: evt.type = execve and evt.res = SUCCESS
  output: "%proc.cmdline"
  priority: INFO
`;

interface Status {
  readonly totals: Record<string, number>;
  readonly components: { readonly id: string; readonly counters: Record<string, number | Record<string, number>> }[];
}

const rssMb = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

async function lines(path: string): Promise<number> {
  let count = 0;
  for await (const _ of createInterface({ input: createReadStream(path) })) count++;
  return count;
}

test.skipIf(cannotTrace)(
  `${SECONDS} s of opens, forks and execs, an agent that stands still${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`,
  async () => {
    const folder = scratch();
    const churn = join(folder, 'churn');
    const files = join(folder, 'files');
    mkdirSync(files);
    execFileSync('gcc', ['-O2', '-static', '-o', churn, join(import.meta.dirname, 'churn.c')]);
    pipeline(folder, RULES.replaceAll('FOLDER', files), 'rules.yaml');
    const workload = spawn(churn, [files, String(Date.now())], { stdio: ['pipe', 'pipe', 'inherit'] });
    let did = '';
    workload.stdout.on('data', (data) => {
      did += data;
    });
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, ring: 64KiB, scope: { descendants_of: ${workload.pid} } } }
operators: { detect: { type: rules, from: node, files: rules.yaml } }
sinks: { out: { type: file, from: detect, path: alerts.jsonl } }
`,
    );
    const program = Program.start(['run', path, '--no-watch']);
    await program.ready();
    const status = async () => {
      const { json, stderr } = await Program.run(['status', path, '-o', 'json']);
      expect(json, stderr).toHaveLength(1);
      return json[0] as unknown as Status;
    };
    const agent = program.child.pid ?? 0;
    const memory: number[] = [];
    workload.stdin.write('go\n');
    const end = Date.now() + SECONDS * 1000;
    while (Date.now() < end) {
      await sleep(STOPPED_EVERY_MS - STOPPED_MS);
      program.child.kill('SIGSTOP');
      await sleep(STOPPED_MS);
      program.child.kill('SIGCONT');
      memory.push(rssMb(agent));
    }
    const ended = once(workload, 'close');
    workload.stdin.end('end\n');
    await ended;
    const [, opens = 0, watched = 0, forks = 0, execs = 0] = (
      /opens (\d+) watched (\d+) forks (\d+) execs (\d+)/.exec(did) ?? []
    ).map(Number);
    // Two looks at the counters later, nothing is under way any more.
    await sleep(2500);
    const { totals, components } = await status();
    expect(await program.stop()).toBe(0);

    const of = (id: string) => components.find((component) => component.id === id)?.counters ?? {};
    const kernel = (fate: string, name: string) => {
      const counted = of('node')[`kernel_${fate}`];
      return (typeof counted === 'object' ? counted[name] : undefined) ?? 0;
    };
    const all = (name: string) =>
      Object.fromEntries(['sent', 'filtered', 'refused', 'dropped'].map((fate) => [fate, kernel(fate, name)]));
    const sum = (counts: object) => Object.values(counts).reduce((total, count) => total + count, 0);
    const [opened, begun] = [all('openat'), all('exec')];
    const peak = Math.max(...memory);
    const third = Math.max(...memory.slice(0, Math.ceil(memory.length / 3)));
    console.info(
      `opens ${opens} (watched ${watched}), forks ${forks}, execs ${execs}; openat ${JSON.stringify(opened)}; exec ${JSON.stringify(begun)}; ` +
        `books ${JSON.stringify(totals)}; RSS ${third.toFixed(0)} MB in the first third, ${peak.toFixed(0)} MB at most, ${memory.at(-1)?.toFixed(0)} MB at the end`,
    );

    // The kernel programs have counted everything that was done, each under one name.
    expect(sum(opened)).toBe(opens);
    expect(opened.filtered).toBe(opens - watched);
    expect(sum(begun)).toBe(execs);
    expect(sum(all('fork'))).toBe(forks);
    // The workload itself has ended too.
    expect(sum(all('exit'))).toBe(forks + 1);
    // The ring was too small for the time that the agent stood still, so losses were among it.
    expect(kernel('refused', 'openat')).toBeGreaterThan(0);
    // What was sent is what came; what came is delivered, filtered, dropped or under way.
    const came = kernel('sent', 'openat') + kernel('sent', 'exec');
    expect(of('node').received).toBe(came);
    const { seen = 0, delivered = 0, filtered = 0, dropped = 0, in_flight = 0 } = totals;
    expect(seen).toBe(delivered + filtered + dropped + in_flight);
    expect(in_flight).toBe(0);
    const lost = ['openat', 'exec', 'fork', 'exit'].map((name) => kernel('refused', name) + kernel('dropped', name));
    expect(seen).toBe(came + sum(lost));
    // And what is delivered is there.
    expect(await lines(join(folder, 'alerts.jsonl'))).toBe(delivered);
    expect(peak).toBeLessThan(MOST_MB);
    // In seconds V8 has not grown to what it keeps.
    if (process.env.FALCO_PIPE_LONG) expect(memory.at(-1)).toBeLessThan(third * GROWTH);
  },
  SECONDS * 1000 + 60_000,
);

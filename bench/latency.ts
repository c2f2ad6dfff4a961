/**
 * From the kernel's timestamp to the alert read from the program's standard output, through the built program: 10 alerts a
 * second, then as fast as a shell can raise them; and what the program holds and uses meanwhile. Budgets: p50 / p99 of
 * 1 / 5 ms, 0.2 ms p50 when sparse; RSS 100 MB; idle 0.5 % of a core. Needs root; watches only a shell of its own.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

if (process.getuid?.() !== 0 || !existsSync('/sys/kernel/btf/vmlinux')) {
  console.log('skipped: it needs root and a kernel with BTF');
  process.exit();
}

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'falco-pipe-latency-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const stage = spawn('/bin/sh', [], { stdio: ['pipe', 'ignore', 'inherit'] });
const pipeline = join(folder, 'pipeline.yaml');
writeFileSync(
  pipeline,
  `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${root}/rules/host.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
);
const program = spawn(join(root, 'bin/falco-pipe'), ['run', pipeline], { stdio: ['ignore', 'pipe', 'pipe'] });
let said = '';
let latencies: number[] = [];
let rest = '';
program.stderr.on('data', (data) => {
  said += data;
});
program.stdout.on('data', (data) => {
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  const lines = (rest + data).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) latencies.push(Number(now - BigInt(/"evt.time":(\d+)/.exec(line)?.[1] ?? now)) / 1e6);
});
while (!said.includes('ready:')) await sleep(20);

const stat = () => readFileSync(`/proc/${program.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
const cpuMs = () => (Number(stat()[11]) + Number(stat()[12])) * 10;
const rssMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1024;
const at = (share: number) => {
  const sorted = latencies.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(2);
};

async function measure(name: string, commands: string, ms: number): Promise<void> {
  latencies = [];
  const cpu = cpuMs();
  stage.stdin.write(`${commands}\n`);
  await sleep(ms);
  const used = (100 * (cpuMs() - cpu)) / ms;
  console.log(
    `${name.padEnd(22)} ${String(latencies.length).padStart(6)} alerts  p50 ${at(0.5)} ms  p99 ${at(0.99)} ms  CPU ${used.toFixed(1)} %  RSS ${rssMb().toFixed(0)} MB`,
  );
}

await sleep(1000);
const idle = cpuMs();
await sleep(10_000);
console.log(
  `idle                   CPU ${((cpuMs() - idle) / 100).toFixed(2)} % of a core, RSS ${rssMb().toFixed(0)} MB`,
);
await measure('10 a second', 'i=0; while [ $i -lt 100 ]; do : < /etc/shadow; sleep 0.1; i=$((i+1)); done', 11_500);
await measure('as fast as a shell can', 'i=0; while [ $i -lt 200000 ]; do : < /etc/shadow; i=$((i+1)); done', 8000);
stage.kill();
program.kill();
await new Promise((done) => program.once('close', done));
console.log(said.trim().split('\n').at(-1));

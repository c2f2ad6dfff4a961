/**
 * Memory while processes come and go: `node bench/kernel/churn.ts [MINUTES]`, 2 by default, as root. Forks and execs as
 * fast as they go, judged by our rules; the resident memory a minute after the start is compared with that at the end.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../shared/scratch.ts';
import { cannotMeasure, facts, Launched, rssMb } from './shared/launched.ts';
import { keepResults } from './shared/results.ts';

if (cannotMeasure) {
  console.log(`skipped: ${cannotMeasure}`);
  process.exit();
}
const minutes = Number(process.argv[2] ?? 2);
const root = join(import.meta.dirname, '../..');
const folder = scratch();

const churn = join(folder, 'churn');
const files = join(folder, 'files');
mkdirSync(files);
execFileSync('gcc', ['-O2', '-static', '-o', churn, join(root, 'test/e2e/churn.c')]);
const workload = spawn(churn, [files, '7', 'fxx'], { stdio: ['pipe', 'pipe', 'inherit'] });
let did = '';
workload.stdout.on('data', (data) => {
  did += data;
});
const path = join(folder, 'pipeline.yaml');
writeFileSync(
  path,
  `sources: { node: { type: ebpf, scope: { descendants_of: ${workload.pid} } } }
operators: { detect: { type: rules, from: node, files: ${root}/rules/host.yaml } }
sinks: { out: { type: file, from: detect, path: alerts.jsonl } }
`,
);
const program = await Launched.start(path);
workload.stdin.write('go\n');
const memory: number[] = [];
const began = Date.now();
while (Date.now() - began < minutes * 60_000) {
  await sleep(10_000);
  memory.push(rssMb(program.pid));
}
workload.stdin.end('end\n');
await new Promise((done) => workload.once('close', done));
const said = await program.stop();
const early = memory[Math.min(5, memory.length >> 1)] ?? Number.NaN;
const late = memory.at(-1) ?? Number.NaN;
console.log(`${facts()}\n${minutes} minutes: ${did.trim()}; ${said}`);
console.log(
  `RSS ${early.toFixed(1)} MB after a minute, ${late.toFixed(1)} MB at the end: ${(late / early).toFixed(3)}x; each 10 s: ${memory.map((mb) => mb.toFixed(0)).join(' ')}`,
);
const rounded = (value: number) => Number(value.toFixed(1));
const [forks = 0, execs = 0] = (/forks (\d+) execs (\d+)/.exec(did)?.slice(1) ?? []).map(Number);
keepResults('churn', { minutes, forks, execs, rss_mb: { early: rounded(early), end: rounded(late) } });

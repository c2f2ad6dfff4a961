/**
 * How long it takes to start: `--version`, and `run` until it is ready, the demo and (as root, with BTF) a pipeline on
 * kernel events, which include the initial scan of all processes; medians, next to `node -e 0`. Each round runs all of
 * them once, so that a busy machine is busy for all. The kernel source is limited to this process.
 */

import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from './shared/scratch.ts';

const ROUNDS = Number(process.argv[2] ?? 11);
const root = join(import.meta.dirname, '..');
const launcher = join(root, 'bin/falco-pipe');
const folder = scratch();

interface Candidate {
  readonly name: string;
  readonly budget?: number;
  /** Milliseconds of one start. */
  measure(): Promise<number>;
}

/** Milliseconds from the start of a process to `text` on its standard error, or else to its end. */
async function timed(command: string, args: readonly string[], text?: string): Promise<number> {
  const began = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', text === undefined ? 'ignore' : 'pipe'] });
  let said = '';
  let took: number | undefined;
  child.stderr?.on('data', (data) => {
    said += data;
    if (took !== undefined || !said.includes(text ?? '')) return;
    took = performance.now() - began;
    child.kill();
  });
  const [code] = await new Promise<[number | null]>((done) => child.once('close', (...end) => done([end[0]])));
  if (took === undefined && (text !== undefined || code !== 0))
    throw new Error(`${command} ${args.join(' ')}: exit ${code}\n${said}`);
  return took ?? performance.now() - began;
}

function livePipeline(): string {
  const path = join(folder, 'live.yaml');
  const source = `{ type: ebpf, scope: { descendants_of: ${process.pid} } }`;
  const rules = `{ type: rules, from: node, files: ${root}/rules/host.yaml }`;
  writeFileSync(
    path,
    `sources: { node: ${source} }\noperators: { detect: ${rules} }\nsinks: { out: { type: stdout, from: detect } }\n`,
  );
  return path;
}

function candidates(): Candidate[] {
  const ready = (path: string) => () => timed(launcher, ['run', path], 'ready: ');
  const all: Candidate[] = [
    { name: 'node -e 0', measure: () => timed(process.execPath, ['-e', '0']) },
    { name: 'falco-pipe --version', budget: 120, measure: () => timed(launcher, ['--version']) },
    { name: 'run demo to ready', budget: 1000, measure: ready(join(root, 'pipelines/demo.yaml')) },
  ];
  if (process.getuid?.() === 0 && existsSync('/sys/kernel/btf/vmlinux')) {
    all.push({ name: 'run ebpf to ready', budget: 1000, measure: ready(livePipeline()) });
  } else console.log('run ebpf to ready: not measured, it needs root and BTF');
  return all;
}

const measured = candidates().map((candidate) => ({ candidate, times: [] as number[] }));
for (let round = 0; round <= ROUNDS; round++) {
  for (const { candidate, times } of measured) {
    const time = await candidate.measure();
    if (round > 0) times.push(time); // the first round fills the caches
  }
}
console.log(
  `${'start'.padEnd(24)}${'median'.padStart(8)}${'lowest'.padStart(8)}${'budget'.padStart(8)}   ms, ${ROUNDS} rounds`,
);
for (const { candidate, times } of measured) {
  times.sort((a, b) => a - b);
  const cells = [times[times.length >> 1], times[0], candidate.budget].map((value) =>
    (value?.toFixed(0) ?? '').padStart(8),
  );
  console.log(`${candidate.name.padEnd(24)}${cells.join('')}`);
}

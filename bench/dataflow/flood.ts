/**
 * A flood of alerts: a shell raises 200,000 as fast as it can, and the standard output is read as fast as it comes. How many
 * arrive, and what was dropped where. Needs root; watches only a shell of its own.
 */

import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../shared/scratch.ts';

if (process.getuid?.() !== 0 || !existsSync('/sys/kernel/btf/vmlinux')) {
  console.log('skipped: it needs root and a kernel with BTF');
  process.exit();
}

const EVENTS = 200_000;
const root = join(import.meta.dirname, '../..');
const folder = scratch();

async function flood(name: string, sinks: string): Promise<void> {
  const stage = spawn('/bin/sh', [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const pipeline = join(folder, 'pipeline.yaml');
  writeFileSync(
    pipeline,
    `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${root}/rules/host.yaml } }
sinks: { ${sinks} }
`,
  );
  const program = spawn(join(root, 'bin/falco-pipe'), ['run', pipeline], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let lines = 0;
  program.stderr.on('data', (data) => {
    said += data;
  });
  program.stdout.on('data', (data: Buffer) => {
    for (const byte of data) if (byte === 10) lines++;
  });
  while (!said.includes('ready:')) await sleep(20);
  await sleep(500);
  const done = new Promise((resolve) => stage.stdout.once('data', resolve));
  const began = performance.now();
  stage.stdin.write(`i=0; while [ $i -lt ${EVENTS} ]; do : < /etc/shadow; i=$((i+1)); done; echo done\n`);
  await done;
  const rate = EVENTS / (performance.now() - began);
  await sleep(1000);
  stage.kill();
  program.kill();
  await new Promise((resolve) => program.once('close', resolve));
  console.log(`${name}: ${lines} alerts of ${EVENTS} events, which came at ${rate.toFixed(0)} thousand a second`);
  console.log(`  ${said.trim().split('\n').at(-1)}`);
}

await flood('to the standard output', 'out: { type: stdout, from: detect, format: json }');
const file = `log: { type: file, from: detect, path: ${folder}/log.jsonl }`;
await flood('to a file as well', `out: { type: stdout, from: detect, format: json }, ${file}`);
const dead = "dead: { type: http, from: detect, url: 'http://127.0.0.1:9' }";
await flood('with a sink that is dead', `out: { type: stdout, from: detect, format: json }, ${dead}`);

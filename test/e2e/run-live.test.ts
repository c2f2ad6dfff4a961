/** `falco-pipe run` with the kernel as its source, and a sink that takes nothing. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { atEnd, scratch } from '../scratch.ts';
import { cannotTrace, launcher, Program, pipeline, Stage } from './program.ts';
import { RULES, records, summaryOf } from './recorded.ts';

describe.skipIf(cannotTrace)(`kernel source${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('a sink whose reader sleeps loses no kernel event for the other sink', async () => {
    const watched = new Stage();
    const folder = scratch();
    execFileSync('mkfifo', [join(folder, 'stuck')]);
    writeFileSync(join(folder, 'rules.yaml'), RULES.replaceAll('/etc/', `${folder}/f`));
    mkdirSync(join(folder, 'files'));
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${watched.pid} } } }
operators: { detect: { type: rules, from: node, files: rules.yaml } }
sinks:
  stuck: { type: stdout, from: detect, queue: { events: 10 } }
  log: { type: file, from: detect, path: log.jsonl }
`,
    );
    // The reader of the pipe exists, and never reads.
    const reader = spawn('sh', ['-c', `exec 3<"${join(folder, 'stuck')}"; exec sleep 60`]);
    atEnd(() => reader.kill());
    const out = openSync(join(folder, 'stuck'), 'w');
    const child = spawn(launcher, ['run', path, '--stop-timeout', '1s'], { stdio: ['ignore', out, 'pipe'] });
    atEnd(() => child.kill('SIGKILL'));
    let stderr = '';
    child.stderr?.on('data', (data) => {
      stderr += data;
    });
    while (!stderr.includes('ready:')) {
      expect(child.exitCode, stderr).toBeNull();
      await new Promise((done) => setTimeout(done, 20));
    }
    await watched.run(`i=0; while [ $i -lt 5000 ]; do : > ${folder}/f$i; i=$((i+1)); done`);
    await watched.close();
    await new Promise((done) => setTimeout(done, 500));
    child.kill('SIGTERM');
    await new Promise((done) => child.once('exit', done));
    reader.kill();
    const names = readFileSync(join(folder, 'log.jsonl'), 'utf8').match(new RegExp(`"fd.name":"${folder}/f\\d+"`, 'g'));
    expect(new Set(names).size).toBe(5000);
    const summary = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(summary.reasons.ring_full ?? 0).toBe(0);
    expect(summary.seen).toBe(summary.delivered + summary.filtered + summary.dropped + summary.in_flight);
  });
});

describe.skipIf(cannotTrace)(`kernel and recorded events${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('merged, with a sink that is dead: it stalls the recording alone; the other sink has every kernel event', async () => {
    const watched = new Stage();
    const folder = scratch();
    writeFileSync(join(folder, 'rules.yaml'), RULES.replaceAll('/etc/', `${folder}/`));
    writeFileSync(
      join(folder, 'past.jsonl'),
      records(30_000, (index) => `${folder}/past${index}`),
    );
    const path = pipeline(
      folder,
      `sources:
  node: { type: ebpf, scope: { descendants_of: ${watched.pid} } }
  past: { type: replay, files: past.jsonl }
operators: { detect: { type: rules, from: [node, past], files: rules.yaml } }
sinks:
  dead: { type: http, from: detect, url: 'http://127.0.0.1:9' }
  out: { type: stdout, from: detect, format: json }
`,
    );
    const run = Program.start(['run', path, '--stop-timeout', '1s'], { env: { XDG_RUNTIME_DIR: folder } });
    await run.ready();
    // The recording stands still with all its credit out.
    await run.until(({ stdout }) => (stdout.match(/"fd.name":"\S+\/past\d+"/g)?.length ?? 0) >= 9_000);
    await watched.run(`i=0; while [ $i -lt 5000 ]; do : > ${folder}/f$i; i=$((i+1)); done`);
    const live = () => new Set(run.stdout.match(new RegExp(`"fd.name":"${folder}/f\\d+"`, 'g')));
    await run.until(() => live().size === 5000);
    await watched.close();
    expect(await run.stop()).toBe(0);
    const past = new Set(run.stdout.match(/"fd.name":"\S+\/past\d+"/g));
    expect(past.size).toBeLessThanOrEqual(10_000);
    const { reasons, seen, delivered, filtered, dropped, in_flight } = summaryOf(run);
    expect([reasons.ring_full, reasons.ring_pressure]).toEqual([undefined, undefined]);
    // What was dropped was so for the dead sink; the recording lost nothing: it is given again at the next start.
    expect(dropped).toBeLessThanOrEqual(5000 + 100);
    expect(seen).toBe(delivered + filtered + dropped + in_flight);
  });
});

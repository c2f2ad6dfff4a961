/** The source `k8s_audit` as a process: killed at any moment it loses nothing that it has said it has. */

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { auditEvents, auditLines, namesOf } from '../sources/k8s-audit/events.ts';
import { Program, pipeline, scratch } from './program.ts';

const KILLS = process.env.FALCO_PIPE_LONG ? 100 : 4;

/** Names of pods in what was written to a file, in order, also twice. */
function written(path: string): string[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return [...text.matchAll(/"ka\.target\.name":"(p\d+)"[^\n]*\n/g)].map(([, name]) => name as string);
}

async function until(test: () => boolean, program: Program): Promise<void> {
  for (let tries = 0; tries < 1500 && !test() && program.code === null; tries++) await sleep(10);
  expect(test(), program.stderr).toBe(true);
}

const sorted = (names: Iterable<string>) => [...new Set(names)].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));

const yaml = (source: string) => `state: state
sources: { cluster: { type: k8s_audit, ${source} } }
sinks: { out: { type: file, from: cluster, path: out.jsonl, format: json, fields: [ka.target.name], batch: 20 } }
`;

it('follows a log that is written and rotated while it is killed over and over', async () => {
  const folder = scratch();
  const path = pipeline(folder, yaml('mode: file, file: audit.log, start: beginning'));
  const log = join(folder, 'audit.log');
  const out = join(folder, 'out.jsonl');
  writeFileSync(log, '');
  let count = 0;
  let rotations = 0;
  const write = (events: number) => {
    appendFileSync(log, auditLines(events, count));
    count += events;
  };
  const rotate = () => {
    renameSync(log, join(folder, `audit-2026-03-02T10-15-01.${String(rotations++).padStart(3, '0')}.log`));
    writeFileSync(log, '');
  };
  for (let kills = 0; kills < KILLS; kills++) {
    const before = written(out).length;
    const program = Program.start(['run', path, '--no-watch']);
    write(300);
    if (kills % 2 === 0) rotate();
    write(300);
    await until(() => written(out).length >= before + 100, program);
    await program.stop('SIGKILL');
    // Also while nobody looks.
    write(50);
    if (kills % 3 === 0) rotate();
  }
  const last = Program.start(['run', path, '--no-watch']);
  await until(() => new Set(written(out)).size === count, last);
  expect(await last.stop()).toBe(0);
  const names = written(out);
  expect(sorted(names)).toEqual(namesOf(count));
  expect(names.length - count).toBeLessThanOrEqual(KILLS * 1000);
  expect(last.stderr).toContain('dropped 0');
  expect(last.stderr).not.toContain('lost');
}, 60_000);

it('keeps what a webhook was told 200 for, and is sent the rest again', async () => {
  const folder = scratch();
  const port = 20_000 + (process.pid % 20_000);
  const path = pipeline(folder, yaml(`listen: '127.0.0.1:${port}'`));
  const out = join(folder, 'out.jsonl');
  let next = 0;
  let stopping = false;
  const sent: number[] = [];
  // As kube-apiserver does: a batch is sent until it is taken.
  const send = async () => {
    while (!stopping) {
      const from = next;
      next += 50;
      const body = JSON.stringify({ kind: 'EventList', items: auditEvents(50, from) });
      for (let taken = false; !taken; ) {
        const headers = { 'content-type': 'application/json' };
        taken = await fetch(`http://127.0.0.1:${port}/k8s-audit`, { method: 'POST', headers, body }).then(
          ({ status }) => status === 200,
          () => false,
        );
        if (!taken) await sleep(20);
      }
      sent.push(from);
    }
  };
  const senders = [send(), send(), send()];
  for (let kills = 0; kills < KILLS; kills++) {
    const before = sent.length;
    const program = Program.start(['run', path, '--no-watch']);
    await until(() => sent.length >= before + 10, program);
    await program.stop('SIGKILL');
    const names = new Set(written(out));
    for (const from of sent) expect(names).toContain(`p${from + 49}`);
  }
  const last = Program.start(['run', path, '--no-watch']);
  stopping = true;
  await Promise.all(senders);
  expect(await last.stop()).toBe(0);
  expect(sorted(written(out))).toEqual(namesOf(next));
}, 60_000);

/** An operator of one's own that fails, and kill -9: each event arrives, or is a dead letter, and arrives once that is put back. */

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { scratch } from '../scratch.ts';
import { Program, pipeline } from './program.ts';

const EVENTS = 2400;
const KILLS = process.env.FALCO_PIPE_LONG ? 60 : 3;

const PICKY = (fault: string) => `import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'picky', summary: 'For tests.', config: z.strictObject({}), examples: [], reads: ['proc.pid'],
  create: () => where((event) => {
    const n = Number(event.get('proc.pid'));
    ${fault}
    return true;
  }),
});
`;

/** The source `idle` keeps it running. */
const YAML = `components: [./picky.ts]
state: state
sources:
  past: { type: replay, files: events.jsonl, rate: ${EVENTS / (KILLS * 0.8)} }
  idle: { type: k8s_audit, listen: "127.0.0.1:0" }
operators: { score: { type: picky, from: [past, idle] } }
sinks: { out: { type: file, from: score, path: out.jsonl, batch: 50 } }
`;

test(`is killed ${KILLS} times while ${EVENTS} events pass it, and while what it failed on passes it again`, async () => {
  const folder = scratch();
  const record = (n: number) => ({ source: 'syscall', time: n, type: 'open', fields: { 'proc.pid': n } });
  const lines = Array.from({ length: EVENTS }, (_, n) => `${JSON.stringify(record(n))}\n`);
  writeFileSync(join(folder, 'events.jsonl'), lines.join(''));
  writeFileSync(join(folder, 'picky.ts'), PICKY("if (n % 3 === 0) throw new Error('not by three');"));
  const out = join(folder, 'out.jsonl');
  writeFileSync(out, '');
  const path = pipeline(folder, YAML);
  const all = () => [...readFileSync(out, 'utf8').matchAll(/"proc\.pid":(\d+)\}/g)].map(([, n]) => Number(n));
  const state = join(folder, 'state');
  const letters = async () => {
    const { stdout } = await Program.run(['dlq', 'list', '-o', 'json', '--state', state]);
    return stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line) as { sink: string; count: number }] : []));
  };
  const start = () => Program.start(['run', path, '--no-watch']);
  const kill = async (program: Program) => {
    const { size } = statSync(out);
    while (statSync(out).size === size && program.code === null) await sleep(5);
    await sleep(Math.random() * 300);
    await program.stop('SIGKILL');
  };
  for (let killed = 0; killed < KILLS; killed++) await kill(start());
  const good = EVENTS - EVENTS / 3;
  const last = start();
  await last.ready();
  await vi.waitFor(() => expect(new Set(all()).size).toBe(good), { timeout: 60_000, interval: 50 });
  // The books of all that it has read are in its last line.
  expect(await last.stop()).toBe(0);
  expect(last.stderr).toMatch(/seen (\d+), .*dropped 0, dead letters \d+"/);
  expect(all().filter((n) => n % 3 === 0)).toEqual([]);
  const dead = await letters();
  expect(new Set(dead.map(({ sink }) => sink))).toEqual(new Set(['operator score']));
  const buried = dead.reduce((sum, { count }) => sum + count, 0);
  expect(buried).toBeGreaterThanOrEqual(EVENTS / 3);

  // It is mended.
  writeFileSync(join(folder, 'picky.ts'), PICKY(''));
  const { stdout } = await Program.run(['dlq', 'retry', '--sink', 'operator score', '--state', state]);
  expect(stdout).toBe(`${dead.length} dead letters with ${buried} events wait for their operators\n`);
  await kill(start());
  const mended = start();
  await mended.ready();
  await vi.waitFor(() => expect(new Set(all()).size).toBe(EVENTS), { timeout: 60_000, interval: 50 });
  expect(await mended.stop()).toBe(0);
  expect(await letters()).toEqual([]);
}, 180_000);

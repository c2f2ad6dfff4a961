/** `falco-pipe run` while a receiver is down: at a reload, at the end, and beside a sink that works. */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { atEnd, scratch } from '../scratch.ts';
import { Program, pipeline, repository } from './program.ts';

/** A receiver that answers 503 until it is told to work; what it got then. */
async function receiver() {
  const state = { works: false, got: '' };
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    if (state.works) state.got += body;
    response.writeHead(state.works ? 200 : 503).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => void server.close());
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const RETRY = 'retry: { initial: 10ms, max: 50ms, give_up_after: 1m }';

test('a sink that works gets each alert of a replayable source once, and the end says how many are left', async () => {
  const { url } = await receiver();
  const folder = scratch();
  const path = pipeline(
    folder,
    `sources: { past: { type: replay, files: ${repository}/pipelines/demo.jsonl.gz } }
operators: { detect: { type: rules, from: past, files: ${repository}/rules/host.yaml } }
sinks:
  down: { type: http, from: detect, url: '${url}', ${RETRY.replace('1m', '10ms')} }
  log: { type: file, from: detect, path: ${join(folder, 'log.jsonl')} }
`,
  );
  const program = Program.start(['run', path, '--stop-timeout', '1s']);
  await program.until(({ stderr }) => /gave up writing 13 events for now/.test(stderr));
  // Time in which it is tried again.
  await new Promise((done) => setTimeout(done, 3000));
  await program.stop();
  expect(readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n')).toHaveLength(13);
  expect(program.stderr).toMatch(/seen (\d+), delivered 0, filtered \1, dropped 0, left to be replayed 13"/);
});

test('what a live source gave waits for the sink through a reload, and on disk for the next start', async () => {
  const { state, url } = await receiver();
  const folder = scratch();
  const yaml = (events: number) => `state: ${join(folder, 'state')}
sources: { self: { type: internal, heartbeat: 100ms } }
sinks: { down: { type: http, from: self, format: json_lines, url: '${url}', queue: { events: ${events} }, ${RETRY} } }
`;
  const path = pipeline(folder, yaml(500));
  const first = Program.start(['run', path, '--stop-timeout', '100ms']);
  await first.until(({ stderr }) => stderr.includes('writing failed'));
  await new Promise((done) => setTimeout(done, 1000));
  writeFileSync(path, yaml(600));
  await first.until(({ stderr }) => stderr.includes('reloaded (a file has changed)'));
  const status = await Program.run(['status', path]);
  expect(status.stdout).toMatch(/problem: sink down: .*503/);
  await first.stop();
  const [, seen, spooled] = /seen (\d+), delivered 0, filtered 0, dropped 0, spooled (\d+),/.exec(first.stderr) ?? [];
  expect([seen, Number(seen) > 5]).toEqual([spooled, true]);
  state.works = true;
  const second = Program.start(['run', path, '--set', 'sources.self.heartbeat=1h']);
  // None is like another: a heartbeat has the time, and the books.
  const got = () => new Set(state.got.trim().split('\n')).size;
  await vi.waitFor(() => expect(got()).toBeGreaterThanOrEqual(Number(seen)), 20_000);
  expect(state.got).toContain('reloaded (a file has changed)');
  await second.stop();
});

test('killed in an outage: what a live source gave to a sink that spills comes at the next start, which tells of the kill', async () => {
  const { state, url } = await receiver();
  const folder = scratch();
  const path = pipeline(
    folder,
    `state: ${join(folder, 'state')}
sources: { self: { type: internal, heartbeat: 100ms } }
sinks: { siem: { type: http, from: self, format: json_lines, url: '${url}', queue: { when_full: spill }, ${RETRY} } }
`,
  );
  const first = Program.start(['run', path]);
  await first.until(({ stderr }) => stderr.includes('writing failed'));
  const totals = async () => JSON.parse((await Program.run(['status', path, '-o', 'json'])).stdout).totals;
  let on_disk = 0;
  await vi.waitFor(async () => expect((on_disk = (await totals()).on_disk)).toBeGreaterThan(5), 20_000);
  await first.stop('SIGKILL');
  const killed = new Date().toISOString();
  state.works = true;
  const second = Program.start(['run', path, '--set', 'sources.self.heartbeat=1h']);
  const before = () =>
    [...new Set(state.got.split('\n').filter(Boolean))].filter((line) => JSON.parse(line).time < killed);
  await vi.waitFor(() => expect(before().length).toBeGreaterThanOrEqual(on_disk), 20_000);
  // Each says how many there were before it: none of those is missing.
  const counts = before().flatMap((line) => /alive: seen (\d+)/.exec(line)?.[1] ?? []);
  expect(before().length).toBeGreaterThan(Math.max(...counts.map(Number)));
  await vi.waitFor(() => expect(state.got).toContain('unclean_end'), 20_000);
  await second.stop();
  expect(second.stderr).toMatch(/the last run, of \d{4}-\S+Z, did not end in order: what it had of live sources/);
  const [, late] =
    /seen \d+, delivered \d+, filtered 0, dropped 0,(?: spooled \d+,)? delivered from disk (\d+)/.exec(second.stderr) ??
    [];
  expect(Number(late)).toBeGreaterThanOrEqual(on_disk);
  const third = Program.start(['run', path]);
  await third.ready();
  await third.stop();
  expect(third.stderr).not.toContain('did not end in order');
});

test('a run that comes to its end fails where a sink has lost events, and not where they are kept as dead letters', async () => {
  const server = createServer((_, response) => void response.writeHead(400).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => void server.close());
  const folder = scratch();
  const path = pipeline(
    folder,
    `sources: { past: { type: replay, files: ${repository}/pipelines/demo.jsonl.gz } }
operators: { detect: { type: rules, from: past, files: ${repository}/rules/host.yaml } }
sinks: { down: { type: http, from: detect, url: 'http://127.0.0.1:${(server.address() as AddressInfo).port}' } }
`,
  );
  const lost = await Program.run(['run', path]);
  expect(lost.stderr).toMatch(/seen \d+, delivered 0, filtered \d+, dropped 13 \(/);
  expect(lost.code).toBe(1);
  const kept = await Program.run(['run', path, '--state', join(folder, 'state')]);
  expect(kept.stderr).toMatch(/dropped 0, dead letters 13/);
  expect(kept.code).toBe(0);
});

/** Lists from the web outlive a kill, and the outage of their address: in the state folder of the built program. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { scratch } from '../scratch.ts';
import { Program, pipeline } from './program.ts';
import { records } from './recorded.ts';

const down = (response: ServerResponse) => void response.destroy();
const gives = (body: string) => (response: ServerResponse) => void response.end(body);
let answer: (response: ServerResponse) => void;
const server = createServer((_, response) => answer(response));
let url: string;

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`;
});
afterAll(() => void server.close());

/** A pipeline over files that are opened, twenty a second, one after the other; those of a list are alerts. */
function staged(folder: string): string {
  writeFileSync(
    join(folder, 'events.jsonl'),
    records(10_000, (index) => `/etc/f${index % 3}`),
  );
  writeFileSync(
    join(folder, 'rules.yaml'),
    `- list: far
  items_from: { url: "${url}", refresh: 1s }
- rule: Opened
  desc: d
  condition: evt.type = openat and fd.name in (far)
  output: opened %fd.name
  priority: NOTICE
`,
  );
  return pipeline(
    folder,
    `sources: { past: { type: replay, files: events.jsonl, rate: 20 } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
  );
}

const raises =
  (name: string) =>
  ({ stdout }: Program) =>
    stdout.includes(`opened ${name}"`);

/** What is wrong with a run, as `status` shows it. */
async function problems(program: Program): Promise<string> {
  const { stdout } = await Program.run(['status', String(program.child.pid), '-o', 'json']);
  return JSON.stringify((JSON.parse(stdout) as { problems: string[] }).problems);
}

test('killed, and started while the address is down: the rules see what they saw, until it answers', {
  timeout: 120_000,
}, async () => {
  const [path, state] = [staged(scratch()), scratch()];
  const run = () => Program.start(['run', path, '--state', state, '--http', '127.0.0.1:0']);
  const copies = () => (existsSync(join(state, 'lists')) ? readdirSync(join(state, 'lists')) : []);
  // What is being written is none yet: a kill would take it.
  const kept = (text: string) =>
    copies().some(
      (name) => /^[0-9a-f]+$/.test(name) && readFileSync(join(state, 'lists', name), 'utf8').endsWith(text),
    );
  answer = gives('/etc/f0\n');
  const first = run();
  await first.until(raises('/etc/f0'));
  await vi.waitFor(() => expect(kept('\n/etc/f0\n')).toBe(true), 10_000);
  answer = gives('/etc/f1\n');
  await first.until(raises('/etc/f1'));
  await vi.waitFor(() => expect(kept('\n/etc/f1\n')).toBe(true), 10_000);
  // What comes again is not written again, but is newer.
  const copy = join(state, 'lists', copies()[0] as string);
  const { ino, mtimeMs } = statSync(copy);
  await vi.waitFor(() => expect(statSync(copy).mtimeMs).toBeGreaterThan(mtimeMs), 10_000);
  expect(statSync(copy).ino).toBe(ino);
  rmSync(copy);
  await vi.waitFor(() => expect(kept('\n/etc/f1\n')).toBe(true), 10_000);
  await first.stop('SIGKILL');
  writeFileSync(join(state, 'lists', `${copies()[0]}.new`), 'half');
  writeFileSync(join(state, 'lists', 'a'.repeat(64)), 'of a list that is no more');
  answer = down;
  const second = run();
  await second.until(raises('/etc/f1'));
  expect(copies()).toHaveLength(1);
  const words = /the list far goes on with the 1 item of [-0-9T:.]+Z, from the state folder: /;
  expect(await problems(second)).toMatch(words);
  // What its next tries say is the same.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(second.stderr.split('\n').filter((line) => words.test(line))).toHaveLength(1);
  answer = gives('/etc/f2\n');
  await second.until(raises('/etc/f2'));
  await vi.waitFor(async () => expect(await problems(second)).toBe('[]'), 10_000);
  expect(second.stderr).toContain('the list far is read again, after');
  expect(await second.stop()).toBe(0);
  expect(kept('\n/etc/f2\n')).toBe(true);
});

test('a full disk is a trouble until there is room: the items count all the same', { timeout: 120_000 }, async ({
  skip,
}) => {
  const disk = scratch();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]);
  skip(status !== 0, 'a small disk cannot be mounted here');
  const path = staged(scratch());
  try {
    answer = gives('/etc/f0\n');
    const program = Program.start(['run', path, '--state', join(disk, 'state')]);
    await program.until(raises('/etc/f0'));
    // What is left is enough for the state file and its log.
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(11 * 1024 ** 2));
    answer = gives(`/etc/f1\n${`${'#'.repeat(63)}\n`.repeat(100_000)}`);
    await program.until(raises('/etc/f1'));
    const words = 'the list far cannot be kept in the state folder: no space left on device';
    await vi.waitFor(async () => expect(await problems(program)).toContain(words), 10_000);
    rmSync(join(disk, 'ballast'));
    await vi.waitFor(async () => expect(await problems(program)).toBe('[]'), 30_000);
    expect(program.stderr.split(words)).toHaveLength(2);
    expect(program.stderr).toContain('the list far is kept in the state folder again, after');
    expect(await program.stop()).toBe(0);
    answer = down;
    const again = Program.start(['run', path, '--state', join(disk, 'state')]);
    await again.until(raises('/etc/f1'));
    await again.stop();
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
});

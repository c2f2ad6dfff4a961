/** `falco-pipe status` as people read it. */

import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ProgramStatus } from '../../src/cli/control.ts';
import { componentTable, statusText } from '../../src/cli/status.ts';
import { launcher, Program } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

test('what a receiver answered stays within its line, and a terminal does not obey it', () => {
  const status: Partial<ProgramStatus> = {
    pid: 1,
    pipeline: 'p.yaml',
    digest: '0',
    uptime: 1,
    totals: { reasons: {} } as ProgramStatus['totals'],
    reloads: { done: 0, failed: 0 } as ProgramStatus['reloads'],
    problems: ['out: 503 "\u001b[2J\u009b1m\u202e"\np.yaml (pid 1): ready'],
    ready: false,
    components: [],
  };
  const lines = statusText(status as ProgramStatus).split('\n');
  expect(lines).toContain('problem: out: 503 "\\u001b[2J\\u009b1m\\u202e"\\u000ap.yaml (pid 1): ready');
});

test('what has come to a sink is what it has delivered, lost, given up, and what waits in memory and on disk', () => {
  const sink: ProgramStatus['components'][number] = {
    id: 'siem',
    kind: 'sink',
    type: 'http',
    from: ['detect'],
    counters: { delivered: 7, dropped: { queue_full: 2 }, dead_lettered: { refused: 1 }, spooled: 40 },
    queue: { events: 3, bytes: 100, on_disk: 30 },
    dead_letters: 1,
  };
  const [head = '', row = ''] = componentTable([sink]).map((line) => line.trim().split(/ +/));
  const shown = Object.fromEntries((head as string[]).map((title, column) => [title, row[column]]));
  expect(shown).toMatchObject({ IN: '43', OUT: '7', DROPPED: '2', DEAD: '1', WAITING: '33' });
});

test.skipIf(process.getuid?.() !== 0)('of a program of another user it is said that it may not be asked', async () => {
  const folder = join(scratch(), 'falco-pipe');
  mkdirSync(folder);
  for (const each of [join(folder, '..'), folder]) chmodSync(each, 0o755);
  const socket = join(folder, '1.sock');
  const server = createServer().listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0o600);
  const env = { XDG_RUNTIME_DIR: join(folder, '..') };
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', launcher];
  const { code, stderr } = await Program.run([...asNobody, 'status'], { command: 'setpriv', env });
  server.close();
  expect(code).toBe(69);
  expect(stderr).toMatch(/^No falco-pipe runs here that this user may ask: .*1\.sock.* (?:is|are) another user's\n$/);
});

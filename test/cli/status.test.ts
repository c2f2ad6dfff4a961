/** `falco-pipe status` as people read it. */

import { expect, test } from 'vitest';
import type { ProgramStatus } from '../../src/cli/control.ts';
import { componentTable, statusText } from '../../src/cli/status.ts';

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

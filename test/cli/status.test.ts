/** `falco-pipe status` as people read it. */

import { expect, test } from 'vitest';
import type { ProgramStatus } from '../../src/cli/control.ts';
import { statusText } from '../../src/cli/status.ts';

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

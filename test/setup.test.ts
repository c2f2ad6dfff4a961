/** Test files that share a process: none sees what another has done to our modules or to the environment. */

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ALONE } from '../vitest.config.ts';

test('each begins as if it were alone', () => {
  const args = ['run', '--config', join(import.meta.dirname, 'sharing/vitest.config.ts')];
  const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs');
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, ...args], {
    env: { ...Object.fromEntries(ours), HOME: '/home' },
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
  const processes = stdout.match(/^ran in \d+$/gm) ?? [];
  expect(processes).toHaveLength(2);
  expect(new Set(processes).size).toBe(1);
});

test('those that look at their process are there', () => {
  const root = join(import.meta.dirname, '..');
  expect(ALONE.filter((pattern) => globSync(pattern, { cwd: root }).length === 0)).toEqual([]);
});

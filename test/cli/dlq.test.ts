/** `falco-pipe dlq` where there is no state, and where the state may not be read. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launcher, Program } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
chmodSync(folder, 0o755);

/** As somebody who is not root, to whom a mode of 000 is nothing. */
const list = (state: string) => {
  const others = ['--reuid=65534', '--regid=65534', '--clear-groups', launcher];
  const args = ['dlq', 'list', '--state', state];
  return process.getuid?.() === 0 ? Program.run([...others, ...args], { command: 'setpriv' }) : Program.run(args);
};

test('a folder without a state: so it is said', async () => {
  writeFileSync(join(folder, 'file'), '');
  for (const state of [join(folder, 'nowhere'), join(folder, 'file')]) {
    const { code, stderr } = await list(state);
    expect(stderr).toContain(`There is no state in ${state}`);
    expect(code).toBe(69);
  }
});

test('a state that may not be read is there all the same', async () => {
  const state = join(folder, 'state');
  mkdirSync(state);
  writeFileSync(join(state, 'state.db'), '');
  chmodSync(state, 0);
  const { code, stderr } = await list(state);
  chmodSync(state, 0o700);
  expect(stderr).toMatch(/^[^\n]*EACCES/);
  expect(stderr).not.toContain('There is no state');
  expect(code).toBe(77);
});

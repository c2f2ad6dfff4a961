/** What a run of tests leaves: if it was killed, the next removes it; no other run does, and what it may not leave is said. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OWNER } from './abandoned.ts';
import { atEnd, scratch } from './scratch.ts';

const folder = scratch();
const script = `
  import begin from ${JSON.stringify(join(import.meta.dirname, 'run.ts'))};
  const end = begin();
  console.log(process.env.TMPDIR);
  process.stdin.once('data', () => { end(); process.exit(); });
`;

/** Begins a run of tests that has `folder` for the machine's temporary one. Resolves with it, and its own. */
async function run(): Promise<[ChildProcess, string]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TMPDIR: folder },
    stdio: 'pipe',
  });
  atEnd(() => child.kill('SIGKILL'));
  const [told] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  return [child, String(told).trim()];
}

async function over(child: ChildProcess, end: () => void): Promise<void> {
  const closed = once(child, 'close');
  end();
  await closed;
}

test('the folder of a run that was killed goes when the next begins, with all that is in it', async () => {
  const [killed, left] = await run();
  mkdirSync(join(left, 't-x/s-y'), { recursive: true });
  writeFileSync(join(left, 't-x/s-y/file'), '');
  await over(killed, () => killed.kill('SIGKILL'));
  expect(existsSync(left)).toBe(true);
  const [next, own] = await run();
  expect([existsSync(left), existsSync(own)]).toEqual([false, true]);
  await over(next, () => next.stdin?.write('\n'));
  expect(readdirSync(folder)).toEqual([]);
});

test('one that is used stays, as does one of which nothing is known', async () => {
  const [first, used] = await run();
  const made = ['unknown', 'begun', 'elsewhere', 'earlier', 'reused'].map((name) =>
    join(folder, `falco-pipe-test-${name}`),
  );
  for (const each of made) mkdirSync(each);
  const [unknown, begun, elsewhere, earlier, reused] = made as [string, string, string, string, string];
  const owner = readFileSync(join(used, OWNER), 'utf8');
  writeFileSync(join(begun, OWNER), '');
  writeFileSync(join(elsewhere, OWNER), owner.replace(/pid:\[\d+\]/, 'pid:[1]'));
  writeFileSync(join(earlier, OWNER), owner.replace(/^\S+/, 'another-boot'));
  writeFileSync(join(reused, OWNER), owner.replace(/\d+$/, '1'));
  const [second] = await run();
  expect([used, unknown, begun, elsewhere, earlier, reused].map(existsSync)).toEqual([
    ...[true, true, true, true],
    ...[false, false],
  ]);
  for (const each of [first, second]) await over(each, () => each.stdin?.write('\n'));
});

test('a folder that no test file has made is said, also when it is empty', async () => {
  const [first, own] = await run();
  for (const name of ['t-skipped', 'stray']) mkdirSync(join(own, name));
  let said = '';
  first.stderr?.on('data', (data) => {
    said += data;
  });
  await over(first, () => first.stdin?.write('\n'));
  expect(first.exitCode).toBe(1);
  expect(said).toContain('left in the temporary folder of the run: stray\n');
});

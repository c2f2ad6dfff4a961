/** Files that may be large are read in steps, or beside this thread; pipes, devices and what is too large are not. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readAside, readAtOnce, readInSteps } from '../../../src/core/files/regular-file.ts';
import { atEnd, scratch } from '../../scratch.ts';

const MIB = 1024 * 1024;
const folder = scratch();

/** What was read, in how many steps; `meanwhile` is called after each. */
function read(path: string, meanwhile: () => void = () => {}): { content: Buffer; steps: number } {
  const reading = readInSteps(path);
  for (let steps = 0; ; steps++) {
    const step = reading.next();
    if (step.done) return { content: step.value, steps };
    meanwhile();
  }
}

const pattern = (length: number) => Buffer.alloc(length, 'one item a line\n');

/** Expects both ways of reading to refuse a file, in these words. */
async function refused(path: string, words: string, most?: number): Promise<void> {
  expect(() => readAtOnce(path, most)).toThrow(words);
  await expect(readAside(path, most)).rejects.toThrow(words);
}

test('a file is read whole, a MiB a step', async () => {
  const path = join(folder, 'far.txt');
  for (const length of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 5]) {
    writeFileSync(path, pattern(length));
    const { content, steps } = read(path);
    expect(content.equals(pattern(length))).toBe(true);
    // The last one finds that there is no more.
    expect(steps).toBe(Math.ceil(length / MIB) + 1);
    expect((await readAside(path)).equals(pattern(length))).toBe(true);
  }
});

test('a file that becomes another one meanwhile gives what it has', () => {
  const path = join(folder, 'changing.txt');
  writeFileSync(path, pattern(2 * MIB));
  let more = 3;
  const { content } = read(path, () => {
    if (more-- > 0) writeFileSync(path, pattern(MIB), { flag: 'a' });
  });
  expect(content.equals(pattern(5 * MIB))).toBe(true);
  writeFileSync(path, pattern(3 * MIB));
  expect(read(path, () => truncateSync(path, 2 * MIB)).content.equals(pattern(2 * MIB))).toBe(true);
});

test('what a link leads to is read, and what says that it has no bytes', async () => {
  const path = join(folder, 'linked.txt');
  writeFileSync(path, pattern(10));
  symlinkSync(path, `${path}.link`);
  expect((await readAside(`${path}.link`)).equals(pattern(10))).toBe(true);
  expect(readAtOnce('/proc/self/status').toString()).toMatch(/^Name:/);
});

test('a pipe, a device and a folder are refused; who waits at the pipe is not disturbed', {
  timeout: 10_000,
}, async () => {
  const path = join(folder, 'pipe');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  await refused(path, 'it is a pipe, no regular file');
  symlinkSync(path, `${path}.link`);
  const writer = spawn('sh', ['-c', `echo one > ${path}`]);
  atEnd(() => void writer.kill());
  await waiting(writer);
  await refused(`${path}.link`, 'it is a pipe, no regular file');
  expect(spawnSync('timeout', ['5', 'cat', path]).stdout.toString()).toBe('one\n');
  await refused('/dev/zero', 'it is a device, no regular file');
  await refused(folder, 'it is a folder, no regular file');
  await refused(join(folder, 'missing'), 'ENOENT');
});

test('what is larger than it may be is refused, also when it says so only while it is read', async () => {
  const path = join(folder, 'large');
  writeFileSync(path, pattern(2 * MIB));
  expect(readAtOnce(path, 2 * MIB)).toHaveLength(2 * MIB);
  truncateSync(path, 2 * MIB + 1);
  await refused(path, 'it has more than 2 MiB', 2 * MIB);
  // Of 512 GiB nothing is set aside.
  truncateSync(path, 512 * 1024 ** 3);
  await refused(path, 'it has more than 2 MiB', 2 * MIB);
  await refused('/proc/self/status', 'it has more than 0 MiB', 0);
});

test('reading aside ends when it is told to', async () => {
  const path = join(folder, 'given-up');
  writeFileSync(path, pattern(10));
  const reason = new Error('enough');
  await expect(readAside(path, undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
});

/** Waits until a shell is blocked by opening the pipe. */
async function waiting({ pid }: ChildProcess): Promise<void> {
  const asleep = () => /^(?:wait_for_partner|fifo_open|.*pipe.*)$/.test(readAtOnce(`/proc/${pid}/wchan`).toString());
  for (let tries = 0; tries < 100 && !asleep(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
}

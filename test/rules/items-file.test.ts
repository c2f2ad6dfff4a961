/** Files that may be large are read in steps, and what has no size is read as well. */

import { spawn, spawnSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readInSteps } from '../../src/rules/items-file.ts';
import { scratch } from '../scratch.ts';

const MIB = 1024 * 1024;
const folder = scratch();

/** What was read, in how many steps; `meanwhile` is called after each. */
function read(path: string, meanwhile: () => void = () => {}): { content: Buffer; steps: number } {
  const reading = readInSteps(path);
  for (let steps = 0; ; steps++) {
    const step = reading.next();
    if (step.done) return { content: Buffer.from(step.value), steps };
    meanwhile();
  }
}

const pattern = (length: number) => Buffer.alloc(length, 'one item a line\n');

test('a file is read whole, a MiB a step', () => {
  const path = join(folder, 'far.txt');
  for (const length of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 5]) {
    writeFileSync(path, pattern(length));
    const { content, steps } = read(path);
    expect(content.equals(pattern(length))).toBe(true);
    expect(steps).toBe(Math.ceil(length / MIB));
  }
});

test('a file that becomes another one meanwhile gives what it has', () => {
  const path = join(folder, 'changing.txt');
  writeFileSync(path, pattern(2 * MIB));
  expect(read(path, () => writeFileSync(path, pattern(100_000), { flag: 'a' })).content.length).toBeGreaterThan(
    2 * MIB,
  );
  writeFileSync(path, pattern(3 * MIB));
  expect(read(path, () => truncateSync(path, 2 * MIB)).content.equals(pattern(2 * MIB))).toBe(true);
});

test('a pipe is read to its end', async () => {
  const path = join(folder, 'pipe');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  const writer = spawn('sh', ['-c', `yes 'one item a line' | head -c 3000000 > ${path}`]);
  const over = new Promise((resolve) => writer.on('close', resolve));
  const { content } = read(path);
  await over;
  expect(content.equals(pattern(3_000_000))).toBe(true);
});

test('what cannot be read is said by the system', () => {
  expect(() => read(join(folder, 'missing'))).toThrow('ENOENT');
  expect(() => read(folder)).toThrow('EISDIR');
});

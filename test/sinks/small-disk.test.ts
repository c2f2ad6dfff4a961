/** The sink file on a disk that is full again and again: what it has written stands there once, and whole. */

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { file } from '../../src/sinks/file.ts';
import { atEnd, scratch } from '../scratch.ts';
import { alertOf, never, openSink } from './shared.ts';

const KIB = 1024;

/** A disk of so many KiB, which can be made larger; undefined where none can be mounted. */
function smallDisk(size: number): { folder: string; grow: (by: number) => void } | undefined {
  const folder = scratch();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}k`, 'tmpfs', folder]);
  if (status !== 0) return undefined;
  atEnd(() => void spawnSync('umount', [folder]));
  const grow = (by: number) => void execFileSync('mount', ['-o', `remount,size=${(size += by)}k`, folder]);
  return { folder, grow };
}

/** What lines have: the rule of a whole alert, or that one is torn. */
const rulesIn = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (line.endsWith('}') ? (JSON.parse(line).rule as string) : 'torn'));

/** Numbers below `below` that look random, the same each time. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it('no line is torn and none stands there twice, however often a batch fails, alone or moved away meanwhile', async ({
  skip,
}) => {
  for (const seed of [1, 2, 3]) {
    const disk = smallDisk(16);
    skip(disk === undefined, 'a small disk cannot be mounted here');
    if (disk === undefined) return;
    const { folder, grow } = disk;
    const path = join(folder, 'alerts.jsonl');
    const random = randomFrom(seed);
    const sink = await openSink(file, { path });
    const expected: string[] = [];
    let failures = 0;
    let moved = 0;
    for (let batch = 0; batch < 20; batch++) {
      const alerts = Array.from({ length: 1 + random(60) }, (_, n) =>
        alertOf(`${batch}-${n}`, 'Notice', 'x'.repeat(random(400))),
      );
      expected.push(...alerts.map((alert) => String(alert.get('rule'))));
      for (;;) {
        const error = await sink.write(alerts, never).catch((error: NodeJS.ErrnoException) => error);
        if (error === undefined) break;
        expect(error).toMatchObject({ code: 'ENOSPC' });
        failures++;
        if (random(4) === 0) {
          if (random(2) === 0) renameSync(path, `${path}.${moved++}`);
          await sink.reopen?.();
        }
        grow(4 + random(12));
      }
    }
    await sink.close();
    const files = [...Array.from({ length: moved }, (_, n) => `${path}.${n}`), path].map(rulesIn);
    // What was moved away while its last line was torn ends so; that line is whole in the next.
    expect(files.flatMap((rules) => (rules.at(-1) === 'torn' ? rules.slice(0, -1) : rules))).toEqual(expected);
    expect(files.at(-1)).not.toContain('torn');
    expect([failures > 5, moved > 0]).toEqual([true, true]);
  }
});

it('what is put aside ends with a whole line, also when the disk was full meanwhile', async ({ skip }) => {
  const disk = smallDisk(16);
  skip(disk === undefined, 'a small disk cannot be mounted here');
  if (disk === undefined) return;
  const { folder, grow } = disk;
  const path = join(folder, 'alerts.jsonl');
  const sink = await openSink(file, { path, rotate: { size: '8KiB', gzip: false } });
  const alerts = Array.from({ length: 40 }, (_, n) => alertOf(`r${n}`, 'Notice', 'x'.repeat(400)));
  await expect(sink.write(alerts, never)).rejects.toThrow('ENOSPC');
  grow(48);
  await sink.write(alerts, never);
  await sink.write([alertOf('last')], never);
  await sink.close();
  const files = readdirSync(folder).sort();
  expect(files).toHaveLength(2);
  expect(files.flatMap((name) => rulesIn(join(folder, name)))).toEqual([
    'last',
    ...alerts.map((alert) => alert.get('rule')),
  ]);
});

it('what somebody else has cut, removed or written to meanwhile is not gone on with', async ({ skip }) => {
  const disk = smallDisk(16);
  skip(disk === undefined, 'a small disk cannot be mounted here');
  if (disk === undefined) return;
  const { folder, grow } = disk;
  const path = join(folder, 'alerts.jsonl');
  const alerts = Array.from({ length: 40 }, (_, n) => alertOf(`r${n}`, 'Notice', 'x'.repeat(400)));
  const all = alerts.map((alert) => alert.get('rule'));
  for (const meddle of [
    () => truncateSync(path, 0),
    () => rmSync(path),
    () => writeFileSync(path, '\n{}\n', { flag: 'a' }),
  ]) {
    const sink = await openSink(file, { path });
    await expect(sink.write(alerts, never)).rejects.toThrow('ENOSPC');
    expect(statSync(path).size).toBe(16 * KIB);
    grow(48);
    meddle();
    await sink.write(alerts, never);
    await sink.close();
    expect(rulesIn(path).slice(-40)).toEqual(all);
    rmSync(path);
    grow(-48);
  }
});

/** What an inode says of a file's content, and when it does not. */

import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stampOf } from '../../../src/core/files/file-stamp.ts';
import { scratch } from '../../scratch.ts';

const folder = scratch();

const path = join(folder, 'file');
const stat = () => statSync(path, { bigint: true });
const LATER = 60_000;

it('stays while the file is as it was, and not when it is written in place with the same size and time', () => {
  writeFileSync(path, 'one');
  const before = stat();
  const stamp = stampOf(before, Date.now() + LATER);
  expect(stamp).toBeDefined();
  expect(stampOf(stat(), Date.now() + LATER)).toBe(stamp);
  // A tick of the clock by which files are stamped may last 10 ms.
  do {
    writeFileSync(path, 'two');
    utimesSync(path, new Date(Number(before.atimeMs)), new Date(Number(before.mtimeMs)));
  } while (stat().ctimeNs === before.ctimeNs);
  expect(stampOf(stat(), Date.now() + LATER)).not.toBe(stamp);
});

it('says nothing of a file that may be written again within the same tick, or has a time to come', () => {
  const file = { dev: 1n, ino: 2n, size: 3n, mtimeNs: 5_000_000_000n, ctimeNs: 5_000_000_000n };
  expect(stampOf(file, 5000)).toBeUndefined();
  expect(stampOf(file, 6999.5)).toBeUndefined();
  expect(stampOf(file, 7001)).toBeDefined();
  expect(stampOf({ ...file, ctimeNs: 7_000_000_000n }, 7001)).toBeUndefined();
  expect(stampOf({ ...file, mtimeNs: 9_000_000_000n }, 7001)).toBeUndefined();
});

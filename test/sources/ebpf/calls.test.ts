/** Every system call of native/calls.yaml, performed for real, and what its fields say. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CALLS } from '../../../native/calls.ts';
import { whyNot } from '../../native/harness.ts';
import { dataCalls } from './calls/data.ts';
import { descriptorCalls } from './calls/descriptors.ts';
import { pathCalls } from './calls/paths.ts';
import { processCalls } from './calls/processes.ts';
import { AT_FDCWD, has, has32, Stage } from './calls/stage.ts';

const skipped = whyNot();
if (!has32) console.warn('SKIPPED: 32-bit calls of 64-bit programs: there are none on this architecture');

describe.skipIf(skipped)('system calls', () => {
  const stage = new Stage();
  const { act, under } = stage;
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  pathCalls(stage);
  descriptorCalls(stage);
  dataCalls(stage);
  processCalls(stage);

  test.skipIf(!has32)('calls by the 32-bit door are the same events', async () => {
    expect((await act(`sys32 39 'compat 0700`, 'mkdir')).row).toMatchObject({ 'evt.arg.path': under('compat') });
    expect((await act(`sys32 38 'compat 'compat2`, 'rename')).row).toMatchObject({
      'evt.arg.newpath': under('compat2'),
    });
    expect((await act(`sys32 301 ${AT_FDCWD} 'compat2 0x200`, 'unlinkat')).row).toMatchObject({
      'evt.arg.name': under('compat2'),
      'evt.arg.dirfd': 'AT_FDCWD',
    });
    const own = await stage.actor.ask('open own 1');
    for (const [line, type] of [
      [`4 ${own} 'data 4`, 'write'],
      [`146 ${own} vec:data 2`, 'writev'],
      [`370 ${own} msg:data 0`, 'sendmsg'],
    ] as const) {
      const { row } = await act(`sys32 ${line}`, type, own);
      expect(row['evt.arg.data'], type).toBe('data');
      expect(row['evt.rawarg.size'], type).toBe(4);
    }
    // The position is in two registers.
    const far = 0x1_0000_0005;
    expect((await act(`sys32 181 ${own} 'data 4 5 1`, 'pwrite', own)).row).toMatchObject({ 'evt.rawarg.pos': far });
    expect((await act(`sys32 334 ${own} vec:data 2 5 1`, 'pwritev', own)).row).toMatchObject({
      'evt.rawarg.pos': far,
      'evt.rawarg.size': 4,
    });
  });

  test('every call of the table was performed', () => {
    expect(Object.keys(CALLS).filter((name) => (has32 || has(name)) && !stage.seen.has(name))).toEqual([]);
  });
});

/** Scratch copies (native/actor/scratch.c): what a scenario does to files and the network is seen by nobody else. */

import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openHostStage, type Stage } from '../../src/testing/scenarios/stage.ts';
import { scratch } from '../scratch.ts';
import { performed } from './performed.ts';

const notRoot = process.getuid?.() === 0 ? undefined : 'not root';

describe.skipIf(notRoot)(`scratch copies${notRoot ? ` (skipped: ${notRoot})` : ''}`, () => {
  const folder = scratch();
  const [inside, outside] = ['in,side', 'outside'].map((name) => join(folder, name)) as [string, string];
  let stage: Stage;
  let count = 0;
  beforeAll(async () => {
    for (const each of [inside, outside]) {
      mkdirSync(each, { mode: 0o751 });
      writeFileSync(join(each, 'file'), 'as before');
    }
    stage = await openHostStage();
  });
  afterAll(async () => {
    await stage.close();
  });

  const perform = (given: object) => performed(stage, String(++count), given);

  const step = (name: string, syscall: string, args: object) => ({ type: 'syscall', name, syscall, args });
  /** Everything below a folder, and what it is. */
  const state = (path: string) =>
    [path, ...readdirSync(path).map((name) => join(path, name))].map((each) => {
      const { mode, size, mtimeNs, ino, uid } = lstatSync(each, { bigint: true });
      return { each, mode, size, mtimeNs, ino, uid };
    });
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');

  test('of a folder can be changed in every way, and the folder is as before', async () => {
    const before = [state(inside), mounts(), readlinkSync('/proc/self/ns/net')];
    const errors = await perform({
      context: { scratch: [inside] },
      steps: [
        step('write', 'openat', { pathname: `${inside}/file`, flags: 'O_WRONLY|O_TRUNC' }),
        step('make', 'openat', { pathname: `${inside}/new`, flags: 'O_WRONLY|O_CREAT', mode: 0o600 }),
        step('mkdir', 'mkdirat', { pathname: `${inside}/folder`, mode: 0o700 }),
        step('chmod', 'fchmodat', { pathname: `${inside}/file`, mode: 'S_ISUID|S_IRWXU' }),
        step('rename', 'renameat2', { oldPath: `${inside}/file`, newPath: `${inside}/folder/other` }),
        step('remove', 'unlinkat', { pathname: `${inside}/folder/other` }),
      ],
    });
    expect(errors).toEqual([]);
    expect([state(inside), mounts(), readlinkSync('/proc/self/ns/net')]).toEqual(before);
  });

  test('has the mode and the owner of the folder', async () => {
    const script = `stat -c '%a %u' ${inside} ${outside} | sort -u | wc -l`;
    // It can write nowhere: that it ends early is what it says.
    const errors = await perform({ context: { scratch: [inside] }, before: `[ "$(${script})" = 1 ] || exit 1` });
    expect(errors).toEqual([]);
  });

  test.each([
    ['a file', 'openat', { pathname: join(outside, 'new'), flags: 'O_WRONLY|O_CREAT', mode: 0o600 }],
    ['a folder', 'mkdirat', { pathname: '/etc/falco-pipe-folder' }],
    ['a name', 'renameat2', { oldPath: join(outside, 'file'), newPath: join(outside, 'other') }],
    ['a mode', 'fchmodat', { pathname: join(outside, 'file'), mode: 0o777 }],
    ['a setting of the kernel', 'openat', { pathname: '/proc/sys/kernel/core_pattern', flags: 'O_WRONLY' }],
  ])('outside of them nothing can be changed: %s', async (_what, call, args) => {
    const before = state(outside);
    const errors = await perform({ context: { scratch: [inside] }, steps: [step('change', call, args)] });
    expect(errors).toEqual([expect.stringMatching(/^step change: \w+: EROFS/)]);
    expect(state(outside)).toEqual(before);
    expect(existsSync('/etc/falco-pipe-folder')).toBe(false);
  });

  test('nothing leaves the machine: the network is empty', async () => {
    const errors = await perform({
      context: { scratch: [] },
      steps: [
        step('socket', 'socket', { domain: 'AF_INET', type: 'SOCK_DGRAM', protocol: 0 }),
        step('connect', 'connect', { fd: `\${ socket.ret }`, address: '192.0.2.1:80' }),
      ],
    });
    expect(errors).toEqual(['step connect: connect: ENETUNREACH (Network is unreachable)']);
  });

  test('a copy of the folder above that of the programs leaves them in reach', async () => {
    const fresh = join(tmpdir(), 'new');
    const errors = await perform({
      context: { scratch: [tmpdir()], processes: [{ name: 'first' }, { exePath: join(fresh, 'last') }] },
      resources: [{ type: 'process', name: 'idle', exePath: join(fresh, 'idle') }],
    });
    expect(errors).toEqual([]);
    expect(existsSync(fresh)).toBe(false);
    expect(stage.folder.startsWith(`${tmpdir()}/`)).toBe(true);
  });

  test('a folder that is not there is said', async () => {
    expect(await perform({ context: { scratch: ['/none'] } })).toEqual([
      'making a scratch copy of /none: ENOENT (No such file or directory)',
    ]);
  });

  test('a step that may fail is passed over; the next one is performed', async () => {
    const open = (pathname: string) => step('open', 'openat', { pathname, flags: 'O_RDONLY' });
    const first = { ...open('/none/first'), name: 'first', mayFail: true };
    expect(await perform({ steps: [first, open('/none/second')] })).toEqual([
      'step open: openat: ENOENT (No such file or directory)',
    ]);
  });

  test('the first process of a pid namespace has the number 1; what it has started ends with it', async () => {
    const script = `[ $PPID = 1 ] || exit 1; sleep 1000 &`;
    expect(await perform({ context: { pidNamespace: true }, before: script })).toEqual([]);
    expect(await perform({ before: script })).toEqual(['the script before the test ended early']);
  });

  test('who starts them may be killed: they end all the same, and undo what they did', async () => {
    const other = await openHostStage();
    const made = join(folder, 'made');
    const running = performed(other, '1', {
      resources: [{ type: 'fd', name: 'f', subtype: 'file', filePath: made }],
      steps: [step('sleep', 'clock_nanosleep', { seconds: 1000 })],
    });
    while (!existsSync(made)) await sleep(5);
    process.kill(other.pid, 'SIGKILL');
    await running;
    expect(existsSync(made)).toBe(false);
    await other.close();
    expect(existsSync(other.folder)).toBe(false);
  });

  test('a terminal is one', async () => {
    const script = `set -- $(cat /proc/$PPID/stat); [ "$7" != 0 ] || exit 1`;
    expect(await perform({ context: { processes: [{ terminal: true }] }, before: script })).toEqual([]);
    expect(await perform({ context: { processes: [{}] }, before: script })).toEqual([
      'the script before the test ended early',
    ]);
  });
});

/** Calls about processes, who they are, and the kernel itself. */

import { expect, test } from 'vitest';
import { has32, type Stage } from './stage.ts';

export function processCalls(stage: Stage): void {
  const { act, call, under } = stage;

  test('other processes: ptrace, process_vm_writev, kill, tkill, tgkill', async () => {
    expect(await call('ptrace', '16 999999999 0 0')).toMatchObject({
      'evt.arg.request': 'PTRACE_ATTACH',
      'evt.rawarg.pid': 999_999_999,
      'evt.res': 'ESRCH',
    });
    expect(await call('ptrace', '0', { apart: true })).toMatchObject({ 'evt.arg.request': 'PTRACE_TRACEME' });
    expect(await call('process_vm_writev', `${stage.actor.pid} vec:written 2 0 0 0`)).toMatchObject({
      'evt.arg.pid': 'actions',
      'evt.arg.data': 'written',
    });
    expect(await call('kill', `${stage.actor.pid} 0`)).toMatchObject({ 'evt.arg.pid': 'actions', 'evt.rawarg.sig': 0 });
    expect(await call('tkill', `${stage.actor.pid} 18`)).toMatchObject({ 'evt.arg.sig': 'SIGCONT' });
    expect(await call('tgkill', `${stage.actor.pid} ${stage.actor.pid} 18`)).toMatchObject({
      'evt.rawarg.tid': stage.actor.pid,
    });
  });

  test('who the process is: the setuid family, namespaces, groups of processes', async () => {
    const apart = { apart: true };
    expect(await call('setuid', '1001', apart)).toMatchObject({ 'evt.rawarg.uid': 1001, 'user.uid': 1001 });
    expect(await call('setgid', '1001', apart)).toMatchObject({ 'evt.rawarg.gid': 1001 });
    expect(await call('setreuid', '-1 1002', apart)).toMatchObject({ 'evt.rawarg.ruid': -1, 'evt.rawarg.euid': 1002 });
    expect(await call('setregid', '-1 1002', apart)).toMatchObject({ 'evt.res': 'SUCCESS' });
    expect(await call('setresuid', '1 2 3', apart)).toMatchObject({ 'evt.rawarg.suid': 3, 'user.uid': 2 });
    expect(await call('setresgid', '1 2 3', apart)).toMatchObject({ 'evt.rawarg.egid': 2 });
    expect(await call('unshare', '0x10000000', apart)).toMatchObject({ 'evt.arg.flags': 'CLONE_NEWUSER' });
    const ns = await stage.actor.ask(`open /proc/${stage.actor.pid}/ns/net`);
    expect(await call('setns', `${ns} 0x40000000`, apart)).toMatchObject({
      'evt.arg.nstype': 'CLONE_NEWNET',
      'fd.num': ns,
      'fd.typechar': 'f',
    });
    expect(await call('setpgid', '0 0', apart)).toMatchObject({ 'evt.rawarg.pgid': 0 });
    expect(await call('setsid', '', apart)).toMatchObject({ 'evt.failed': false });
    expect(await call('prctl', `15 'other`, apart)).toMatchObject({
      'evt.arg.option': 'PR_SET_NAME',
      'evt.arg.arg2_str': 'other',
    });
    expect(await call('prctl', '36 1', apart)).toMatchObject({
      'evt.arg.option': 'PR_SET_CHILD_SUBREAPER',
      'evt.arg.arg2_str': undefined,
      'evt.rawarg.arg2_int': 1,
    });
  });

  test('the kernel itself: modules and keys', async () => {
    expect(await call('init_module', `'no-module 9 'x=1`)).toMatchObject({
      'evt.arg.img': 'no-module',
      'evt.arg.uargs': 'x=1',
      'evt.failed': true,
    });
    expect(await call('init_module', `0 0 'x=1`)).toMatchObject({ 'evt.arg.img': undefined, 'evt.failed': true });
    const own = await stage.actor.ask('open own');
    expect(await call('finit_module', `${own} 'y=2 1`)).toMatchObject({
      'evt.arg.fd': `<f>${under('own')}`,
      'evt.arg.uargs': 'y=2',
      'evt.arg.flags': 'MODULE_INIT_IGNORE_MODVERSIONS',
      'evt.failed': true,
    });
    expect(await call('delete_module', `'no_such_module 0x800`)).toMatchObject({
      'evt.arg.name': 'no_such_module',
      'evt.arg.flags': 'O_NONBLOCK',
    });
    expect(await call('keyctl', '0 -3 0 7 8')).toMatchObject({
      'evt.arg.operation': 'KEYCTL_GET_KEYRING_ID',
      'evt.rawarg.arg2': -3,
      'evt.arg.arg2': '-3',
      'evt.rawarg.arg3': 0,
      'evt.rawarg.arg4': 7,
      'evt.rawarg.arg5': 8,
    });
    if (has32) expect((await act('sys32 288 0 -3 0', 'keyctl')).row).toMatchObject({ 'evt.rawarg.arg2': -3 });
  });
}

/** Calls that make descriptors, and sockets that connect and are connected to. */

import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { has, has32, type Stage } from './stage.ts';

export function descriptorCalls(stage: Stage): void {
  const { act, call, under } = stage;

  test('dup, dup2 and dup3, of files and of sockets', async () => {
    const own = await stage.actor.ask('open own');
    const { ino } = statSync(under('own'));
    const file = { 'fd.name': under('own'), 'fd.typechar': 'f', 'fd.type': 'file', 'fd.ino': ino };
    const copy = await call('dup', String(own));
    expect(copy).toMatchObject({ ...file, 'evt.arg.oldfd': `<f>${under('own')}` });
    expect(copy['fd.num']).toBe(copy['evt.rawres']);
    if (has('dup2'))
      expect(await call('dup2', `${own} 200`)).toMatchObject({ ...file, 'fd.num': 200, 'evt.rawres': 200 });
    expect(await call('dup3', `${own} 201 ${0o2000000}`)).toMatchObject({ ...file, 'evt.arg.flags': 'O_CLOEXEC' });
    expect(await call('dup3', '999 3 0')).toMatchObject({ 'evt.res': 'EBADF', 'fd.num': 999, 'fd.typechar': 'o' });
    const socket = Number((await call('socket', '2 1 0'))['evt.rawres']);
    await call('connect', `${socket} in:${stage.port} 16`);
    expect(await call('dup3', `${socket} 202 0`)).toMatchObject({
      'fd.num': 202,
      'fd.type': 'ipv4',
      'fd.sip': '127.0.0.1',
      'fd.sport': stage.port,
      'fd.connected': true,
      'evt.res': 'SUCCESS',
    });
  });

  test('descriptors of other kinds', async () => {
    expect(await call('memfd_create', `'payload 1`)).toMatchObject({
      'evt.arg.name': 'payload',
      'evt.arg.flags': 'MFD_CLOEXEC',
      'fd.name': 'memfd:payload',
      'fd.typechar': 'm',
    });
    expect(await call('userfaultfd', String(0o2000001))).toMatchObject({ 'fd.typechar': 'u' });
    expect(await call('bpf', '0 0 0')).toMatchObject({ 'evt.arg.cmd': 'BPF_MAP_CREATE', 'evt.failed': true });
    expect(await call('io_uring_setup', '0 0')).toMatchObject({ 'evt.failed': true, 'evt.arg.entries': '0' });
    const { row: ring } = await act('uring plain 0 0 0 0 0 0', 'io_uring_setup');
    expect(ring).toMatchObject({
      'fd.typechar': 'r',
      'evt.rawarg.entries': 4,
      'evt.rawarg.sq_entries': 4,
      'evt.rawarg.cq_entries': 4,
      'evt.rawarg.flags': 16,
      'evt.arg.flags': 'IORING_SETUP_CQSIZE',
      'evt.rawarg.sq_thread_cpu': 0,
      'evt.rawarg.sq_thread_idle': 50,
    });
    expect(ring['evt.arg.features']).toMatch(/^(?:[A-Z_]+\|)*[A-Z_]*NODROP/);
    const { row: polled } = await act('uring sqpoll 0 0 0 0 0 0', 'io_uring_setup');
    expect(polled['evt.arg.flags']).toBe('IORING_SETUP_SQPOLL|IORING_SETUP_CQSIZE');
    expect(await call('perf_event_open', '0 0 0 0 0')).toMatchObject({
      'evt.failed': true,
      'evt.arg.ID': 'perf_event_open',
      'evt.rawarg.ID': 234,
      'evt.rawarg.nativeID': process.arch === 'arm64' ? 241 : 298,
    });
    if (has32)
      expect((await act('sys32 336 0 0 0 0 0', 'perf_event_open')).row).toMatchObject({ 'evt.rawarg.nativeID': 336 });
    const pidfd = await call('pidfd_open', `${stage.actor.pid} 0`);
    expect(pidfd).toMatchObject({ 'fd.typechar': 'P', 'evt.arg.pid': 'actions', 'evt.rawarg.pid': stage.actor.pid });
    const own = await stage.actor.ask('open own');
    expect(await call('pidfd_getfd', `${pidfd['evt.rawres']} ${own} 0`)).toMatchObject({
      'fd.name': under('own'),
      'fd.typechar': 'f',
      'evt.rawarg.target_fd': own,
    });
  });

  test('a TCP client: socket, connect, refused and accepted', async () => {
    const made = await call('socket', `2 ${1 | 0o2000000} 6`);
    expect(made).toMatchObject({
      'evt.arg.domain': 'AF_INET',
      'evt.arg.flags': 'O_CLOEXEC',
      'fd.typechar': '4',
      'fd.name': '',
      'fd.l4proto': '<NA>',
      'evt.category': 'net',
    });
    const fd = made['evt.rawres'];
    expect(await call('connect', `${fd} in:1 16`)).toMatchObject({
      'evt.res': 'ECONNREFUSED',
      'evt.arg.addr': '127.0.0.1:1',
      'fd.connected': false,
      'fd.name': '',
    });
    const other = (await call('socket', '10 1 0'))['evt.rawres'];
    expect(await call('connect', `${other} in6:1 28`)).toMatchObject({ 'evt.arg.addr': '::1:1', 'fd.typechar': '6' });
    const third = (await call('socket', '2 1 0'))['evt.rawres'];
    const connected = await call('connect', `${third} in:${stage.port} 16`);
    expect(connected).toMatchObject({
      'fd.sip': '127.0.0.1',
      'fd.sport': stage.port,
      'fd.cip': '127.0.0.1',
      'fd.l4proto': 'tcp',
      'fd.connected': true,
    });
    expect(connected['fd.name']).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${stage.port}$`));
    expect(await call('connect', '999 in:1 16')).toMatchObject({ 'evt.res': 'EBADF', 'fd.name': '127.0.0.1:1' });
    expect(await call('socket', '999 1 0')).toMatchObject({ 'evt.res': 'EAFNOSUPPORT', 'fd.num': -1 });
  });

  test('a TCP server: bind, listen, accept, accept4', async () => {
    const fd = Number((await call('socket', '2 1 0'))['evt.rawres']);
    expect(await call('bind', `${fd} in:0 16`)).toMatchObject({ 'evt.arg.addr': '127.0.0.1:0', 'fd.is_server': true });
    const listening = await call('listen', `${fd} 7`);
    expect(listening).toMatchObject({ 'evt.arg.backlog': '7', 'fd.is_server': true, 'fd.sip': '127.0.0.1' });
    const at = Number(listening['fd.sport']);
    expect(listening).toMatchObject({ 'fd.ip': ['127.0.0.1'], 'fd.port': [at] });
    expect(listening['fd.name']).toBe(`127.0.0.1:${at}`);
    for (const name of ['accept', 'accept4']) {
      const client = Number((await call('socket', '2 1 0'))['evt.rawres']);
      await call('connect', `${client} in:${at} 16`);
      const accepted = await call(name, `${fd} 0 0 ${0o2000000}`);
      expect(accepted).toMatchObject({
        'fd.sport': at,
        'fd.sip': '127.0.0.1',
        'fd.cip': '127.0.0.1',
        'fd.is_server': true,
        'fd.connected': true,
        'fd.lport': at,
        'fd.l4proto': 'tcp',
      });
      expect(accepted['fd.name']).toBe(`127.0.0.1:${accepted['fd.cport']}->127.0.0.1:${at}`);
    }
    expect(await call('accept', '999 0 0')).toMatchObject({
      'evt.res': 'EBADF',
      'fd.num': -1,
      'evt.arg.queuelen': undefined,
    });
  });

  test('whom datagrams go to, however the address is given', async () => {
    const [AF_INET, AF_INET6, DGRAM, RAW, ICMP] = [2, 10, 2, 3, 1];
    const to = { 'fd.typechar': '4', 'fd.rip': '127.0.0.1', 'fd.name_changed': true, 'fd.connected': true };
    const four = (await call('socket', `${AF_INET} ${DGRAM} 0`))['evt.rawres'];
    expect(await call('sendto', `${four} buf 3 0 in:7001 16`)).toMatchObject({ ...to, 'fd.sport': 7001 });
    expect(await call('sendto', `${four} buf 3 0 unspec:7002 16`)).toMatchObject({ ...to, 'fd.sport': 7002 });
    const six = (await call('socket', `${AF_INET6} ${DGRAM} 0`))['evt.rawres'];
    expect(await call('sendto', `${six} buf 3 0 in:7003 16`)).toMatchObject({ ...to, 'fd.sport': 7003 });
    expect(await call('sendmsg', `${six} msg:7004 0`)).toMatchObject({ ...to, 'fd.sport': 7004 });
    expect(await call('sendmmsg', `${six} mmsg:7005 1 0`)).toMatchObject({ ...to, 'fd.sport': 7005 });
    expect(await call('sendto', `${six} buf 3 0 in6:7005 28`)).toMatchObject({ 'fd.typechar': '6', 'fd.rip': '::1' });
    const raw = (await call('socket', `${AF_INET} ${RAW} ${ICMP}`))['evt.rawres'];
    expect(await call('sendto', `${raw} buf 8 0 in:0 16`)).toMatchObject({ ...to, 'fd.l4proto': 'icmp' });
  });

  test('those who wait to be accepted', async () => {
    const fd = Number((await call('socket', '2 1 0'))['evt.rawres']);
    await call('bind', `${fd} in:0 16`);
    const at = Number((await call('listen', `${fd} 7`))['fd.sport']);
    for (let client = 0; client < 3; client++) {
      await call('socket', '2 1 0');
      await call('connect', `$ in:${at} 16`);
    }
    expect(await call('accept', `${fd} 0 0`)).toMatchObject({
      'evt.rawarg.queuelen': 2,
      'evt.rawarg.queuemax': 7,
      'evt.arg.queuepct': '28',
    });
  });
}

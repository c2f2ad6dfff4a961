/** Calls that move data: files, sockets, messages and what comes with them. */

import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { has32, type Stage } from './stage.ts';

export function dataCalls(stage: Stage): void {
  const { act, call, callOn, rows, under } = stage;

  test('read, write and their kin', async () => {
    const bytes = (text: string) => new Uint8Array(Buffer.from(text));
    const fd = await stage.actor.ask(`open data ${0o102} 0600`);
    const first = await callOn(fd, 'write', `'hello,world 11`);
    expect(first).toMatchObject({
      'evt.buffer': bytes('hello,world'),
      'evt.arg.data': 'hello,world',
      'evt.arg.size': '11',
      'evt.buflen': 11,
      'evt.buflen.out': 11,
      'evt.buflen.file': 11,
      'evt.buflen.in': undefined,
      'evt.buflen.net.out': undefined,
      'fd.name': under('data'),
      'evt.io_dir': 'write',
      'evt.category': 'io_write',
    });
    expect(first['evt.args']).toBe(`res=11 data=hello,world fd=${fd}(<f>${under('data')}) size=11`);
    expect(await callOn(fd, 'pwrite', `'HE 2 0`)).toMatchObject({ 'evt.buffer': bytes('HE'), 'evt.rawarg.size': 2 });
    expect(await callOn(fd, 'writev', 'vec:_twice_as_much 2')).toMatchObject({
      'evt.arg.data': '_twice_as_much',
      'evt.arg.size': '14',
    });
    expect(await callOn(fd, 'pwritev', 'vec:HELL 2 0 0')).toMatchObject({
      'evt.buflen.out': 4,
      'evt.rawarg.size': 4,
      'evt.rawarg.pos': 0,
      'evt.arg.data': 'HELL',
    });
    expect(await callOn(fd, 'pread', 'buf 5 2')).toMatchObject({
      'evt.arg.pos': '2',
      'evt.buffer': bytes('LLo,w'),
      'evt.buflen.file.in': 5,
      'evt.io_dir': 'read',
    });
    expect(await callOn(fd, 'preadv', 'vec:........ 2 3 0')).toMatchObject({
      'evt.arg.data': 'Lo,world',
      'evt.rawarg.size': 8,
      'evt.rawarg.pos': 3,
    });
    expect(await callOn(fd, 'read', 'buf 8')).toMatchObject({ 'evt.buffer': bytes(''), 'evt.arg.data': 'NULL' });
    await stage.seek(fd, 4);
    expect(await callOn(fd, 'read', 'buf 64')).toMatchObject({
      'evt.arg.data': 'o,world_twice_as_much',
      'evt.buflen': 21,
    });
    await stage.seek(fd, 20);
    expect(await callOn(fd, 'readv', 'vec:...... 2')).toMatchObject({
      'evt.arg.data': '_much',
      'evt.arg.size': '5',
      'evt.buflen.in': 5,
    });
    // What fails has read nothing, and would have written what there was.
    expect(await callOn(999, 'readv', 'vec:...... 2')).toMatchObject({ 'evt.res': 'EBADF', 'evt.rawarg.size': 0 });
    expect(await callOn(999, 'writev', 'vec:twice 2')).toMatchObject({ 'evt.res': 'EBADF', 'evt.rawarg.size': 5 });
    expect(await callOn(fd, 'writev', '1 2')).toMatchObject({ 'evt.res': 'EFAULT', 'evt.rawarg.size': undefined });
    expect(await callOn(999, 'write', `'lost 4`)).toMatchObject({
      'evt.res': 'EBADF',
      'evt.arg.data': 'lost',
      'evt.buflen': undefined,
    });
  });

  test('no more than 80 bytes of what is moved, and what does not print as dots', async () => {
    const fd = await stage.actor.ask(`open long ${0o102} 0600`);
    const long = await callOn(fd, 'write', `'${'x'.repeat(100)} 100`);
    expect([long['evt.buffer'], long['evt.buflen']]).toEqual([new Uint8Array(80).fill(0x78), 100]);
    await stage.seek(fd, 0);
    expect(await callOn(fd, 'writev', `vec:${'y'.repeat(63)} 2`)).toMatchObject({ 'evt.arg.data': 'y'.repeat(63) });
    await stage.seek(fd, 200);
    await callOn(fd, 'write', `'z 1`);
    expect(await callOn(fd, 'pread', 'buf 4 197')).toMatchObject({ 'evt.arg.data': '...z', 'evt.rawres': 4 });
  });

  test('writes to a socket are events of that socket', async () => {
    const fd = Number((await call('socket', '2 1 0'))['evt.rawres']);
    await call('connect', `${fd} in:${stage.port} 16`);
    expect(await callOn(fd, 'write', `'ping 4`)).toMatchObject({
      'fd.sport': stage.port,
      'fd.type': 'ipv4',
      'evt.arg.data': 'ping',
      'evt.buflen.net.out': 4,
      'evt.buflen.file': undefined,
    });
  });

  test('unix sockets', async () => {
    const fd = Number((await call('socket', '1 1 0'))['evt.rawres']);
    expect(await call('bind', `${fd} un:${under('sock')} 110`)).toMatchObject({
      'fd.typechar': 'u',
      'fd.name': under('sock'),
      'fd.sockfamily': 'unix',
    });
    expect(await call('listen', `${fd} 1`)).toMatchObject({ 'fd.name': under('sock') });
    const client = Number((await call('socket', '1 1 0'))['evt.rawres']);
    const connected = await call('connect', `${client} un:${under('sock')} 110`);
    expect(connected['fd.name']).toMatch(new RegExp(`^[0-9a-f]+->[0-9a-f]+ ${under('sock')}$`));
    expect(connected['fd.realpath']).toBe(under('sock'));
    const accepted = await call('accept', `${fd} 0 0`);
    expect(accepted['fd.name']).toMatch(new RegExp(` ${under('sock')}$`));
    expect(accepted['fd.realpath']).toBe(under('sock'));
    // By another way to the same socket.
    await call('symlinkat', `'sock -100 'way`);
    const other = Number((await call('socket', '1 1 0'))['evt.rawres']);
    const behind = await call('connect', `${other} un:way 110`);
    expect(behind['fd.name']).toMatch(/^[0-9a-f]+->[0-9a-f]+ way$/);
    expect(behind['fd.realpath']).toBe(under('sock'));
    const third = Number((await call('socket', '1 1 0'))['evt.rawres']);
    expect(await call('connect', `${third} un:nowhere 110`)).toMatchObject({ 'fd.realpath': undefined });
  });

  test('data: sendto, sendmsg, recvfrom, recvmsg', async () => {
    const bound = Number((await call('socket', '2 2 0'))['evt.rawres']);
    expect(await call('bind', `${bound} in:0 16`)).toMatchObject({ 'evt.res': 'SUCCESS' });
    const at = await portOf(bound);
    const fd = Number((await call('socket', '2 2 0'))['evt.rawres']);
    const first = await call('sendto', `${fd} 'x 1 0 in:${at} 16`);
    expect(first).toMatchObject({
      'fd.sip': '127.0.0.1',
      'fd.sport': at,
      'fd.l4proto': 'udp',
      'fd.name_changed': true,
      'fd.connected': true,
      'evt.arg.size': '1',
      'evt.io_dir': 'write',
      'evt.is_io': true,
      'evt.arg.data': 'x',
      'evt.buflen.net.out': 1,
    });
    expect(await call('sendto', `${fd} 'x 1 0 in:${at} 16`)).toMatchObject({ 'fd.name_changed': false });
    expect(await call('sendmsg', `${fd} msg:${at} 0`)).toMatchObject({
      'fd.sport': at,
      'fd.name_changed': false,
      'evt.arg.data': 'x',
    });
    expect(await call('sendmsg', `${fd} msg:9 0`)).toMatchObject({
      'fd.sport': 9,
      'fd.name_changed': true,
      'evt.rawarg.size': 1,
    });
    const got = await call('recvfrom', `${bound} buf 8 0x40 in:0 len`);
    expect(got).toMatchObject({
      'fd.sport': at,
      'evt.io_dir': 'read',
      'fd.is_server': true,
      'evt.rawres': 1,
      'evt.arg.data': 'x',
    });
    expect(got['fd.cport']).toBe(first['fd.cport'] ?? first['fd.lport']);
    expect(await call('recvmsg', `${bound} msg:0 0x40`)).toMatchObject({
      'fd.sport': at,
      'evt.rawres': 1,
      'evt.arg.data': 'x',
      'evt.rawarg.size': 1,
      'evt.arg.msgcontrol': 'NULL',
    });
  });

  test('sendmmsg and recvmmsg: an event for each message', async () => {
    const bound = Number((await call('socket', '2 2 0'))['evt.rawres']);
    await call('bind', `${bound} in:0 16`);
    const at = await portOf(bound);
    const fd = Number((await call('socket', '2 2 0'))['evt.rawres']);
    const all = async (name: string, args: string) => {
      await call(name, args);
      return rows.filter((row) => row['evt.type'] === name);
    };
    const common = { 'evt.rawres': 2, 'fd.sip': '127.0.0.1', 'fd.sport': at, 'fd.l4proto': 'udp' };
    const sent = await all('sendmmsg', `${fd} mmsg:${at} 2 0`);
    expect(sent).toMatchObject([
      { ...common, 'evt.arg.data': 'one', 'evt.rawarg.size': 3, 'evt.buflen.net.out': 3, 'fd.name_changed': true },
      { ...common, 'evt.arg.data': 'three', 'evt.rawarg.size': 5, 'evt.buflen': 5, 'fd.name_changed': false },
    ]);
    const got = await all('recvmmsg', `${bound} mmsg:0 2 0x40 0`);
    expect(got).toMatchObject([
      { ...common, 'evt.arg.data': 'one', 'evt.rawarg.size': 3, 'evt.io_dir': 'read', 'evt.arg.msgcontrol': 'NULL' },
      // As much as the buffer took.
      { ...common, 'evt.arg.data': 'three', 'evt.rawarg.size': 5, 'fd.is_server': true },
    ]);
    expect(await all('sendmmsg', `999 mmsg:${at} 2 0`)).toMatchObject([
      { 'evt.res': 'EBADF', 'evt.arg.data': 'one', 'evt.rawarg.size': 0, 'evt.buflen': undefined },
    ]);
    await call('connect', `${fd} in:${at} 16`);
    if (!has32) return;
    await act(`sys32 345 ${fd} mmsg:onethree 2 0`, 'sendmmsg');
    expect(rows.filter((row) => row['evt.type'] === 'sendmmsg')).toMatchObject([
      { ...common, 'evt.arg.data': 'one', 'evt.rawarg.size': 3 },
      { ...common, 'evt.arg.data': 'three', 'evt.rawarg.size': 5 },
    ]);
  });

  test('a descriptor that comes with a message', async () => {
    const { row, result } = await act(`pass ${await stage.actor.ask('open own')}`, 'recvmsg');
    // A struct cmsghdr: length (16 and the descriptor's 4), SOL_SOCKET, SCM_RIGHTS.
    const control = Buffer.from(row['evt.rawarg.msgcontrol'] as Uint8Array);
    expect([control.readBigUInt64LE(), control.readInt32LE(8), control.readInt32LE(12)]).toEqual([20n, 1, 1]);
    expect(control.readInt32LE(16)).toBe(result);
    expect(row['evt.arg.data']).toBe('x');
  });

  /** The port that a UDP socket of the actor is bound to. */
  async function portOf(fd: number): Promise<number> {
    const line = `awk '$10 == ${await inode(fd)} { print $2 }' /proc/net/udp`;
    const [, port = ''] = execFileSync('sh', ['-c', line]).toString().trim().split(':');
    return Number.parseInt(port, 16);
  }

  async function inode(fd: number): Promise<number> {
    return statSync(`/proc/${stage.actor.pid}/fd/${fd}`).ino;
  }
}

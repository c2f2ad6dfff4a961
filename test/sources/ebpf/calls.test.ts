/** Every system call of native/calls.yaml, performed for real, and what its fields say. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CALLS } from '../../../native/calls.ts';
import type { Batch } from '../../../src/core/batch.ts';
import type { Value } from '../../../src/events/field.ts';
import { ebpf } from '../../../src/sources/ebpf/index.ts';
import { Actor, prepare, whyNot } from '../../native/harness.ts';
import { contextFor } from './support.ts';

const AT_FDCWD = -100;
const skipped = whyNot();

type Row = Record<string, Value | undefined>;

const FIELDS = [
  'evt.type evt.res evt.rawres evt.failed evt.category evt.args evt.is_io evt.io_dir evt.abspath evt.abspath.src',
  'fd.num fd.type fd.typechar fd.name fd.directory fd.filename fd.l4proto fd.sockfamily fd.cip fd.sip fd.sport fd.cport',
  'fd.ip fd.port fd.rip fd.lport fd.is_server fd.connected fd.name_changed fd.ino',
  'evt.buffer evt.buflen evt.buflen.in evt.buflen.out evt.buflen.file evt.buflen.file.in evt.buflen.net.out evt.cpu',
  'fs.path.name fs.path.source fs.path.target fs.path.nameraw user.uid proc.name',
  ...[
    ...new Set(Object.values(CALLS).flatMap(({ args }) => Object.keys(args))),
    ...'res fd flags comm data img msgcontrol ID nativeID queuelen queuemax queuepct'.split(' '),
  ].map((name) => `evt.arg.${name} evt.rawarg.${name}`),
].flatMap((line) => line.split(' '));

describe.skipIf(skipped || process.arch !== 'x64')('system calls', () => {
  let place: ReturnType<typeof prepare>;
  let folder: string;
  let actor: Actor;
  let server: Server;
  let port = 0;
  const rows: Row[] = [];
  let stop = () => {};
  const seen = new Set<string>();

  beforeAll(async () => {
    place = prepare();
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'falco-pipe-calls-')));
    mkdirSync(join(folder, 'dir/sub'), { recursive: true });
    for (const name of ['a', 'b', 'dir/x', 'dir/y', 'own']) writeFileSync(join(folder, name), 'x');
    symlinkSync('a', join(folder, 'link'));
    server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const address = server.address();
    port = address && typeof address === 'object' ? address.port : 0;
    actor = await Actor.start(place.program, folder);
    const types = new Set(Object.keys(CALLS));
    const ctx = contextFor({ fields: new Set(FIELDS), types });
    const subscription = ebpf.open(ebpf.config.parse({ scope: { descendants_of: actor.pid } }), ctx).subscribe({
      next: (batch: Batch) => {
        for (let index = 0; index < batch.events.length; index++) {
          const event = batch.events.at(index);
          rows.push(Object.fromEntries(FIELDS.map((field) => [field, event?.get(field)])));
        }
      },
    });
    stop = () => subscription.unsubscribe();
  });
  afterAll(() => {
    stop();
    actor?.stop();
    server?.close();
    place?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Performs an action and returns the event of that type that it made, on a descriptor where one is named. */
  async function act(line: string, type: string, fd?: number): Promise<{ row: Row; result: number }> {
    rows.length = 0;
    const result = await actor.ask(line);
    for (let waited = 0; waited < 400; waited++) {
      const row = rows.findLast((each) => each['evt.type'] === type && each['fd.num'] === (fd ?? each['fd.num']));
      if (row !== undefined) {
        seen.add(type);
        return { row, result };
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`${line} made no ${type}, but ${rows.map((row) => row['evt.type'])}`);
  }

  /** The call by its number; its event has the result that the call gave. */
  async function call(name: string, args: string, options: { apart?: boolean; fd?: number } = {}): Promise<Row> {
    const id = (CALLS[name] as { id: number }).id;
    const { row, result } = await act(`${options.apart ? 'sys-apart' : 'sys'} ${id} ${args}`, name, options.fd);
    if (!options.apart) expect(row['evt.rawres'], name).toBe(result);
    expect(row['evt.failed'], name).toBe(Number(row['evt.rawres']) < 0);
    return row;
  }

  /** A call on a descriptor; the program reads and writes others too. */
  const callOn = (fd: number, name: string, args: string) => call(name, `${fd} ${args}`, { fd });

  const under = (path: string) => join(folder, path);
  const openDirectory = (path: string) => actor.ask(`open ${path} ${0o200000}`);

  test('rename, renameat, renameat2', async () => {
    expect(await call('rename', `'a '${under('c')}`)).toMatchObject({
      'evt.res': 'SUCCESS',
      'evt.arg.oldpath': under('a'),
      'evt.rawarg.oldpath': 'a',
      'evt.arg.newpath': under('c'),
      'fs.path.source': under('a'),
      'fs.path.target': under('c'),
      'evt.category': 'file',
    });
    const dir = await openDirectory('dir');
    expect(await call('renameat', `${dir} 'x ${AT_FDCWD} 'moved`)).toMatchObject({
      'evt.arg.olddirfd': String(dir),
      'evt.arg.oldpath': under('dir/x'),
      'evt.arg.newdirfd': 'AT_FDCWD',
      'evt.arg.newpath': under('moved'),
      'evt.abspath.src': under('dir/x'),
    });
    expect(await call('renameat2', `${AT_FDCWD} 'moved ${dir} 'y 1`)).toMatchObject({
      'evt.res': 'EEXIST',
      'evt.arg.newpath': under('dir/y'),
      'evt.arg.flags': 'RENAME_NOREPLACE',
      'fs.path.source': undefined,
    });
  });

  test('link, linkat, symlink, symlinkat', async () => {
    expect(await call('link', `'b 'hard`)).toMatchObject({
      'evt.arg.oldpath': under('b'),
      'evt.arg.newpath': under('hard'),
      'fs.path.target': under('b'),
      'fs.path.source': under('hard'),
    });
    const dir = await openDirectory('dir');
    expect(await call('linkat', `${AT_FDCWD} 'b ${dir} 'b2 0x400`)).toMatchObject({
      'evt.arg.oldpath': under('b'),
      'evt.arg.newpath': under('dir/b2'),
      'evt.arg.flags': 'AT_SYMLINK_FOLLOW',
    });
    expect(await call('symlink', `'/etc/shadow 'soft`)).toMatchObject({
      'evt.arg.target': '/etc/shadow',
      'evt.arg.linkpath': under('soft'),
      'fs.path.target': '/etc/shadow',
      'fs.path.source': under('soft'),
    });
    expect(await call('symlinkat', `'../relative ${dir} 'soft`)).toMatchObject({
      'evt.arg.target': '../relative',
      'evt.arg.linkdirfd': `<d>${under('dir')}`,
      'evt.arg.linkpath': under('dir/soft'),
      'fd.num': dir,
      'fd.name': under('dir'),
      'fd.typechar': 'd',
    });
  });

  test('mkdir, mkdirat, rmdir, unlink, unlinkat', async () => {
    expect(await call('mkdir', `'new 0750`)).toMatchObject({
      'evt.arg.path': under('new'),
      'evt.arg.mode': '1E8',
      'fs.path.name': under('new'),
      'fs.path.nameraw': 'new',
    });
    const dir = await openDirectory('dir');
    expect(await call('mkdirat', `${dir} 'inner 0700`)).toMatchObject({
      'evt.arg.path': under('dir/inner'),
      'evt.abspath': under('dir/inner'),
      'fd.name': under('dir'),
    });
    expect(await call('rmdir', `'new`)).toMatchObject({ 'evt.arg.path': under('new'), 'evt.res': 'SUCCESS' });
    expect(await call('unlink', `'hard`)).toMatchObject({ 'evt.arg.path': under('hard') });
    expect(await call('unlinkat', `${dir} 'inner 0x200`)).toMatchObject({
      'evt.arg.dirfd': `<d>${under('dir')}`,
      'evt.arg.name': under('dir/inner'),
      'evt.arg.flags': 'AT_REMOVEDIR',
      'fs.path.name': under('dir/inner'),
    });
    expect(await call('unlinkat', `${AT_FDCWD} '${under('nowhere')} 0`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.dirfd': 'AT_FDCWD',
      'evt.arg.name': under('nowhere'),
      'fd.num': AT_FDCWD,
      'fd.name': '',
      'fd.typechar': 'o',
      'fs.path.name': undefined,
    });
  });

  test('chmod, fchmod, fchmodat, fchmodat2, chown, lchown, fchown, fchownat, mknod, mknodat', async () => {
    expect(await call('chmod', `'own 04755`)).toMatchObject({
      'evt.arg.filename': under('own'),
      'evt.arg.mode': expect.stringContaining('S_ISUID'),
      'evt.rawarg.mode': 0o4755,
    });
    const own = await actor.ask('open own');
    const file = { 'fd.num': own, 'fd.name': under('own'), 'fd.typechar': 'f', 'fd.filename': 'own' };
    expect(await call('fchmod', `${own} 0600`)).toMatchObject({ ...file, 'evt.arg.fd': `<f>${under('own')}` });
    const dir = await openDirectory('dir');
    expect(await call('fchmodat', `${dir} 'y 0644`)).toMatchObject({
      'evt.arg.filename': under('dir/y'),
      'evt.arg.mode': 'S_IROTH|S_IRGRP|S_IWUSR|S_IRUSR',
    });
    expect(await call('fchmodat2', `${dir} 'y 0644 0`)).toMatchObject({ 'evt.type': 'fchmodat2' });
    expect(await call('chown', `'own 1 2`)).toMatchObject({ 'evt.arg.path': under('own'), 'evt.arg.uid': '1' });
    expect(await call('lchown', `'link 0 0`)).toMatchObject({ 'evt.arg.path': under('link'), 'evt.arg.gid': '0' });
    expect(await call('fchown', `${own} 0 0`)).toMatchObject(file);
    expect(await call('fchownat', `${dir} 'y 0 0 0x100`)).toMatchObject({
      'evt.arg.pathname': under('dir/y'),
      'evt.arg.flags': 'AT_SYMLINK_NOFOLLOW',
    });
    expect(await call('mknod', `'fifo 010644 0`)).toMatchObject({
      'evt.arg.path': under('fifo'),
      'evt.rawarg.mode': 0o10644,
    });
    expect(await call('mknodat', `${dir} 'fifo 010644 0`)).toMatchObject({ 'evt.arg.path': under('dir/fifo') });
  });

  test('mount, umount2, umount, chroot, pivot_root, where they fail', async () => {
    expect(await call('mount', `'none '${under('nowhere')} 'tmpfs 3`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.dev': 'none',
      'evt.arg.dir': under('nowhere'),
      'evt.arg.type': 'tmpfs',
      'evt.arg.flags': 'RDONLY|NOSUID',
    });
    expect(await call('mount', `'none 'dir 0 0x20`)).toMatchObject({
      'evt.arg.type': undefined,
      'evt.arg.flags': 'REMOUNT',
    });
    expect(await call('umount2', `'dir 2`)).toMatchObject({ 'evt.arg.name': under('dir'), 'evt.arg.flags': 'DETACH' });
    expect((await act(`sys32 22 'dir`, 'umount')).row).toMatchObject({ 'evt.arg.name': under('dir') });
    expect(await call('chroot', `'nowhere`)).toMatchObject({ 'evt.arg.path': under('nowhere'), 'evt.res': 'ENOENT' });
    expect(await call('pivot_root', `'. '.`)).toMatchObject({ 'evt.failed': true });
  });

  test('chdir and fchdir', async () => {
    expect(await call('chdir', `'dir`)).toMatchObject({ 'evt.arg.path': under('dir'), 'fs.path.name': under('dir') });
    expect(await call('chdir', `'${folder}`)).toMatchObject({ 'evt.res': 'SUCCESS' });
    expect(await call('chdir', `'nowhere`)).toMatchObject({ 'evt.res': 'ENOENT', 'evt.arg.path': under('nowhere') });
    const dir = await openDirectory('dir');
    expect(await call('fchdir', String(dir))).toMatchObject({
      'evt.res': 'SUCCESS',
      'evt.rawarg.fd': dir,
      'evt.arg.fd': `<d>${under('dir')}`,
      'fd.num': dir,
      'fd.type': 'directory',
      'fd.typechar': 'd',
      'fd.name': under('dir'),
      'fd.directory': under('dir'),
    });
    expect(await call('fchdir', '999')).toMatchObject({ 'evt.res': 'EBADF', 'evt.rawarg.fd': 999, 'fd.num': 999 });
    expect(await call('chdir', `'${folder}`)).toMatchObject({ 'fd.num': undefined, 'fd.name': undefined });
  });

  test('execve and execveat that fail', async () => {
    expect(await call('execve', `'nowhere`)).toMatchObject({
      'evt.res': 'ENOENT',
      'evt.arg.filename': under('nowhere'),
      'proc.name': 'actions',
    });
    const dir = await openDirectory('dir');
    expect(await call('execveat', `${dir} 'nowhere 0 0 0`)).toMatchObject({ 'evt.arg.filename': under('dir/nowhere') });
  });

  test('dup, dup2 and dup3, of files and of sockets', async () => {
    const own = await actor.ask('open own');
    const { ino } = statSync(under('own'));
    const file = { 'fd.name': under('own'), 'fd.typechar': 'f', 'fd.type': 'file', 'fd.ino': ino };
    const copy = await call('dup', String(own));
    expect(copy).toMatchObject({ ...file, 'evt.arg.oldfd': `<f>${under('own')}` });
    expect(copy['fd.num']).toBe(copy['evt.rawres']);
    expect(await call('dup2', `${own} 200`)).toMatchObject({ ...file, 'fd.num': 200, 'evt.rawres': 200 });
    expect(await call('dup3', `${own} 201 ${0o2000000}`)).toMatchObject({ ...file, 'evt.arg.flags': 'O_CLOEXEC' });
    expect(await call('dup2', '999 3')).toMatchObject({ 'evt.res': 'EBADF', 'fd.num': 999, 'fd.typechar': 'o' });
    const socket = Number((await call('socket', '2 1 0'))['evt.rawres']);
    await call('connect', `${socket} in:${port} 16`);
    expect(await call('dup2', `${socket} 202`)).toMatchObject({
      'fd.num': 202,
      'fd.type': 'ipv4',
      'fd.sip': '127.0.0.1',
      'fd.sport': port,
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
      'evt.rawarg.cq_entries': 8,
      'evt.rawarg.flags': 0,
      'evt.rawarg.sq_thread_cpu': 0,
      'evt.rawarg.sq_thread_idle': 50,
    });
    expect(ring['evt.arg.features']).toMatch(/^(?:[A-Z_]+\|)*[A-Z_]*NODROP/);
    const { row: polled } = await act('uring sqpoll 0 0 0 0 0 0', 'io_uring_setup');
    expect(polled['evt.arg.flags']).toBe('IORING_SETUP_SQPOLL');
    expect(await call('perf_event_open', '0 0 0 0 0')).toMatchObject({
      'evt.failed': true,
      'evt.arg.ID': 'perf_event_open',
      'evt.rawarg.ID': 234,
      'evt.rawarg.nativeID': 298,
    });
    expect((await act('sys32 336 0 0 0 0 0', 'perf_event_open')).row).toMatchObject({ 'evt.rawarg.nativeID': 336 });
    const pidfd = await call('pidfd_open', `${actor.pid} 0`);
    expect(pidfd).toMatchObject({ 'fd.typechar': 'P', 'evt.arg.pid': 'actions', 'evt.rawarg.pid': actor.pid });
    const own = await actor.ask('open own');
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
    const connected = await call('connect', `${third} in:${port} 16`);
    expect(connected).toMatchObject({
      'fd.sip': '127.0.0.1',
      'fd.sport': port,
      'fd.cip': '127.0.0.1',
      'fd.l4proto': 'tcp',
      'fd.connected': true,
    });
    expect(connected['fd.name']).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${port}$`));
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

  test('read, write and their kin', async () => {
    const bytes = (text: string) => new Uint8Array(Buffer.from(text));
    const fd = await actor.ask(`open data ${0o102} 0600`);
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
    await actor.ask(`sys 8 ${fd} 4 0`);
    expect(await callOn(fd, 'read', 'buf 64')).toMatchObject({
      'evt.arg.data': 'o,world_twice_as_much',
      'evt.buflen': 21,
    });
    await actor.ask(`sys 8 ${fd} 20 0`);
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
    const fd = await actor.ask(`open long ${0o102} 0600`);
    const long = await callOn(fd, 'write', `'${'x'.repeat(100)} 100`);
    expect([long['evt.buffer'], long['evt.buflen']]).toEqual([new Uint8Array(80).fill(0x78), 100]);
    await actor.ask(`sys 8 ${fd} 0 0`);
    expect(await callOn(fd, 'writev', `vec:${'y'.repeat(63)} 2`)).toMatchObject({ 'evt.arg.data': 'y'.repeat(63) });
    await actor.ask(`sys 8 ${fd} 200 0`);
    await actor.ask(`sys 1 ${fd} 'z 1`);
    expect(await callOn(fd, 'pread', 'buf 4 197')).toMatchObject({ 'evt.arg.data': '...z', 'evt.rawres': 4 });
  });

  test('writes to a socket are events of that socket', async () => {
    const fd = Number((await call('socket', '2 1 0'))['evt.rawres']);
    await call('connect', `${fd} in:${port} 16`);
    expect(await callOn(fd, 'write', `'ping 4`)).toMatchObject({
      'fd.sport': port,
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
    expect((await call('accept', `${fd} 0 0`))['fd.name']).toMatch(new RegExp(` ${under('sock')}$`));
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
    await act(`sys32 345 ${fd} mmsg:onethree 2 0`, 'sendmmsg');
    expect(rows.filter((row) => row['evt.type'] === 'sendmmsg')).toMatchObject([
      { ...common, 'evt.arg.data': 'one', 'evt.rawarg.size': 3 },
      { ...common, 'evt.arg.data': 'three', 'evt.rawarg.size': 5 },
    ]);
  });

  test('a descriptor that comes with a message', async () => {
    const { row, result } = await act(`pass ${await actor.ask('open own')}`, 'recvmsg');
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
    return statSync(`/proc/${actor.pid}/fd/${fd}`).ino;
  }

  test('other processes: ptrace, process_vm_writev, kill, tkill, tgkill', async () => {
    expect(await call('ptrace', '16 999999999 0 0')).toMatchObject({
      'evt.arg.request': 'PTRACE_ATTACH',
      'evt.rawarg.pid': 999_999_999,
      'evt.res': 'ESRCH',
    });
    expect(await call('ptrace', '0', { apart: true })).toMatchObject({ 'evt.arg.request': 'PTRACE_TRACEME' });
    expect(await call('process_vm_writev', `${actor.pid} vec:written 2 0 0 0`)).toMatchObject({
      'evt.arg.pid': 'actions',
      'evt.arg.data': 'written',
    });
    expect(await call('kill', `${actor.pid} 0`)).toMatchObject({ 'evt.arg.pid': 'actions', 'evt.rawarg.sig': 0 });
    expect(await call('tkill', `${actor.pid} 18`)).toMatchObject({ 'evt.arg.sig': 'SIGCONT' });
    expect(await call('tgkill', `${actor.pid} ${actor.pid} 18`)).toMatchObject({ 'evt.rawarg.tid': actor.pid });
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
    const ns = await actor.ask(`open /proc/${actor.pid}/ns/net`);
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
    const own = await actor.ask('open own');
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
    expect((await act('sys32 288 0 -3 0', 'keyctl')).row).toMatchObject({ 'evt.rawarg.arg2': -3 });
  });

  test('the open family', async () => {
    expect(await call('open', `'own 0`)).toMatchObject({ 'fd.name': under('own'), 'evt.arg.flags': 'O_RDONLY' });
    expect(await call('creat', `'made 0600`)).toMatchObject({ 'fd.name': under('made') });
    expect(await call('openat', `${AT_FDCWD} 'own 2`)).toMatchObject({ 'evt.arg.flags': 'O_RDWR' });
    expect(await call('openat2', `${AT_FDCWD} 'own 0 0`)).toMatchObject({ 'evt.res': 'EINVAL', 'fd.num': -1 });
  });

  test('calls by the 32-bit door are the same events', async () => {
    expect((await act(`sys32 39 'compat 0700`, 'mkdir')).row).toMatchObject({ 'evt.arg.path': under('compat') });
    expect((await act(`sys32 38 'compat 'compat2`, 'rename')).row).toMatchObject({
      'evt.arg.newpath': under('compat2'),
    });
    expect((await act(`sys32 301 ${AT_FDCWD} 'compat2 0x200`, 'unlinkat')).row).toMatchObject({
      'evt.arg.name': under('compat2'),
      'evt.arg.dirfd': 'AT_FDCWD',
    });
    const own = await actor.ask('open own 1');
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
    expect(Object.keys(CALLS).filter((name) => !seen.has(name))).toEqual([]);
  });
});

import { once } from 'node:events';
import { existsSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ebpf } from '../../../src/sources/ebpf/index.ts';
import { whyNot } from '../../native/harness.ts';
import { scratch } from '../../scratch.ts';
import { Shell, Watch } from './shell.ts';
import { contextFor } from './support.ts';

const skipped = whyNot();

/** Keeps this thread from draining, so that everything lands in one batch. */
const hold = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe.skipIf(skipped)('live', () => {
  let shell: Shell;
  let watch: Watch | undefined;
  let folder: string;
  beforeAll(() => {
    folder = scratch();
    writeFileSync(join(folder, 'file'), 'x\n');
    symlinkSync('file', join(folder, 'link'));
  });
  beforeEach(async () => {
    shell = new Shell();
    await shell.run(':');
  });
  afterEach(async () => {
    watch?.stop();
    await shell.stop();
  });

  it('judges open, exec, open and exit of one process in one batch with the image of each moment', async () => {
    const fields = [
      'evt.type',
      'fd.name',
      'proc.exepath',
      'proc.cmdline',
      'proc.pname',
      'proc.pid',
      'proc.ppid',
      'proc.duration',
    ];
    watch = new Watch(shell, fields, ['open', 'openat', 'execve', 'procexit', 'clone']);
    await new Promise((resolve) => setTimeout(resolve, 30));
    shell.child.stdin?.write(`sh -c 'read x < ${folder}/file; exec cat ${folder}/link' > /dev/null\n`);
    hold(400);
    await watch.until((row) => row['evt.type'] === 'procexit');
    const ours = watch.rows.filter((row) => String(row['fd.name'] ?? folder).startsWith(folder));
    const sh = realpathSync('/bin/sh');
    const cat = realpathSync('/bin/cat');
    const line = `sh -c read x < ${folder}/file; exec cat ${folder}/link`;
    expect(ours.map((row) => [row['evt.type'], row['fd.name'], row['proc.exepath'], row['proc.cmdline']])).toEqual([
      ['clone', undefined, sh, 'sh'],
      ['execve', undefined, sh, line],
      ['openat', `${folder}/file`, sh, line],
      ['execve', undefined, cat, `cat ${folder}/link`],
      ['openat', `${folder}/link`, cat, `cat ${folder}/link`],
      ['procexit', undefined, cat, `cat ${folder}/link`],
    ]);
    expect(watch.batches.some((length) => length >= ours.length)).toBe(true);
    for (const row of ours) {
      expect(row).toMatchObject({ 'proc.pname': 'sh', 'proc.ppid': shell.pid });
      expect(row['proc.duration']).toBeGreaterThanOrEqual(0);
    }
  });

  it('knows the process that ran before, and everyone in between', async () => {
    watch = new Watch(shell, [
      'proc.name',
      'proc.pid',
      'proc.exepath',
      'proc.cwd',
      'proc.aname',
      'proc.apid',
      'user.uid',
      'user.name',
      'proc.sid',
      'container.id',
      'fd.name',
      'evt.time',
    ]);
    await shell.run(`cd ${folder}; sh -c 'sh -c "cat file; :"; :'`);
    const row = await watch.until((one) => one['proc.name'] === 'cat' && one['fd.name'] === `${folder}/file`);
    expect(row).toMatchObject({
      'proc.exepath': realpathSync('/bin/cat'),
      'proc.cwd': `${folder}/`,
      'user.uid': 0,
      'user.name': 'root',
    });
    expect((row['proc.aname'] as string[]).slice(0, 3)).toEqual(['sh', 'sh', 'sh']);
    expect((row['proc.apid'] as number[])[2]).toBe(shell.pid);
    expect(row['evt.time']).toMatch(/^\d\d:\d\d:\d\d\.\d{9}$/);
  });

  it('reads paths as they were written, and where they led', async () => {
    watch = new Watch(shell, [
      'evt.type',
      'fd.name',
      'fd.nameraw',
      'fd.realpath',
      'fd.directory',
      'fd.filename',
      'fd.num',
      'evt.res',
      'evt.is_open_write',
      'evt.is_open_create',
      'evt.arg.flags',
      'fd.typechar',
    ]);
    await shell.run(`cd ${folder}; cat ./link .//../nope 2>/dev/null; echo x > new`);
    const link = await watch.until((row) => row['fd.nameraw'] === './link');
    expect(link).toMatchObject({
      'fd.name': `${folder}/link`,
      'fd.realpath': `${folder}/file`,
      'fd.directory': folder,
      'fd.filename': 'link',
      'evt.res': 'SUCCESS',
      'fd.typechar': 'f',
      'evt.is_open_write': false,
    });
    const nope = await watch.until((row) => row['fd.nameraw'] === './/../nope');
    expect(nope).toMatchObject({ 'fd.num': -1, 'evt.res': 'ENOENT', 'fd.name': join(folder, '../nope') });
    expect(nope['fd.realpath']).toBeUndefined();
    const created = await watch.until((row) => row['fd.nameraw'] === 'new');
    expect(created).toMatchObject({
      'evt.is_open_write': true,
      'evt.is_open_create': true,
      'evt.arg.flags': 'O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED',
    });
  });

  it('has the effective user of the moment, with the name that the host gives it', async () => {
    watch = new Watch(
      shell,
      ['evt.type', 'proc.name', 'user.uid', 'user.name', 'group.gid', 'user.loginuid'],
      ['execve'],
    );
    await shell.run('setpriv --reuid=1 --regid=2 --clear-groups /bin/true');
    const before = await watch.until((row) => row['proc.name'] === 'setpriv');
    const after = await watch.until((row) => row['proc.name'] === 'true');
    expect([before['user.uid'], before['user.name']]).toEqual([0, 'root']);
    expect([after['user.uid'], after['user.name'], after['group.gid']]).toEqual([1, 'daemon', 2]);
  });

  it('has the processor on which things happen', async () => {
    watch = new Watch(shell, ['evt.type', 'proc.cmdline', 'evt.cpu'], ['execve', 'openat']);
    const last = availableParallelism() - 1;
    await shell.run(`taskset -c ${last} /bin/cat ${folder}/file; taskset -c 0 /bin/cat ${folder}/link`);
    const on = async (name: string) => {
      const row = await watch?.until(
        (one) => one['proc.cmdline'] === `cat ${folder}/${name}` && one['evt.type'] === 'openat',
      );
      return row?.['evt.cpu'];
    };
    expect([await on('file'), await on('link')]).toEqual([last, 0]);
  });

  it('has the environment only when it is asked for', async () => {
    watch = new Watch(shell, ['proc.name', 'evt.type', 'proc.env[MARK]', 'proc.env[NONE]'], ['execve']);
    await shell.run('MARK=here true; MARK=there /bin/true');
    const row = await watch.until((one) => one['evt.type'] === 'execve' && one['proc.name'] === 'true');
    expect(row).toMatchObject({ 'proc.env[MARK]': 'there', 'proc.env[NONE]': '' });
    watch.stop();
    watch = new Watch(shell, ['proc.name', 'proc.exe', 'evt.type'], ['execve']);
    await shell.run('/bin/true');
    expect(await watch.until((one) => one['proc.name'] === 'true')).toMatchObject({ 'proc.exe': '/bin/true' });
  });

  describe('connections', () => {
    let server: Server;
    let port: number;
    beforeAll(async () => {
      server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as { port: number }).port;
    });
    afterAll(() => server.close());

    it('show both ends', async () => {
      watch = new Watch(
        shell,
        [
          'evt.type',
          'fd.name',
          'fd.sip',
          'fd.sport',
          'fd.cip',
          'fd.l4proto',
          'fd.typechar',
          'fd.connected',
          'evt.rawres',
        ],
        ['connect'],
      );
      const script = `const s = require('net').connect(${port}, '127.0.0.1'); s.on('connect', () => s.destroy()); s.on('error', () => {})`;
      await shell.run(`${process.execPath} -e "${script}"`);
      const row = await watch.until((one) => one['fd.sport'] === port);
      expect(row).toMatchObject({
        'evt.type': 'connect',
        'fd.sip': '127.0.0.1',
        'fd.cip': '127.0.0.1',
        'fd.l4proto': 'tcp',
        'fd.typechar': '4',
        'fd.connected': true,
      });
      expect(row['fd.name']).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${port}$`));
    });
  });

  it('misses nothing of many short processes on all processors', async () => {
    watch = new Watch(shell, ['evt.type', 'proc.pid', 'proc.exepath', 'proc.pname', 'proc.ppid']);
    await shell.run('for i in $(seq 150); do (/bin/true; sh -c "/bin/true; :") & done; wait');
    await new Promise((resolve) => setTimeout(resolve, 50));
    watch.stop();
    const { ctx, rows } = watch;
    expect(rows.filter((row) => row['evt.type'] === 'procexit').length).toBeGreaterThanOrEqual(450);
    expect(rows.filter((row) => row['proc.exepath'] === undefined || row['proc.pname'] === undefined)).toEqual([]);
    expect(['missed', 'unknown', 'rescans'].map((name) => ctx.metrics.total(`process_${name}`))).toEqual([0, 0, 0]);
    expect(ctx.said).toEqual([]);
  });

  it('names what a small ring lost, and knows every process again afterwards', async () => {
    watch = new Watch(shell, ['evt.type', 'proc.exepath', 'proc.name', 'proc.pid'], 'all', { ring: '64KiB' });
    await new Promise((resolve) => setTimeout(resolve, 30));
    // sleep is forked and executed while the ring overflows.
    shell.child.stdin?.write(
      `for i in 1 2 3 4 5 6 7 8 9 10; do (for j in 1 2 3 4 5 6 7 8 9 10; do : < ${folder}/file; true < ${folder}/file; /bin/true; done); done; sleep 2 & : > ${folder}/through\n`,
    );
    for (let tries = 0; !existsSync(join(folder, 'through')); tries++) {
      expect(tries, 'tenths of a second that the shell takes').toBeLessThan(300);
      hold(100);
    }
    const drop = await waitFor(() => watch?.ctx.said.find(({ fields }) => fields.reason === 'ring_full'));
    expect(drop).toMatchObject({ type: 'drop' });
    expect(drop.fields.count).toBeGreaterThan(0);
    await shell.run('/bin/true');
    const known = await watch.until((row) => row['evt.type'] === 'procexit' && row['proc.name'] === 'sleep');
    expect(known['proc.exepath']).toBe(realpathSync('/bin/sleep'));
  });

  it('fails for a scope that is not there, with what to do', () => {
    const ctx = contextFor({ fields: new Set(), types: 'all' });
    const errors: Error[] = [];
    ebpf
      .open(ebpf.config.parse({ scope: { descendants_of: 2 ** 22 + 7 } }), ctx)
      .subscribe({ error: (error) => errors.push(error) });
    expect(errors[0]?.message).toMatch(/no process has the pid/);
  });

  it('stops at once, twice if need be, and leaves no descriptor open', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    new Watch(shell, ['evt.type']).stop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = descriptors();
    for (let round = 0; round < 3; round++) {
      watch = new Watch(shell, ['evt.type']);
      watch.stop();
      watch.stop();
    }
    await shell.run('/bin/true');
    expect(watch?.rows.length).toBe(0);
    expect(descriptors()).toBe(before);
  });
});

async function waitFor<T>(find: () => T | undefined): Promise<T> {
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('refuses a ring that cannot be', () => {
  const parsed = ebpf.config.safeParse({ ring: '10MiB' });
  expect(parsed.error?.issues[0]?.message).toMatch(/power of two/);
});

import { mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sensor } from '../../native/index.ts';
import { FLAGS } from '../../src/events/kernel/layout.ts';
import { Actor, type Decoded, drainAll, only, prepare, watch, whyNot } from './harness.ts';

const { ENOENT, EBADF, ECONNREFUSED, EFAULT } = constants.errno;
const O_CREAT = 0o100;
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;
/** What the actor's open and creat are: arm64 has only openat. */
const [PLAIN_OPEN, PLAIN_CREAT, OPENED] = process.arch === 'arm64' ? [257, 257, 'openat'] : [2, 85, 'open'];
const O_WRONLY = 1;
const AT_FDCWD = -100;

describe.skipIf(whyNot())('system calls', () => {
  let place: ReturnType<typeof prepare>;
  let actor: Actor;
  let sensor: Sensor;

  beforeAll(async () => {
    place = prepare();
    mkdirSync(join(place.folder, 'dir/sub'), { recursive: true });
    writeFileSync(join(place.folder, 'dir/file'), 'x');
    symlinkSync('dir/file', join(place.folder, 'link'));
    actor = await Actor.start(place.program, place.folder);
    sensor = watch(actor);
    drainAll(sensor);
  });
  afterAll(() => {
    sensor?.close();
    actor?.stop();
  });

  /** Does one action; the records that it made, and its result. */
  async function act(line: string): Promise<{ result: number; records: Decoded[] }> {
    const result = await actor.ask(line);
    return { result, records: drainAll(sensor) };
  }
  async function one(line: string): Promise<Decoded> {
    const { result, records } = await act(line);
    expect(records, line).toHaveLength(1);
    const [record] = records;
    if (!record) throw new Error('unreachable');
    expect(record.ret, line).toBe(result);
    return record;
  }

  describe('open', () => {
    test('an absolute path has no base', async () => {
      const path = join(place.folder, 'dir/file');
      const record = await one(`open ${path}`);
      expect(record).toMatchObject({
        kind: 'open',
        nr: PLAIN_OPEN,
        raw: path,
        base: '',
        real: path,
        dirfd: AT_FDCWD,
        created: 0,
        flags: 0,
      });
      const { ino, dev, mode } = statSync(path);
      expect(record).toMatchObject({ ino: BigInt(ino), dev, file_mode: mode });
    });

    test('a relative path has the working directory as base, and a canonical path', async () => {
      const record = await one('open dir/sub/../file');
      expect(record).toMatchObject({
        raw: 'dir/sub/../file',
        base: place.folder,
        real: join(place.folder, 'dir/file'),
      });
    });

    test('a symlink is resolved in the canonical path only', async () => {
      expect(await one('open link')).toMatchObject({ raw: 'link', real: join(place.folder, 'dir/file') });
    });

    test('O_CREAT tells a new file from an old one', async () => {
      const first = await one(`open new ${O_CREAT | O_WRONLY} 0640`);
      expect(first).toMatchObject({ created: 1, open_flags: O_CREAT | O_WRONLY, mode: 0o640 });
      expect(await one(`open new ${O_CREAT | O_WRONLY} 0640`)).toMatchObject({ created: 0 });
    });

    test('creat', async () => {
      expect(await one('creat made')).toMatchObject({ nr: PLAIN_CREAT, open_flags: 0o1101, mode: 0o600, created: 1 });
    });

    test('paths of every length are whole, whether their record is put together in the ring or not', async () => {
      const textOnly = watch(actor, { real: false });
      try {
        for (let length = 1; length <= 250; length++) {
          const name = 'n'.repeat(length);
          const path = join(place.folder, name);
          const flags = `${O_CREAT | O_WRONLY} 0640`;
          expect(await one(`open ${name} ${flags}`)).toMatchObject({
            raw: name,
            base: place.folder,
            real: path,
            flags: 0,
          });
          expect(await one(`open ${path} ${flags}`)).toMatchObject({ raw: path, base: '', real: path, flags: 0 });
          expect(drainAll(textOnly)).toMatchObject([
            { raw: name, base: place.folder, real: '', open_flags: O_CREAT | O_WRONLY, created: 1 },
            { raw: path, base: '', real: '', open_flags: O_CREAT | O_WRONLY, created: 0 },
          ]);
        }
        const { sent, dropped } = textOnly.counters();
        expect([sent[OPENED], dropped[OPENED] ?? 0]).toEqual([500, 0]);
      } finally {
        textOnly.close();
      }
    });

    test('a failure has no canonical path', async () => {
      const record = await one('open missing');
      expect(record).toMatchObject({ ret: -ENOENT, raw: 'missing', base: place.folder, real: '', ino: 0n });
    });

    test('a path that cannot be read is flagged', async () => {
      const record = await one('open-null');
      expect(record).toMatchObject({ ret: -EFAULT, raw: '', flags: FLAGS.unread });
    });

    test('openat starts from its descriptor', async () => {
      const { records } = await act(`openat ${join(place.folder, 'dir')} file`);
      const record = records.at(-1);
      expect(record).toMatchObject({
        nr: 257,
        raw: 'file',
        base: join(place.folder, 'dir'),
        real: join(place.folder, 'dir/file'),
      });
      expect(record?.dirfd).toBeGreaterThan(2);
    });

    test('openat2 reads its flags and resolve from memory', async () => {
      const { records } = await act(`openat2 ${join(place.folder, 'dir')} /file ${O_CREAT | O_WRONLY} 0x10`);
      expect(records.at(-1)).toMatchObject({
        nr: 437,
        raw: '/file',
        base: join(place.folder, 'dir'),
        real: join(place.folder, 'dir/file'),
        open_flags: O_CREAT | O_WRONLY,
        mode: 0o640,
        resolve: 0x10,
      });
    });

    test.skipIf(process.arch !== 'x64')(
      'a 32-bit call of a 64-bit process is what it is, and number 5 of 64 bits is not',
      async () => {
        const path = join(place.folder, 'dir/file');
        expect(await one(`open32 ${path}`)).toMatchObject({ nr: 2, raw: path, real: path, flags: FLAGS.compat });
        const { records } = await act('fstat');
        expect(records).toEqual([]);
      },
    );

    test('what a descriptor leads to outside the root is flagged', async () => {
      const { records } = await act(`look-outside ${place.folder} etc/hostname`);
      const record = records.find((each) => each.raw === 'etc/hostname');
      expect(record).toMatchObject({ base: '/', real: '/etc/hostname', flags: FLAGS.path_outside });
    });

    test('identity is that of the moment', async () => {
      const { records } = await act(`open-as-other ${join(place.folder, 'dir')}`);
      const record = records.find((each) => each.kind === 'open');
      expect(record).toMatchObject({
        uid: 1001,
        euid: 1002,
        egid: 1004,
        comm: 'renamed',
        cap_effective: 0n,
        ppid: actor.pid,
      });
    });

    test('a path below a directory deeper than PATH_MAX is flagged as partial', async () => {
      const back = await actor.ask(`open ${place.folder} ${O_DIRECTORY}`);
      drainAll(sensor);
      const name = 'd'.repeat(200);
      const { records } = await act(`descend 24 ${name}`);
      expect(records).toHaveLength(24);
      expect(records.at(2)).toMatchObject({ flags: 0, cwd: join(place.folder, name, name, name) });
      expect(records.at(-1)).toMatchObject({ flags: FLAGS.base_partial });
      const opened = await one(`open leaf ${O_CREAT | O_WRONLY}`);
      expect(opened).toMatchObject({
        raw: 'leaf',
        flags: FLAGS.path_partial | FLAGS.base_partial,
        created: 1,
      });
      expect(opened.real).toMatch(/^\/d{200}\/.*\/leaf$/);
      expect(await one(`fchdir ${back}`)).toMatchObject({ kind: 'chdir', nr: 81, cwd: place.folder, flags: 0 });
    });
  });

  test('chdir gives the new directory; a failure is not sent', async () => {
    expect(await one('chdir dir/sub')).toMatchObject({ kind: 'chdir', nr: 80, cwd: join(place.folder, 'dir/sub') });
    expect((await act('chdir nowhere')).records).toEqual([]);
    expect(readlinkSync(`/proc/${actor.pid}/cwd`)).toBe(join(place.folder, 'dir/sub'));
    await act(`chdir ${place.folder}`);
  });

  describe('connect', () => {
    let tcp: Server;
    let port = 0;
    const unixPath = () => join(place.folder, 'socket');
    let unix: Server;
    beforeAll(async () => {
      tcp = createServer().listen(0, '127.0.0.1');
      unix = createServer().listen(unixPath());
      await Promise.all([tcp, unix].map((server) => new Promise((done) => server.once('listening', done))));
      const address = tcp.address();
      port = address && typeof address === 'object' ? address.port : 0;
    });
    afterAll(() => {
      tcp?.close();
      unix?.close();
    });

    const localhost = Buffer.from([127, 0, 0, 1]);
    const first4 = (address: unknown) => (address as Buffer).subarray(0, 4);

    test('tcp', async () => {
      const record = await one(`connect inet ${port}`);
      expect(record).toMatchObject({
        kind: 'socket',
        ret: 0,
        family: 2,
        sock_type: 1,
        protocol: 6,
        state: 1,
        remote_port: port,
      });
      expect(record).toMatchObject({ addr_family: 2, addr_port: port, flags: 0 });
      expect(first4(record.remote_addr)).toEqual(localhost);
      expect(first4(record.local_addr)).toEqual(localhost);
      expect(first4(record.addr)).toEqual(localhost);
      expect(record.local_port).toBeGreaterThan(0);
    });

    test('a refusal keeps the address that was asked for', async () => {
      const record = await one('connect inet 1');
      expect(record).toMatchObject({ ret: -ECONNREFUSED, addr_family: 2, addr_port: 1 });
      expect(first4(record.addr)).toEqual(localhost);
    });

    test('udp', async () => {
      expect(await one('connect udp 53')).toMatchObject({ ret: 0, sock_type: 2, protocol: 17, remote_port: 53 });
    });

    test('a bad descriptor has no socket, but an address', async () => {
      expect(await one('connect bad 443')).toMatchObject({ ret: -EBADF, fd: 999, family: 0, sock: 0n, addr_port: 443 });
    });

    test('unix, by path and by abstract name', async () => {
      expect(await one(`connect-unix ${unixPath()}`)).toMatchObject({
        ret: 0,
        family: 1,
        addr_family: 1,
        unix_path: unixPath(),
      });
      const abstract = await one('connect-unix @nobody-listens');
      expect(abstract).toMatchObject({ ret: -ECONNREFUSED, family: 1, unix_path: '\0nobody-listens', peer: 0n });
    });

    test('ipv6', async () => {
      const record = await one('connect inet6 1');
      const loopback = Buffer.from([...new Array(15).fill(0), 1]);
      expect(record).toMatchObject({ addr_family: 10, addr_port: 1, addr: loopback });
    });

    test.skipIf(process.arch !== 'x64')('IA-32 socketcall', async () => {
      const record = await one(`connect socketcall ${port}`);
      expect(record).toMatchObject({ ret: 0, family: 2, remote_port: port, addr_port: port, flags: FLAGS.compat });
    });
  });

  test('exec that fails', async () => {
    const { records } = await act('run /no/such/program');
    expect(records.map((record) => record.kind)).toEqual(['fork', 'call', 'exit']);
    expect(records[1]).toMatchObject({
      ret: -ENOENT,
      nr: 59,
      raw: '/no/such/program',
      base: '',
      comm: 'actions',
    });
    const at = (await act(`execveat ${place.folder} missing`)).records.at(-1);
    expect(at).toMatchObject({ kind: 'call', ret: -ENOENT, nr: 322, raw: 'missing', base: place.folder });
  });

  test('nothing is counted as lost', () => {
    const { dropped, refused, missed, sent } = sensor.counters();
    const lost = [dropped, refused, missed].flatMap((counts) => Object.entries(counts));
    expect(lost.filter(([, count]) => count > 0)).toEqual([]);
    expect(Number(sent.open) + Number(sent.openat)).toBeGreaterThan(10);
    expect(sent.scan).toBe(0);
  });
});

describe.skipIf(whyNot())('what is not asked for', () => {
  test('costs no program and sends no record', async () => {
    const place = prepare();
    const actor = await Actor.start(place.program, place.folder);
    const sensor = watch(actor, only());
    try {
      expect(sensor.programs().find((program) => program.name === 'on_call')?.attached).toBe(false);
      await actor.ask('open dir');
      await actor.ask('chdir /');
      await actor.ask('run /bin/true');
      expect(drainAll(sensor).map((record) => record.kind)).toEqual(['fork', 'exec', 'exit']);
    } finally {
      sensor.close();
      actor.stop();
    }
  });
});

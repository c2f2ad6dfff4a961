import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import { ipv6 } from '../../src/events/kernel/addresses.ts';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { kernelFills, materialise } from '../../src/events/kernel/form.ts';
import { difference, signed, unsigned } from '../../src/events/kernel/numbers.ts';
import { joinPath } from '../../src/events/paths.ts';
import { sharedJson } from '../events/shared.ts';
import { Bench, type Fields } from './slab-writer.ts';

const passwd =
  'root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/zsh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n';
const group = 'root:x:0:\nstaff:x:50:\n';
const HEX = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';

const base = {
  tgid: 100,
  tid: 100,
  ppid: 1,
  start: 50,
  exec_id: 3,
  comm: 'bash',
  args: ['-bash', '-i'],
  exe_path: '/bin/bash',
  cwd: '/home/alice',
  cgroup_path: '/',
  mnt_ns: 7,
};

/** The fields of one event of a process that is known. */
function read(fields: Fields, texts: readonly string[], process: object = {}): unknown[] {
  const bench = new Bench({ passwd, group, hostMountNamespace: 7 }).load({ ...base, ...process });
  const event = bench.slab({ ...base, ...process, ...fields }).at(0) as KernelEvent;
  return texts.map((text) => event.get(text));
}

const open = (raw: string, more: object = {}): Fields => ({
  kind: 'open',
  nr: 257,
  ret: 3,
  dirfd: -100,
  raw,
  base: '/home/alice',
  ...more,
});

describe('users and groups', () => {
  const texts = [
    'user.uid',
    'user.realuid',
    'user.name',
    'user.homedir',
    'user.shell',
    'user.loginuid',
    'user.loginname',
    'group.gid',
    'group.name',
  ];

  it('are the effective ones at the event', () => {
    expect(read({ ...open('/a'), uid: 1000, euid: 33, egid: 50, loginuid: 1000 }, texts)).toEqual([
      33,
      1000,
      'www-data',
      '/var/www',
      '/usr/sbin/nologin',
      1000,
      'alice',
      50,
      'staff',
    ]);
  });

  it('are numbers without a name where the files have none, and -1 for nobody logged in', () => {
    const values = read({ ...open('/a'), uid: 7, euid: 7, egid: 7, loginuid: 0xffffffff }, texts);
    expect(values).toEqual([7, 7, undefined, undefined, undefined, -1, undefined, 7, undefined]);
  });

  it('have the names of the host for its services, whatever their mount namespace', () => {
    expect(read({ ...open('/a'), euid: 33 }, ['user.name'], { mnt_ns: 9 })).toEqual(['www-data']);
  });

  it('do not have the names of the host in a container; root is root', () => {
    const container = { mnt_ns: 9, cgroup_path: `/docker/${HEX}` };
    expect(read({ ...open('/a'), euid: 33, egid: 50 }, ['user.name', 'group.name'], container)).toEqual([
      undefined,
      undefined,
    ]);
    expect(read({ ...open('/a'), euid: 0, egid: 0 }, ['user.name', 'group.name'], container)).toEqual(['root', 'root']);
  });
});

describe('containers', () => {
  it('have an id, and a name only on the host', () => {
    const texts = ['container.id', 'container.name', 'fd.containername', 'thread.cgroup.memory', 'thread.cgroup.cpu'];
    expect(read(open('/a'), texts)).toEqual(['host', 'host', ':/a', '/', undefined]);
    const path = `/docker/${HEX}`;
    expect(read(open('/a'), texts, { cgroup_path: path })).toEqual([
      '3ad7b26ded6d',
      undefined,
      '3ad7b26ded6d:/a',
      path,
      undefined,
    ]);
  });
});

describe('paths', () => {
  const shared = sharedJson('data/falco/filter_cases.json') as
    | { cases: { kind: string; id: string; base: string; path: string; expect: { output: string } }[] }
    | undefined;
  const cases = shared?.cases.filter(({ kind }) => kind === 'path') ?? [];
  it.skipIf(cases.length === 0)("are joined as Falco's", () => {
    for (const one of cases) expect(joinPath(one.base, one.path, 1024), one.id).toBe(one.expect.output);
  });

  it('are absolute and normal, whatever is joined', () => {
    const part = fc.constantFrom('a', 'b', '.', '..', '', '...', '.x');
    fc.assert(
      fc.property(fc.array(part), fc.array(part), (one, two) => {
        const result = joinPath(`/${one.join('/')}`, two.join('/'));
        if (two.join('/') === '') {
          expect(result).toBe('');
          return;
        }
        expect(result).toMatch(/^\//);
        expect(result.split('/').slice(1)).not.toContain('..');
        expect(result.split('/').slice(1)).not.toContain('.');
        expect(joinPath('', result)).toBe(result);
      }),
    );
  });

  it('relative to a directory that is not known are marked so', () => {
    expect(read(open('etc/shadow', { base: '' }), ['fd.name', 'fd.nameraw'])).toEqual([
      '<UNKNOWN>etc/shadow',
      'etc/shadow',
    ]);
    const deep = `/q${'/q'.repeat(2000)}`;
    expect(read(open('etc/shadow', { base: deep, flags: ['path_partial'] }), ['fd.name'])).toEqual([
      '<UNKNOWN>etc/shadow',
    ]);
  });

  it('stay inside the root of openat2 with RESOLVE_IN_ROOT', () => {
    const inRoot = { nr: 437, resolve: 0x10, base: '/srv/jail' };
    expect(read(open('/etc/../../../etc/passwd', inRoot), ['fd.name', 'evt.arg.resolve'])).toEqual([
      '/srv/jail/etc/passwd',
      'RESOLVE_IN_ROOT',
    ]);
    expect(read(open('/', inRoot), ['fd.name'])).toEqual(['/srv/jail']);
  });

  it('long ones come whole: a long way round hides nothing', () => {
    expect(read(open(`${'/./x/..'.repeat(400)}/etc/shadow`), ['fd.name'])).toEqual(['/etc/shadow']);
  });

  it('canonical ones are absent unless they are complete and inside the root', () => {
    expect(read(open('/l', { real: '/file' }), ['fd.realpath'])).toEqual(['/file']);
    for (const flag of ['path_partial', 'path_outside']) {
      expect(read(open('/l', { real: '/file', flags: [flag] }), ['fd.realpath', 'fd.name'])).toEqual([undefined, '/l']);
    }
    expect(read(open('/l', { ret: -2, real: '' }), ['fd.realpath', 'fd.ino', 'fd.type'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('that could not be read are not shown as empty', () => {
    const unread = open('', { real: '/file', flags: ['unread'] });
    expect(read(unread, ['fd.name', 'fd.nameraw', 'evt.arg.name'])).toEqual(['/file', undefined, undefined]);
    expect(read({ ...unread, ret: -14, real: '' }, ['fd.name', 'fd.directory', 'fd.filename'])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(read(open(''), ['fd.name', 'fd.directory', 'fd.filename'])).toEqual(['', '/', '/']);
  });
});

describe('opens', () => {
  const texts = [
    'evt.type',
    'evt.is_open_read',
    'evt.is_open_write',
    'evt.is_open_create',
    'evt.is_open_exec',
    'evt.arg.flags',
    'evt.arg.mode',
  ];
  it.each([
    [{ nr: 2, open_flags: 0 }, ['open', true, false, false, false, 'O_RDONLY', '0']],
    [{ nr: 257, open_flags: 0o2000002 }, ['openat', true, true, false, false, 'O_RDWR|O_CLOEXEC', '0']],
    [
      { nr: 437, open_flags: 0o101, mode: 0o755, created: 1 },
      ['openat2', false, true, true, true, 'O_CREAT|O_WRONLY|O_F_CREATED', '0755'],
    ],
    [
      { nr: 257, open_flags: 0o20200001, mode: 0o600 },
      ['openat', false, true, true, false, 'O_WRONLY|O_TMPFILE', '0600'],
    ],
    [{ nr: 85, open_flags: 0, mode: 0o755, created: 1 }, ['creat', false, true, true, true, undefined, '0755']],
    [{ nr: 257, open_flags: 0o4010001 }, ['openat', false, true, false, false, 'O_SYNC|O_DSYNC|O_WRONLY', '0']],
  ])('%o', (fields, want) => expect(read(open('/a', fields), texts)).toEqual(want));

  it('of a directory', () => {
    const directory = open('/etc/', { open_flags: 0o200000, dev: 0x803, ino: 2 ** 40 });
    expect(
      read(directory, [
        'fd.type',
        'fd.typechar',
        'fd.name',
        'fd.directory',
        'fd.filename',
        'fd.dev.major',
        'fd.dev.minor',
        'fd.ino',
      ]),
    ).toEqual(['directory', 'd', '/etc', '/etc', undefined, 8, 3, 2 ** 40]);
  });

  it('are not sockets', () => {
    expect(read(open('/a'), ['fd.sip', 'fd.ip', 'fd.port', 'fd.sockfamily', 'fd.l4proto', 'fd.connected'])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      '<NA>',
      false,
    ]);
  });
});

describe('connections', () => {
  const v6 = (...groups: number[]) => groups.flatMap((one) => [one >> 8, one & 255]);
  const tcp = {
    kind: 'socket',
    nr: 42,
    fd: 5,
    ret: 0,
    family: 2,
    sock_type: 1,
    protocol: 6,
    local_addr: [10, 0, 0, 5],
    local_port: 40000,
    remote_addr: [1, 2, 3, 4],
    remote_port: 443,
    addr_family: 2,
    addr: [1, 2, 3, 4],
    addr_port: 443,
  } as const;
  const texts = ['fd.num', 'fd.type', 'fd.name', 'fd.ip', 'fd.port', 'fd.l4proto', 'fd.connected', 'evt.res'];

  it('have two ends', () => {
    expect(read(tcp, texts)).toEqual([
      5,
      'ipv4',
      '10.0.0.5:40000->1.2.3.4:443',
      ['10.0.0.5', '1.2.3.4'],
      [40000, 443],
      'tcp',
      true,
      'SUCCESS',
    ]);
  });

  it('that failed have none, and none of them compares', () => {
    expect(read({ ...tcp, ret: -111, remote_port: 0 }, texts)).toEqual([
      5,
      'ipv4',
      '',
      ['0.0.0.0', '0.0.0.0'],
      [0, 0],
      '<NA>',
      false,
      'ECONNREFUSED',
    ]);
  });

  it('by udp, and dissolved ones', () => {
    expect(read({ ...tcp, sock_type: 2, protocol: 17 }, ['fd.l4proto', 'fd.connected'])).toEqual(['udp', true]);
    expect(read({ ...tcp, sock_type: 2, protocol: 17, addr_family: 0 }, ['fd.name', 'fd.connected'])).toEqual([
      '',
      false,
    ]);
  });

  it('by IPv6, and by IPv4 inside it', () => {
    const six = {
      ...tcp,
      family: 10,
      addr_family: 10,
      local_addr: v6(0, 0, 0, 0, 0, 0, 0, 1),
      remote_addr: v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 0xabcd),
    };
    expect(read(six, ['fd.name', 'fd.typechar'])).toEqual(['::1:40000->2001:db8::1:0:0:abcd:443', '6']);
    const mapped = {
      ...six,
      local_addr: v6(0, 0, 0, 0, 0, 0xffff, 0x0a00, 5),
      remote_addr: v6(0, 0, 0, 0, 0, 0xffff, 0x0102, 0x0304),
    };
    expect(read(mapped, ['fd.name', 'fd.typechar', 'fd.sip'])).toEqual(['10.0.0.5:40000->1.2.3.4:443', '4', '1.2.3.4']);
  });

  it('by unix sockets, also abstract ones', () => {
    const unix = { ...tcp, family: 1, addr_family: 1, protocol: 0, sock: 0xabn, peer: 0xcdn, unix_path: '\0name' };
    expect(read(unix, ['fd.name', 'fd.typechar', 'fd.sip', 'fd.sockfamily', 'evt.arg.addr'])).toEqual([
      'ab->cd @name',
      'u',
      undefined,
      'unix',
      '@name',
    ]);
  });

  it('with what is no socket', () => {
    expect(
      read({ ...tcp, family: 0, ret: -88, fd: -1 }, ['fd.num', 'fd.type', 'fd.typechar', 'fd.name', 'evt.res']),
    ).toEqual([-1, undefined, 'o', '1.2.3.4:443', 'ENOTSOCK']);
  });

  it('print IPv6 as the standard library reads it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = ipv6(Uint8Array.from(v6(...groups)));
        expect(new URL(`http://[${text}]/`).hostname.slice(1, -1).replace(/^::ffff:.*/, text)).toBe(text);
      }),
    );
  });
});

describe('programs', () => {
  const exec: Fields = {
    kind: 'exec',
    exec_id: 4,
    comm: 'cat',
    args: ['cat', '-n', '', 'ä b'],
    args_total: 13,
    env: ['A=1', 'LONG=x', 'A=2'],
    env_total: 15,
    exe_path: '/bin/cat',
    cwd: '/',
    filename: './cat',
    tty: 34816,
  };

  it('have arguments by place, and variables by name', () => {
    const texts = [
      'proc.args',
      'proc.args[1]',
      'proc.args[9]',
      'proc.cmdline',
      'proc.exeline',
      'proc.cmdnargs',
      'proc.cmdlenargs',
      'proc.env[A]',
      'proc.env[B]',
      'proc.env[LON]',
      'evt.arg.args',
      'evt.arg.filename',
    ];
    expect(read(exec, texts)).toEqual([
      '-n  ä b',
      '',
      '',
      'cat -n  ä b',
      'cat -n  ä b',
      3,
      6,
      '1',
      '',
      '',
      '-n.... b.',
      '/cat',
    ]);
  });

  it('do not pretend to know what was cut off', () => {
    const cut = { ...exec, args_total: 9000, env_total: 9000 };
    expect(read(cut, ['proc.args[1]', 'proc.args[9]', 'proc.env[A]', 'proc.env[B]'])).toEqual([
      '',
      undefined,
      '1',
      undefined,
    ]);
    expect(read({ ...exec, env: [], env_total: 9000 }, ['proc.env', 'proc.env[A]'])).toEqual([undefined, undefined]);
    expect(read({ ...exec, env: [], env_total: 0 }, ['proc.env', 'proc.env[A]'])).toEqual(['', '']);
  });

  it('run from a descriptor are execveat', () => {
    expect(read({ ...exec, filename: '/dev/fd/3' }, ['evt.type'])).toEqual(['execveat']);
    expect(
      read({ kind: 'call', nr: 322, ret: -13, raw: 'x', base: '/tmp' }, [
        'evt.type',
        'evt.arg.filename',
        'evt.res',
        'proc.exepath',
      ]),
    ).toEqual(['execveat', '/tmp/x', 'EACCES', '/bin/bash']);
  });

  it('that ended tell how', () => {
    const texts = [
      'evt.type',
      'evt.arg.status',
      'evt.arg.ret',
      'evt.arg.sig',
      'evt.arg.core',
      'evt.rawres',
      'syscall.type',
    ];
    expect(read({ kind: 'exit', exit_code: 3 << 8 }, texts)).toEqual([
      'procexit',
      '768',
      '3',
      '0',
      '0',
      undefined,
      undefined,
    ]);
    expect(read({ kind: 'exit', exit_code: 139 }, texts)).toEqual([
      'procexit',
      '139',
      '0',
      'SIGSEGV',
      '1',
      undefined,
      undefined,
    ]);
  });

  it('have flags and capabilities by name', () => {
    const texts = ['evt.arg.flags', 'proc.is_exe_from_memfd', 'thread.cap_permitted', 'thread.cap_effective'];
    expect(
      read({ ...exec, exe_flags: 3 | 16 | 32, cap_permitted: 2 ** 40 + 1, cap_effective: (1n << 63n) | 2n }, texts),
    ).toEqual(['EXE_WRITABLE|EXE_UPPER_LAYER', false, 'CAP_CHOWN CAP_CHECKPOINT_RESTORE', 'CAP_DAC_OVERRIDE']);
  });
});

describe('numbers and times', () => {
  it('of 64 bits are exact', () => {
    const halves = fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff));
    const whole = ([high, low]: [number, number]) => (BigInt(high) << 32n) | BigInt(low);
    fc.assert(
      fc.property(halves, halves, (a, b) => {
        expect(BigInt(unsigned(...a))).toBe(whole(a));
        expect(BigInt(signed(...a))).toBe(BigInt.asIntN(64, whole(a)));
        expect(BigInt(difference(...a, ...b))).toBe(whole(a) - whole(b));
        for (const value of [unsigned(...a), signed(...a), difference(...a, ...b)]) {
          if (typeof value === 'number') expect(Number.isSafeInteger(value)).toBe(true);
          else expect(Number.isSafeInteger(Number(value))).toBe(false);
        }
      }),
    );
  });

  it('of a machine that has run for a year are exact too', () => {
    const year = 31_536_000_000_000_001n;
    const [duration, ts, raw] = read({ ...open('/a'), time: year, start: 50 }, [
      'proc.duration',
      'proc.pid.ts',
      'evt.rawtime',
    ]);
    expect([duration, ts, raw]).toEqual([year - 50n, 1_700_000_000_000_000_050n, 1_700_000_000_000_000_000n + year]);
  });
});

describe('the form', () => {
  it('says what it fills', () => {
    const fills = (text: string) => {
      const ref = catalogues.get('syscall')?.find(text);
      return ref === undefined ? undefined : kernelFills(ref);
    };
    for (const text of [
      'fd.name',
      'proc.aname[3]',
      'evt.arg.flags',
      'evt.rawarg.fd',
      'thread.cgroup.memory',
      'container.id',
      'container.image',
    ])
      expect(fills(text), text).toBe(true);
    for (const text of ['k8s.rc.name', 'evt.arg.cwd', 'thread.cgroup.cpu', 'thread.cpu'])
      expect(fills(text), text).toBe(false);
  });

  it('makes records of fields as conditions name them', () => {
    const bench = new Bench({ passwd, group }).load(base);
    const event = bench.slab({ ...base, ...open('/a') }).at(0) as KernelEvent;
    const refs = ['fd.name', 'proc.pname', 'proc.args[0]'].flatMap(
      (text) => catalogues.get('syscall')?.find(text) ?? [],
    );
    expect(materialise(event, refs).fields).toEqual({ 'fd.name': '/a', 'proc.args[0]': '-i' });
  });
});

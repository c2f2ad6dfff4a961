import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import type { KernelEvent } from '../../src/events/kernel/event.ts';
import { kernelFills, materialise } from '../../src/events/kernel/form.ts';
import { difference, signed, unsigned } from '../../src/events/kernel/numbers.ts';
import { base, group, HEX, passwd, read } from './field-support.ts';
import { open } from './shell.ts';
import { Bench, type Fields } from './slab-writer.ts';

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
    const told = ['proc.args.cut', 'proc.args.total', 'proc.cmdlenargs', 'proc.env.cut', 'proc.env.total'];
    expect(read(cut, told)).toEqual([true, 9000, 6, true, 9000]);
    expect(read(exec, told)).toEqual([false, 13, 6, false, 15]);
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

import { describe, expect, it } from 'vitest';
import { KIND } from '../../../src/events/kernel/layout.ts';
import { wantedFor } from '../../../src/sources/ebpf/wanted.ts';

describe('what the source wants of the kernel', () => {
  const options = { failedExec: false, pushdown: true };
  const demand = (types: string[] | 'all', fields: string[] = []) =>
    wantedFor({ types: types === 'all' ? 'all' : new Set(types), fields: new Set(fields) }, options);

  it('decides what the kernel sends', () => {
    const nothing = { env: false, real: false, file: false, data: 0, room: false, control: false };
    expect(demand(['execve']).sensor).toEqual({ calls: new Map(), ...nothing });
    expect(demand(['openat2', 'connect', 'execve']).sensor.calls).toEqual(
      new Map<string, unknown>([
        ['openat2', 'all'],
        ['connect', 'all'],
        ['execve', 'all'],
      ]),
    );
    const all = [...demand('all').sensor.calls.keys()];
    expect(all).toEqual(expect.arrayContaining(['unlinkat', 'ptrace', 'bpf']));
    expect(all, 'has to be named').not.toContain('read');
    expect([...demand(['read']).sensor.calls.keys()]).toContain('read');
    const execOnly = { types: new Set(['execve']), fields: new Set<string>() };
    expect(wantedFor(execOnly, { ...options, failedExec: true }).sensor.calls).toEqual(new Map([['execve', 'all']]));
  });

  it('asks for what the process is only as far as fields read it', () => {
    const state = (...fields: string[]) => demand(['openat'], fields).sensor.state?.get('openat');
    expect(state('proc.name', 'fd.name', 'evt.args', 'proc.env')).toBeUndefined();
    expect(state('proc.vmrss')).toEqual({ open: false, stdio: 'no' });
    expect(state('proc.fdlimit')).toEqual({ open: false, stdio: 'no' });
    expect(state('proc.fdusage')).toEqual({ open: true, stdio: 'no' });
    expect(state('proc.stdin.type')).toEqual({ open: false, stdio: 'types' });
    expect(state('proc.stdin.type', 'proc.stderr.name')).toEqual({ open: false, stdio: 'names' });
  });

  it('asks for what the process is only of events that the fields are read of', () => {
    const wanted = {
      types: new Set(['openat', 'execve', 'connect']),
      fields: new Set(['proc.stdin.type', 'proc.fdlimit', 'proc.name']),
      fieldTypes: new Map([
        ['proc.stdin.type', new Set(['execve'])],
        ['proc.fdlimit', new Set(['execve', 'connect'])],
      ]),
    };
    expect(wantedFor(wanted, options).sensor.state).toEqual(
      new Map([
        ['exec', { open: false, stdio: 'types' }],
        ['execve', { open: false, stdio: 'types' }],
        ['connect', { open: false, stdio: 'no' }],
      ]),
    );
  });

  it("adds and leaves out calls by Falco's base_syscalls", () => {
    const wanted = { types: new Set(['openat', 'connect']), fields: new Set<string>() };
    const names = (base: { custom_set: string[]; all: boolean }) => [
      ...wantedFor(wanted, { ...options, base }).sensor.calls.keys(),
    ];
    expect(names({ custom_set: ['ptrace', '!connect'], all: false }).sort()).toEqual(['openat', 'ptrace']);
    expect(names({ custom_set: [], all: true })).toEqual(
      expect.arrayContaining(['openat', 'keyctl', 'unlinkat', 'read']),
    );
    expect(names({ custom_set: ['!openat'], all: true })).not.toContain('openat');
    const kinds = (custom_set: string[]) => [
      ...wantedFor({ types: new Set(['execve']), fields: new Set() }, { ...options, base: { custom_set, all: false } })
        .kinds,
    ];
    expect([kinds([]), kinds(['procexit']), kinds(['!execve', '!execveat'])]).toEqual([
      [KIND.exec],
      [KIND.exec, KIND.exit],
      [],
    ]);
  });

  it('has conditions tested in the kernel, unless that is switched off', () => {
    const where = new Map([
      ['openat', [{ writes: true }]],
      ['execve', [{ results: new Set(['ok'] as const) }]],
    ]);
    const wanted = { types: new Set(['openat', 'execve']), fields: new Set<string>(), where };
    expect(wantedFor(wanted, options).sensor.calls).toEqual(
      new Map<string, unknown>([
        ['openat', [{ writes: true }]],
        ['execve', where.get('execve')],
      ]),
    );
    expect(wantedFor(wanted, { ...options, pushdown: false }).sensor.calls.get('openat')).toBe('all');
  });

  it('has the environment, canonical paths and files collected only when they are read', () => {
    for (const field of ['proc.env', 'proc.env[LD_PRELOAD]', 'proc.aenv[X]', 'evt.arg.env']) {
      expect(demand(['execve'], [field]).sensor.env, field).toBe(true);
    }
    expect(demand(['execve'], ['proc.envoy', 'evt.args', 'proc.exe']).sensor.env).toBe(false);
    expect(demand(['open'], ['fd.realpath']).sensor).toMatchObject({ real: true, file: false });
    for (const field of ['fd.ino', 'evt.arg.flags', 'evt.rawarg.dev', 'evt.arg[2]', 'evt.args', 'fd.dev.major']) {
      expect(demand(['open'], [field]).sensor, field).toMatchObject({ real: false, file: true });
    }
    expect(demand(['open'], ['fd.is_upper_layer']).sensor.file).toBe(true);
    for (const field of ['evt.buffer', 'evt.args', 'evt.arg.data', 'evt.rawarg.data', 'evt.arg[1]'])
      expect(demand(['read'], [field]).sensor.data, field).toBe(80);
    expect(demand(['read'], ['evt.buflen', 'evt.arg.size']).sensor.data).toBe(0);
    const types = new Set(['read']);
    expect(wantedFor({ types, fields: new Set(['evt.buffer']) }, { ...options, snaplen: 9 }).sensor.data).toBe(9);
    expect(demand(['open'], ['fd.name', 'fd.num', 'evt.arg.name']).sensor).toMatchObject({ real: false, file: false });
  });

  it('decides which records become events', () => {
    const ofCalls = [KIND.open, KIND.socket, KIND.call];
    expect(demand(['execve']).kinds).toEqual(new Set([KIND.exec]));
    expect(demand(['creat', 'procexit']).kinds).toEqual(new Set([...ofCalls, KIND.exit]));
    expect(demand(['chdir']).kinds).toEqual(new Set([...ofCalls, KIND.chdir]));
    expect(wantedFor(undefined, options).kinds.size).toBe(0);
  });
});

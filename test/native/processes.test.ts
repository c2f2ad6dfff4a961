import { readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sensor } from '../../native/index.ts';
import { FLAGS } from '../../src/events/kernel/layout.ts';
import { statOf } from '../proc.ts';
import { Cgroup, cgroupRoots } from './cgroups.ts';
import { Actor, type Decoded, decode, drainAll, only as onlyCalls, prepare, watch, whyNot } from './harness.ts';

const WRITABLE = 1;
const MEMFD = 4;
const DELETED = 16;

/** The cgroup path that names a container, as /proc/PID/cgroup has it: v1's memory controller, else v2. */
function cgroupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  const path = (controllers: (list: string[]) => boolean) =>
    lines.map((line) => line.split(':')).find((parts) => controllers((parts[1] ?? '').split(',')))?.[2];
  const memory = path((list) => list.includes('memory'));
  return (memory !== undefined && memory !== '/' ? memory : path((list) => list[0] === '')) ?? '';
}

describe.skipIf(whyNot())('processes', () => {
  let place: ReturnType<typeof prepare>;
  let actor: Actor;
  let sensor: Sensor;

  beforeAll(async () => {
    place = prepare();
    actor = await Actor.start(place.program, place.folder);
    sensor = watch(actor, { ...onlyCalls(), env: true });
  });
  afterAll(() => {
    sensor?.close();
    actor?.stop();
  });

  async function act(line: string): Promise<Decoded[]> {
    await actor.ask(line);
    return drainAll(sensor);
  }
  const kinds = (records: Decoded[]) => records.map((record) => record.kind);
  const only = (records: Decoded[], kind: string): Decoded => {
    const found = records.filter((record) => record.kind === kind);
    expect(found, kind).toHaveLength(1);
    return found[0] as Decoded;
  };

  test('fork, exec and exit of a command', async () => {
    const records = await act('run /bin/echo one two');
    expect(kinds(records)).toEqual(['fork', 'exec', 'exit']);
    const [fork, exec, exit] = records as [Decoded, Decoded, Decoded];
    const [scanned] = decode(sensor.scan(actor.pid)) as [Decoded];
    expect(fork).toMatchObject({
      ppid: actor.pid,
      parent_tgid: actor.pid,
      comm: 'actions',
      parent_start: scanned.start,
      parent_exec_id: scanned.exec_id,
      exec_id: scanned.exec_id,
      vpid: fork.tgid,
      vtid: fork.tid,
    });
    expect(exec).toMatchObject({
      tgid: fork.tgid,
      tid: fork.tgid,
      old_tid: fork.tgid,
      start: fork.start,
      exec_id: (fork.exec_id as number) + 1,
      comm: 'echo',
      exe_path: '/usr/bin/echo',
      filename: '/bin/echo',
      args: '/bin/echo\0one\0two\0',
      args_total: 18,
      cwd: place.folder,
      env: 'PATH=/usr/bin\0MARK=here\0',
      cgroup_path: cgroupOf(actor.pid),
      vpid: fork.tgid,
      sid: statOf(actor.pid, 6),
      pgid: statOf(actor.pid, 5),
      flags: 0,
      uid: 0,
      euid: 0,
    });
    const { ino, ctimeNs, mtimeNs, dev } = statSync('/usr/bin/echo', { bigint: true });
    expect(exec).toMatchObject({ exe_ino: ino, exe_ctime: ctimeNs, exe_mtime: mtimeNs });
    expect((exec.exe_flags as number) & WRITABLE).toBe(WRITABLE);
    if (((exec.exe_flags as number) & 10) === 0) expect(BigInt(exec.exe_dev as number)).toBe(dev);
    expect(exit).toMatchObject({
      tgid: fork.tgid,
      exit_code: 0,
      exec_id: exec.exec_id,
      start: fork.start,
      ppid: actor.pid,
    });
    expect((fork.time as bigint) < (exec.time as bigint) && (exec.time as bigint) < (exit.time as bigint)).toBe(true);
  });

  test('the exit status is as wait gives it', async () => {
    const status = await actor.ask('run /bin/false');
    const killed = await actor.ask('run /bin/sh -c kill\t-9\t$$');
    const exits = drainAll(sensor).filter((record) => record.kind === 'exit');
    expect([status, killed]).toEqual([0x100, 9]);
    expect(exits.map((record) => record.exit_code)).toEqual([status, killed]);
  });

  /** Sizes around the limits: of what is whole, what is cut, and the pieces that are copied. */
  const SIZES = [4095, 4096, 4097, 5119, 5120, 5121, 8191, 8192, 9000, 17_000, 33_791, 33_792, 33_793, 100_000];

  /** Runs `true` with two blocks of that size, arguments and environment, and returns the record of it. */
  async function long(
    size: number,
    program = '/bin/true',
  ): Promise<Decoded & { readonly whole: Record<'args' | 'env', string> }> {
    const fill = (length: number) => Array.from({ length }, (_, at) => 'abcdefghijklmnopqrstuvw'[at % 23]).join('');
    const whole = { args: '', env: '' };
    whole.args = `${program}\0${fill(size - program.length - 'tail'.length - 3)}\0tail\0`;
    whole.env = `A=${fill(size - 'A='.length - 'Z=end'.length - 2)}\0Z=end\0`;
    const [, first, last] = whole.args.split('\0');
    const [a, z] = whole.env.split('\0');
    writeFileSync(join(place.folder, 'long.sh'), `exec /usr/bin/env -i '${a}' ${z} ${program} '${first}' ${last}\n`);
    const execs = (await act('run /bin/sh long.sh')).filter(({ comm }) => comm === 'true');
    expect(execs.map(({ kind }) => kind)).toEqual(['exec', 'exit']);
    return { ...(execs[0] as Decoded), whole };
  }

  /** What is to be kept of a block. */
  const kept = (block: string, head: number) =>
    block.length <= head + 1024 ? block : block.slice(0, head) + block.slice(-1024);

  test.each(SIZES)('%d bytes of arguments and environment: 5 KiB, of the beginning and of the end', async (size) => {
    const exec = await long(size);
    expect([exec.whole.args.length, exec.whole.env.length]).toEqual([size, size]);
    expect(exec).toMatchObject({ args_total: size, env_total: size, filename: '/bin/true', flags: 0 });
    expect(exec.args === kept(exec.whole.args, 4096)).toBe(true);
    expect(exec.env === kept(exec.whole.env, 4096)).toBe(true);
    expect(exec.cgroup_path).toBe(cgroupOf(actor.pid));
  });

  /** As long as a path can be. */
  const longWay = '/bin/true'.padStart(4095, '/');

  test('the path that execve was given, whole', async () => {
    const exec = await long(20_000, longWay);
    expect(exec.filename === longWay).toBe(true);
    expect(exec).toMatchObject({ exe_path: '/usr/bin/true', cgroup_path: cgroupOf(actor.pid), flags: 0 });
  });

  test('many arguments, and many variables', async () => {
    const words = Array.from({ length: 4000 }, (_, at) => `w${at}`);
    writeFileSync(join(place.folder, 'many.sh'), `exec /bin/true ${words.join(' ')}\n`);
    const exec = (await act('run /bin/sh many.sh')).find(({ comm, kind }) => comm === 'true' && kind === 'exec');
    expect(exec?.args === kept(`/bin/true\0${words.join('\0')}\0`, 4096)).toBe(true);
  });

  describe.each([
    { argsHead: 32_768, envHead: 32_768 },
    { argsHead: 32_768, envHead: 4096 },
    { argsHead: 4096, envHead: 8192 },
  ])('with room for $argsHead bytes of arguments and $envHead of the environment', (heads) => {
    beforeAll(() => {
      sensor.close();
      // What stands behind the texts must be found there, too.
      const state = new Map([['exec', { open: true, stdio: 'names' as const }]]);
      sensor = watch(actor, { ...onlyCalls(), env: true, state, ...heads });
    });
    afterAll(() => {
      sensor.close();
      sensor = watch(actor, { ...onlyCalls(), env: true });
    });

    test.each(SIZES)('%d bytes are kept, or their beginning and end', async (size) => {
      const exec = await long(size);
      expect(exec).toMatchObject({ args_total: size, env_total: size, filename: '/bin/true', flags: FLAGS.state });
      expect(exec.args === kept(exec.whole.args, heads.argsHead)).toBe(true);
      expect(exec.env === kept(exec.whole.env, heads.envHead)).toBe(true);
      expect(exec.cgroup_path).toBe(cgroupOf(actor.pid));
    });

    test('the longest of all is whole but for what is cut', async () => {
      const exec = await long(70_000, longWay);
      expect(exec.filename === longWay).toBe(true);
      expect(exec.args === kept(exec.whole.args, heads.argsHead)).toBe(true);
      expect(exec.env === kept(exec.whole.env, heads.envHead)).toBe(true);
      expect(exec.cgroup_path).toBe(cgroupOf(actor.pid));
    });
  });

  test('in a small ring the longest records have no room: theirs are as short as ever', async () => {
    sensor.close();
    sensor = watch(actor, { ...onlyCalls(), env: true, argsHead: 32_768, ringBytes: 131_072 });
    try {
      const exec = await long(9000);
      expect(exec.args === exec.whole.args).toBe(true);
      const longer = await long(33_000);
      expect(longer.args === kept(longer.whole.args, 4096)).toBe(true);
      expect(longer.args_total).toBe(33_000);
      expect(sensor.counters().dropped).toMatchObject({ exec: 0, fork: 0, exit: 0 });
    } finally {
      sensor.close();
      sensor = watch(actor, { ...onlyCalls(), env: true });
    }
  });

  test('a program in a memfd', async () => {
    const exec = only(await act('run-memfd /bin/true'), 'exec');
    expect(exec.exe_path).toBe('memfd:payload');
    expect((exec.exe_flags as number) & (MEMFD | DELETED)).toBe(MEMFD);
    expect(exec.filename).toMatch(/^\/dev\/fd\/\d+$/);
  });

  test('a program that was deleted', async () => {
    const exec = only(await act('run-deleted /bin/true gone'), 'exec');
    expect(exec.exe_path).toBe(join(place.folder, 'gone'));
    expect((exec.exe_flags as number) & (MEMFD | DELETED)).toBe(DELETED);
  });

  test('exec from another thread than the leader: one process, one exit', async () => {
    const records = await act('thread-exec /bin/true');
    expect(kinds(records)).toEqual(['fork', 'exec', 'exit']);
    const exec = only(records, 'exec');
    expect(exec.tid).toBe(exec.tgid);
    expect(exec.old_tid).not.toBe(exec.tgid);
    expect(exec.start).toBe(only(records, 'fork').start);
  });

  test('a leader that ends before its threads: the process ends with the last', async () => {
    const status = await actor.ask('leader-ends-first');
    const records = drainAll(sensor);
    expect(kinds(records)).toEqual(['fork', 'exit']);
    const exit = only(records, 'exit');
    expect(exit.tid).not.toBe(exit.tgid);
    expect(exit.exit_code).toBe(status);
  });

  test('the controlling terminal', async () => {
    const exec = only(await act('run-on-terminal /bin/true'), 'exec');
    expect(((exec.tty as number) >> 8) & 0xfff).toBeGreaterThanOrEqual(136);
    expect(exec.sid).toBe(exec.tgid);
  });

  test('an orphan goes to the nearest subreaper', async () => {
    const records = await act('orphan');
    expect(kinds(records)).toEqual(['fork', 'fork', 'exit', 'exit']);
    const [, second, first, last] = records as [Decoded, Decoded, Decoded, Decoded];
    expect(first).toMatchObject({ tgid: second.ppid, reaper: actor.pid });
    expect(last).toMatchObject({ tgid: second.tgid, ppid: actor.pid });
  });

  test('a move to another cgroup: who was moved, not who moved it', async () => {
    const pid = await actor.ask('start /bin/sleep 30');
    drainAll(sensor);
    const group = new Cgroup(cgroupRoots()[0] as string, 'some/where');
    try {
      group.move(pid);
      expect(drainAll(sensor)).toEqual([
        expect.objectContaining({ kind: 'cgroup', tgid: pid, comm: 'sleep', cgroup_path: cgroupOf(pid), flags: 0 }),
      ]);
      expect(cgroupOf(pid)).toMatch(/\/some\/where$/);
    } finally {
      group.remove();
      await actor.ask(`stop ${pid}`);
      drainAll(sensor);
    }
  });

  test('of a thousand short lives none is missed, and every record has the key of its process', async () => {
    const loop = '( i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i+1)); done ) &';
    writeFileSync(join(place.folder, 'lives.sh'), `${loop}\n${loop}\nwait\n`);
    const records = await act('run /bin/sh lives.sh');
    expect(records.filter((record) => record.kind === 'exec')).toHaveLength(1001);
    const alive = new Map<string, number>();
    for (const { kind, tgid, start, exec_id: id } of records) {
      const key = `${tgid}/${start}`;
      const before = alive.get(key);
      if (kind === 'fork') expect(before).toBeUndefined();
      else expect(before).toBe(kind === 'exec' ? (id as number) - 1 : id);
      if (kind === 'exit') alive.delete(key);
      else alive.set(key, id as number);
    }
    expect(alive.size).toBe(0);
    expect(Object.values(sensor.counters().dropped).every((count) => count === 0)).toBe(true);
  });

  describe('scan', () => {
    test('tells of a running child what its exec told', async () => {
      const pid = await actor.ask('start /bin/sleep 30 1');
      const events = drainAll(sensor);
      const other = await actor.ask('start /bin/sleep 31');
      try {
        const records = decode(sensor.scan());
        expect(records.map((record) => record.tgid).sort()).toEqual([actor.pid, pid, other].sort());
        const exec = only(events, 'exec');
        const found = records.find((record) => record.tgid === pid);
        const {
          time: _,
          kind: __,
          flags: ___,
          filename: ____,
          size: _____,
          cpu: ______,
          ...same
        } = {
          ...exec,
        } as Record<string, unknown>;
        // What it uses has changed since.
        for (const name of ['pgft_maj', 'pgft_min', 'vm_size', 'vm_rss', 'vm_swap']) delete same[name];
        expect(found).toMatchObject(same);
        expect(found).toMatchObject({ kind: 'scan', flags: FLAGS.scanned, filename: '' });
        expect(found?.exe_path).toBe(readlinkSync(`/proc/${pid}/exe`));
        expect(found?.cwd).toBe(readlinkSync(`/proc/${pid}/cwd`));
        expect(found?.args).toBe(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
        expect(found?.env).toBe(readFileSync(`/proc/${pid}/environ`, 'latin1'));
        // /proc counts ticks of 10 ms.
        expect(Math.floor(Number(found?.start) / 1e7)).toBe(statOf(pid, 22));
      } finally {
        await actor.ask(`stop ${pid}`);
        await actor.ask(`stop ${other}`);
        drainAll(sensor);
      }
    });

    test('of one process, and of one that is not there', async () => {
      expect(decode(sensor.scan(actor.pid)).map((record) => record.tgid)).toEqual([actor.pid]);
      expect(sensor.scan(2 ** 22 + 1)).toHaveLength(0);
      expect(sensor.scan(process.pid), 'out of scope').toHaveLength(0);
    });
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootOffsetNs, measurePrograms, notifySystemd, openSensor, probe, type Sensor } from '../../native/index.ts';
import { indexRecords, ROW } from '../../native/record-index.ts';
import { exitCode } from '../../src/core/errors.ts';
import { rowsFor } from '../../src/events/kernel/records.ts';
import { scratch } from '../scratch.ts';
import { compileBpf } from './compile.ts';
import { Actor, drainAll, everything, numberOf, only, prepare, watch, whyNot } from './harness.ts';

const skipped = whyNot();
const child = fileURLToPath(new URL('sensor-child.ts', import.meta.url));

describe.skipIf(skipped)('the ring', () => {
  let place: ReturnType<typeof prepare>;
  let actor: Actor;
  beforeAll(async () => {
    place = prepare();
    actor = await Actor.start(place.program, place.folder);
  });
  afterAll(() => {
    actor?.stop();
  });

  test.each([4096, 65536, 1 << 20])(
    'of %i bytes: what was opened is sent, dropped or refused, each once',
    async (ringBytes) => {
      const sensor = watch(actor, { ringBytes });
      try {
        const opens = 20000;
        await actor.ask(`opens ${opens} /etc/hostname`);
        const records = drainAll(sensor);
        const { sent, dropped, refused } = sensor.counters();
        expect(Number(sent.openat) + Number(dropped.openat) + Number(refused.openat)).toBe(opens);
        expect(records.filter((record) => record.kind === 'open')).toHaveLength(Number(sent.openat));
        expect(refused.openat).toBeGreaterThan(0);
      } finally {
        sensor.close();
      }
    },
  );

  test('opens leave the last quarter to the life of processes', async () => {
    const sensor = watch(actor, { ringBytes: 65536 });
    try {
      await actor.ask('opens 2000 /etc/hostname');
      await actor.ask('run /bin/true');
      const { sent, dropped, refused } = sensor.counters();
      expect(refused.openat).toBeGreaterThan(0);
      expect(sent).toMatchObject({ fork: 1, exec: 1, exit: 1 });
      expect(dropped).toMatchObject({ fork: 0, exec: 0, exit: 0 });
      expect(
        drainAll(sensor)
          .slice(-3)
          .map((record) => record.kind),
      ).toEqual(['fork', 'exec', 'exit']);
    } finally {
      sensor.close();
    }
  });

  test('connections, and what gives rights, survive a flood of opens', async () => {
    const sensor = watch(actor, { ringBytes: 65536, ...only('openat', 'connect', 'ptrace', 'setuid', 'unlinkat') });
    try {
      await actor.ask('opens 2000 /etc/hostname');
      await actor.ask('connect inet 1');
      await actor.ask(`sys ${numberOf('ptrace')} 16 999999999 0 0`);
      await actor.ask(`sys ${numberOf('setuid')} 0`);
      await actor.ask(`sys ${numberOf('unlinkat')} -100 '/nonexistent 0`);
      const { sent, dropped, refused } = sensor.counters();
      expect(refused.openat).toBeGreaterThan(0);
      expect(sent).toMatchObject({ connect: 1, ptrace: 1, setuid: 1, unlinkat: 0 });
      expect(refused).toMatchObject({ connect: 0, ptrace: 0, setuid: 0, unlinkat: 1 });
      expect(dropped).toMatchObject({ connect: 0, ptrace: 0, setuid: 0 });
    } finally {
      sensor.close();
    }
  });

  test('what the programs cost is measured by the kernel', async () => {
    const sensor = watch(actor);
    try {
      const busy = actor.ask('opens 200000 /etc/hostname');
      const measured = measurePrograms(200);
      const calls = measured.filter(({ name, runs }) => name === 'on_call' && runs > 0);
      expect(calls.length).toBeGreaterThan(0);
      for (const { runs, runNs, instructions } of calls) {
        expect(runNs / runs).toBeGreaterThan(1);
        // A tenth of what the kernel verifies at most (BPF_COMPLEXITY_LIMIT_INSNS); older verifiers take half as much again.
        expect(instructions).toBeLessThan(100_000);
      }
      await busy;
    } finally {
      sensor.close();
    }
  });

  test('a buffer that is too small for the next record is refused, nothing is lost', async () => {
    const sensor = watch(actor);
    try {
      await actor.ask('open /etc/hostname');
      expect(() => sensor.drain(new Uint8Array(16))).toThrow(RangeError);
      expect(drainAll(sensor)).toHaveLength(1);
    } finally {
      sensor.close();
    }
  });

  test('what is drained has the rows that its index has, over the end of the ring too', async () => {
    const ringBytes = 65536;
    const sensor = watch(actor, { ringBytes });
    try {
      const room = new Uint8Array(1 << 17);
      const [rows, again] = [rowsFor(room.length), rowsFor(room.length)];
      let drained = 0;
      let records = 0;
      while (drained < 2 * ringBytes) {
        await actor.ask('opens 50 /etc/hostname');
        await actor.ask('open /etc/there-is-no-such-file');
        const length = sensor.drain(room, rows);
        drained += length;
        indexRecords(room, length, again);
        let end = 0;
        while (again[end + ROW.kind] !== 0) end += ROW.size;
        expect(again[end + ROW.damaged]).toBe(0);
        records += end / ROW.size;
        expect(rows.subarray(0, end + ROW.size)).toEqual(again.subarray(0, end + ROW.size));
      }
      expect(records).toBeGreaterThanOrEqual((2 * ringBytes) / 320);
      expect(sensor.drain(room, rows)).toBe(0);
      expect(rows[ROW.kind]).toBe(0);
      expect(() => sensor.drain(room, rowsFor(room.length / 2))).toThrow(RangeError);
    } finally {
      sensor.close();
    }
  });

  test('the doorbell wakes a loop that sleeps, once for each time it is armed', async () => {
    const sensor = watch(actor);
    try {
      let rings = 0;
      let heard = () => {};
      const next = () =>
        new Promise<void>((done) => {
          heard = done;
        });
      sensor.onDoorbell(() => {
        rings++;
        heard();
      });
      for (let round = 1; round <= 3; round++) {
        expect(sensor.arm()).toBe(false);
        const woken = next();
        await actor.ask('opens 10 /etc/hostname');
        await woken;
        expect(rings).toBe(round);
        expect(drainAll(sensor)).toHaveLength(10);
      }
      await actor.ask('open /etc/hostname');
      expect(sensor.arm(), 'there is something already').toBe(true);
    } finally {
      sensor.close();
    }
  });

  test.each([65536, 1 << 20])(
    'of %i bytes: the doorbell waits until a part of it is in use, and rings once and not much later',
    async (ringBytes) => {
      const sensor = watch(actor, { ringBytes });
      try {
        let rings = 0;
        sensor.onDoorbell(() => rings++);
        const quarter = ringBytes / 4;
        expect(sensor.arm(quarter)).toBe(false);
        let used = 0;
        for (let opens = 0; rings === 0; opens++) {
          expect(opens).toBeLessThan(ringBytes / 64);
          await actor.ask('opens 4 /etc/hostname');
          await new Promise((done) => setImmediate(done));
        }
        await actor.ask('opens 64 /etc/hostname');
        await new Promise((done) => setImmediate(done));
        expect(rings).toBe(1);
        const room = new Uint8Array(1 << 20);
        for (let got = sensor.drain(room); got > 0; got = sensor.drain(room)) used += got;
        expect(used).toBeGreaterThanOrEqual(quarter);
        expect(used).toBeLessThan(quarter + ringBytes / 16 + 64 * 320);
        await actor.ask(`opens ${Math.ceil(ringBytes / 3 / 320)} /etc/hostname`);
        expect(sensor.arm(quarter), 'as much is there already').toBe(true);
      } finally {
        sensor.close();
      }
    },
  );

  test('the doorbell rings after a while although nothing has come, once', async () => {
    const sensor = watch(actor);
    try {
      let rings = 0;
      const rung = () => new Promise<number>((done) => sensor.onDoorbell(() => done(++rings)));
      for (const within of [0.25, 1, 20]) {
        rings = 0;
        const next = rung();
        // What this turn has taken until now is no part of it; libuv counts whole milliseconds.
        const until = performance.now() + 25;
        while (performance.now() < until);
        const began = performance.now();
        expect(sensor.arm(1 << 20, within)).toBe(false);
        expect(await next).toBe(1);
        expect(performance.now() - began).toBeGreaterThan(Math.ceil(within) - 1);
        await sleep(10);
        expect(rings).toBe(1);
      }
    } finally {
      sensor.close();
    }
  });

  test.each<[string, (sensor: Sensor) => unknown]>([
    ['what is armed without end', (sensor) => sensor.arm()],
    ['who has looked', (sensor) => drainAll(sensor)],
    ['a doorbell that rang for a record', (sensor) => actor.ask('open /etc/hostname').then(() => sensor)],
    ['a closed sensor', (sensor) => sensor.close()],
  ])('after a while nothing rings any more for %s', async (_, then) => {
    const sensor = watch(actor);
    try {
      let rings = 0;
      sensor.onDoorbell(() => rings++);
      expect(sensor.arm(1, 30)).toBe(false);
      await then(sensor);
      await sleep(5);
      const before = rings;
      await sleep(60);
      expect(rings).toBe(before);
    } finally {
      sensor.close();
    }
  });

  test('who looks at the ring is not rung for', async () => {
    const sensor = watch(actor, { ringBytes: 65536 });
    try {
      let rings = 0;
      sensor.onDoorbell(() => rings++);
      for (const bytes of [1, 16384]) {
        expect(sensor.arm(bytes)).toBe(false);
        expect(drainAll(sensor)).toEqual([]);
        await actor.ask('opens 300 /etc/hostname');
        expect(drainAll(sensor).length).toBeGreaterThan(100);
      }
      await new Promise((done) => setImmediate(done));
      expect(rings).toBe(0);
    } finally {
      sensor.close();
    }
  });

  test('the doorbell rings even when the record that should ring it finds the ring full', async () => {
    const sensor = watch(actor, { ringBytes: 4096 });
    try {
      const woken = new Promise<void>((done) => sensor.onDoorbell(done));
      expect(sensor.arm()).toBe(false);
      await actor.ask(`run /bin/true ${'x'.repeat(4080)}`);
      await woken;
      expect(sensor.counters().dropped.exec).toBe(1);
    } finally {
      sensor.close();
    }
  });

  test('close may be called twice, and leaves no descriptor', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    watch(actor).close();
    const before = open();
    const sensor = watch(actor);
    sensor.onDoorbell(() => {});
    expect(open()).toBeGreaterThan(before);
    sensor.close();
    sensor.close();
    await new Promise((done) => setImmediate(done));
    expect(open()).toBe(before);
    expect(() => sensor.drain(new Uint8Array(65536))).toThrow('closed');
  });

  test('two sensors do not share anything', async () => {
    const one = watch(actor);
    const two = watch(actor, only('open'));
    try {
      await actor.ask('open /etc/hostname');
      expect(drainAll(one)).toHaveLength(1);
      expect(drainAll(two)).toHaveLength(1);
    } finally {
      one.close();
      two.close();
    }
  });
});

function addonPath(): string {
  const { addon } = probe();
  if ('error' in addon) throw new Error(addon.error);
  return addon.path;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where others than root find the checkout, who may not enter what it lies in (/root). */
const elsewhere = '/mnt/';

/** Runs sensor-child.ts in a process of its own, under `wrapper`; its answer is one line of JSON. */
function run(mode: string, wrapper: string[] = [], env: NodeJS.ProcessEnv = {}): Record<string, unknown> {
  const at = wrapper.includes(elsewhere) ? elsewhere : root;
  const program = [process.execPath, child].map((path) => path.replace(root, at));
  const [command = '', ...words] = [...wrapper, ...program, mode];
  const { stdout, stderr, status, signal } = spawnSync(command, words, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  expect({ stderr, signal, status }).toEqual({ stderr: '', signal: null, status: 0 });
  return JSON.parse(stdout);
}

const mounted = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"', root, elsewhere];
const nobody = [...mounted, 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const rights = (names: string) => [...nobody, `--inh-caps=${names}`, `--ambient-caps=${names}`];

describe.skipIf(skipped)('other processes', () => {
  test.each([
    ['sched/sched_process_exit', '/dev/null', 'Input/output error'],
    ['raw_syscalls/sys_exit', 'none', 'Invalid argument'],
  ])('where perf cannot be had of %s, it is done without, and said', (tracepoint, id, why) => {
    const file = join(scratch(), 'id');
    writeFileSync(file, '99999999\n');
    const tracing = '/sys/kernel/tracing';
    const lying = `mount -t tracefs none ${tracing} && mount --bind "$0" ${tracing}/events/${tracepoint}/id && exec "$@"`;
    const wrapper = ['unshare', '--mount', 'sh', '-c', lying, id === 'none' ? file : id];
    const risk = expect.stringContaining(`: ${why} (${tracepoint})`);
    expect(run('perf', wrapper)).toMatchObject({ kinds: ['fork', 'exec', 'exit'], scanned: true, risk });
  });

  test('that may not open as many files are told so, whatever they were opened for', () => {
    const tooMany = 'the sensor needs more files than this process may have open';
    expect(run('few-files')).toEqual([
      [expect.stringMatching(/^the native addon is not found: EMFILE/), tooMany, 'open'],
      [tooMany, 'open'],
    ]);
  });

  test('a user with CAP_BPF and CAP_PERFMON alone can trace', () => {
    expect(run('trace', rights('+bpf,+perfmon'))).toMatchObject({ kinds: ['fork', 'exec', 'exit'], scanned: true });
  });

  test('in a pid namespace of its own the scope goes by the pids that the sensor sees', () => {
    const wrapper = ['unshare', '--pid', '--fork', '--mount-proc'];
    expect(run('trace', wrapper)).toMatchObject({ kinds: ['fork', 'exec', 'exit'], scanned: true });
  });

  test('is counted on processors whose numbers are above how many there are', () => {
    const last = cpus().length - 1;
    const file = join(scratch(), 'possible');
    // Those before it are not there.
    writeFileSync(file, `${last}\n`);
    const lying = 'mount --bind "$0" /sys/devices/system/cpu/possible && exec taskset --cpu-list "$@"';
    const answer = run('trace', ['unshare', '--mount', 'sh', '-c', lying, file, `${last}`]);
    expect(answer).toMatchObject({ kinds: ['fork', 'exec', 'exit'], counted: { fork: 1, exec: 1, exit: 1 } });
  });

  test('a list of processors that cannot be read is a clear error', () => {
    const file = join(scratch(), 'possible');
    writeFileSync(file, 'none\n');
    const lying = 'mount --bind "$0" /sys/devices/system/cpu/possible && exec "$@"';
    const { error, hint } = run('trace', ['unshare', '--mount', 'sh', '-c', lying, file]);
    expect(error).toContain('/sys/devices/system/cpu/possible is no list of numbers: none');
    expect(hint).toContain('mount /sys');
  });

  test.each([
    [nobody, 'CAP_BPF and CAP_PERFMON'],
    [rights('+bpf'), 'CAP_PERFMON'],
    [rights('+perfmon'), 'CAP_BPF'],
  ])('%#: exit 77 and the name of what is missing', (wrapper, names) => {
    const { error, exit, hint } = run('trace', wrapper);
    expect(exit).toBe(exitCode.noPermission);
    expect(error).toBe(`this process may not trace the kernel: it lacks ${names}`);
    expect(hint).toContain('AmbientCapabilities=');
  });

  test('a worker thread may end, and a process exit, with the sensor open', () => {
    expect(run('worker')).toEqual({ woken: true });
    expect(run('leave-open')).toEqual({ open: true });
  });

  test('without bpf_rdonly_cast, as before Linux 6.2, the programs read by helpers', () => {
    const folder = scratch();
    const file = join(folder, 'falco_pipe.node');
    cpSync(addonPath(), file);
    compileBpf(join(folder, 'sensor.bpf.o'), ['-Dbpf_rdonly_cast=no_such_function']);
    expect(run('trace', [], { FALCO_PIPE_ADDON: file })).toMatchObject({
      kinds: ['fork', 'exec', 'exit'],
      scanned: true,
    });
    expect(run('trace', [])).toEqual(run('trace', [], { FALCO_PIPE_ADDON: file }));
  });

  test('a missing addon is a clear error', () => {
    const answer = run('trace', [], { FALCO_PIPE_ADDON: '/nonexistent/falco_pipe.node' });
    expect(answer).toMatchObject({ exit: exitCode.unavailable, hint: 'build it: make build' });
    expect(answer.error).toContain('/nonexistent/falco_pipe.node');
  });

  test('an addon that cannot be loaded says which package is missing', () => {
    const folder = scratch();
    const file = join(folder, 'falco_pipe.node');
    cpSync(addonPath(), file);
    execFileSync('sh', ['-c', `sed -i 's/libelf\\.so\\.1/libelf.so.9/' ${file}`]);
    const answer = run('trace', [], { FALCO_PIPE_ADDON: file });
    expect(answer).toMatchObject({ exit: exitCode.unavailable });
    expect(answer.error).toContain('libelf.so.9');
    expect(answer.hint).toContain('libelf1t64');
  });

  test('an addon that needs a newer C library says which one it is made for', () => {
    const file = join(scratch(), 'falco_pipe.node');
    cpSync(addonPath(), file);
    execFileSync('sed', ['-i', 's/GLIBC_2\\.32/GLIBC_2.99/', file]);
    const answer = run('trace', [], { FALCO_PIPE_ADDON: file });
    expect(answer).toMatchObject({ exit: exitCode.unavailable });
    expect(answer.error).toContain('GLIBC_2.99');
    expect(answer.hint).toBe('it needs glibc 2.34 or later, or build it here: make build');
  });
});

test.skipIf(skipped)('a scope whose root does not run is a mistake of the configuration', () => {
  expect(() => openSensor({ ...everything, scope: { descendantsOf: 2 ** 22 + 1 } })).toThrow(
    'no process has the pid 4194305',
  );
});

test('sizes that no ring can have are refused', () => {
  for (const ringBytes of [0, 1000, 4097, 2 ** 31, Number.NaN]) {
    expect(() => openSensor({ ...everything, ringBytes })).toThrow(RangeError);
  }
});

test.skipIf(skipped)('the boot clock and its offset give the time of day', () => {
  const boot = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  const skew = Number(bootOffsetNs() / 1_000_000n) + boot - Date.now();
  expect(Math.abs(skew)).toBeLessThan(10_000);
});

describe('notifySystemd', () => {
  let place: ReturnType<typeof prepare>;
  let actor: Actor;
  beforeAll(async () => {
    place = prepare();
    actor = await Actor.start(place.program, place.folder);
  });
  afterAll(() => {
    delete process.env.NOTIFY_SOCKET;
    actor?.stop();
  });

  test.each([
    ['a path', () => join(place.folder, 'notify')],
    ['an abstract name', () => `@falco-pipe-test-${process.pid}`],
  ])('sends one datagram to %s', async (_, name) => {
    const fd = await actor.ask(`bind ${name()}`);
    process.env.NOTIFY_SOCKET = name();
    expect(notifySystemd('READY=1')).toBe(true);
    expect(await actor.ask(`hear ${fd} READY=1`)).toBe(1);
  });

  test('does nothing where nobody listens, or nobody asked', () => {
    process.env.NOTIFY_SOCKET = join(place.folder, 'nobody');
    expect(notifySystemd('READY=1')).toBe(false);
    delete process.env.NOTIFY_SOCKET;
    expect(notifySystemd('READY=1')).toBe(false);
  });
});

test('probe tells what is there', () => {
  const found = probe();
  expect(found.kernel).toMatch(/^\d+\.\d+/);
  expect(Object.keys(found.capabilities)).toContain('perfmon');
  if (!skipped) expect(found.features.map((feature) => feature.name)).toContain('ringbuf');
});

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { openSensor, type SensorOptions } from '../../native/index.ts';
import { FLAGS } from '../../src/events/kernel/layout.ts';
import { scratch } from '../scratch.ts';
import { Actor, before, type Decoded, drainAll, everything, only, prepare, watch, whyNot } from './harness.ts';

const TURNS = 150;

/** A record without what is never the same: its time and, of a request of io_uring, where the texts were kept. */
function withoutChance({ time: _, args, flags, ...told }: Decoded) {
  return { ...told, flags, args: Number(flags) & FLAGS.uring ? undefined : args };
}

/** What was done in the crowd, and what became of it. */
async function crowd(options: Pick<SensorOptions, 'perf'> = {}) {
  const program = join(scratch(), 'crowd');
  execFileSync('gcc', ['-O1', '-static', '-o', program, join(import.meta.dirname, 'crowd.c'), '-pthread']);
  const child = spawn(program, [String(TURNS)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  const scope = { descendantsOf: Number(await line()) };
  const sensor = openSensor({ ...everything, ...only('unlinkat'), ...options, ringBytes: 1 << 24, scope });
  const room = new Uint8Array(1 << 20);
  // Who asks for counters may be preempted, too.
  const busy = setInterval(() => {
    while (sensor.drain(room) > 0);
    for (let times = 0; times < 20; times++) sensor.counters();
  }, 1);
  try {
    child.stdin.write('\n');
    const [calls = 0, execs = 0] = (await line()).split(' ').map(Number);
    const { sent, dropped, refused, missed } = sensor.counters();
    const sum = (name: string) => [sent, dropped, refused].reduce((total, counts) => total + (counts[name] ?? 0), 0);
    const seen = { unlinkat: sum('unlinkat'), fork: sum('fork'), exec: sum('exec'), exit: sum('exit') };
    return { done: { unlinkat: calls, fork: execs, exec: execs, exit: execs }, seen, missed };
  } finally {
    clearInterval(busy);
    sensor.close();
    child.stdin.end();
  }
}

describe.skipIf(whyNot())('a task that is preempted in the middle of a program', () => {
  test('keeps nothing that others do meanwhile from being seen', async () => {
    const { done, seen, missed } = await crowd();
    expect(seen).toEqual(done);
    expect(Object.entries(missed).filter(([, count]) => count > 0)).toEqual([]);
  });

  test('does since 7.0 without perf, which is counted', async () => {
    const { done, seen, missed } = await crowd({ perf: false });
    const counted = { unlinkat: 'on_call', fork: 'on_fork', exec: 'on_exec', exit: 'on_exit' } as const;
    for (const [name, program] of Object.entries(counted) as [keyof typeof counted, string][]) {
      // Calls of other kinds and new threads are missed, too.
      expect(seen[name] + (missed[program] ?? 0), name).toBeGreaterThanOrEqual(done[name]);
    }
    expect(Number(missed.on_call) > 0).toBe(!before(7, 0));
  });
});

describe.skipIf(whyNot() ?? before(6, 18))('since 6.18, programs attached through perf', () => {
  test('tell of everything what those on the tracepoints tell', async () => {
    const { folder, program } = prepare();
    const actor = await Actor.start(program, folder);
    const calls = only('open', 'openat', 'connect', 'execve', 'unlinkat', 'mkdirat');
    const sensors = [false, true].map((perf) => watch(actor, { ...calls, env: true, perf }));
    try {
      for (const line of [
        'open /etc/hostname',
        'connect inet 1',
        'connect socketcall 1',
        'run /bin/true',
        'run /no/such/program',
        'chdir /',
        `uring plain 37 -100 '${folder}/by-ring 0700 0 0`,
      ]) {
        await actor.ask(line);
      }
      const [plain = [], perf = []] = sensors.map((sensor) => drainAll(sensor).map(withoutChance));
      expect(perf).toEqual(plain);
      expect(new Set(plain.map(({ kind }) => kind))).toEqual(
        new Set(['open', 'socket', 'fork', 'exec', 'exit', 'call', 'chdir']),
      );
      expect(
        sensors.map((sensor) =>
          sensor
            .programs()
            .map(({ risk }) => risk)
            .join(''),
        ),
      ).toEqual(['', '']);
    } finally {
      for (const sensor of sensors) sensor.close();
      actor.stop();
    }
  });
});

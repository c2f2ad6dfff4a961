import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Accounts } from '../../../src/events/accounts.ts';
import { KernelContext } from '../../../src/events/kernel/context.ts';
import { KIND } from '../../../src/events/kernel/layout.ts';
import type { KernelSlab } from '../../../src/events/kernel/slab.ts';
import { Capture, type CaptureOptions } from '../../../src/sources/ebpf/capture.ts';
import { shell as anyShell, open as openOf } from '../../events-kernel/shell.ts';
import type { Fields } from '../../events-kernel/slab-writer.ts';
import { contextFor, FakeSensor } from './support.ts';

const shell: Fields = { ...anyShell, kind: 'scan' };
const open = (raw: string): Fields => openOf(raw, anyShell);

beforeEach(() => {
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'clearImmediate',
      'performance',
    ],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function start(
  options: Partial<Pick<CaptureOptions, 'kinds' | 'deliver' | 'bootOffset' | 'ringBytes' | 'maxWait'>> = {},
) {
  const sensor = new FakeSensor();
  sensor.running = [shell];
  const ctx = contextFor({ fields: new Set(), types: 'all' });
  const names: unknown[] = [];
  const errors: unknown[] = [];
  const capture = new Capture({
    sensor,
    ctx,
    kinds: options.kinds ?? new Set(Object.values(KIND)),
    context: new KernelContext({ names: new Accounts(), bootOffset: 0n, hostname: 'x' }),
    bootOffset: options.bootOffset ?? (() => 0n),
    ringBytes: options.ringBytes ?? 2 ** 24,
    maxWait: options.maxWait ?? 1,
    deliver:
      options.deliver ??
      ((slab) => names.push(...Array.from({ length: slab.length }, (_, index) => slab.at(index)?.get('fd.name')))),
    failed: (error) => errors.push(error),
  });
  return { sensor, ctx, names, errors, capture };
}

describe('capture', () => {
  it('scans, drains, and sleeps until the doorbell rings', async () => {
    const { sensor, names, capture } = start();
    sensor.put(open('/early'));
    capture.start();
    expect(sensor.scans).toEqual([undefined]);
    await vi.advanceTimersByTimeAsync(20);
    expect(names).toEqual(['/early']);
    expect(sensor.armed).toBe(true);
    const before = sensor.drains;
    await vi.advanceTimersByTimeAsync(900);
    expect(sensor.drains).toBe(before);
    sensor.put(open('/a'), open('/b'));
    expect(names).toEqual(['/early', '/a', '/b']);
    capture.close();
  });

  it('looks within a second at what the doorbell was not rung for', async () => {
    const { sensor, names, capture } = start();
    capture.start();
    await vi.advanceTimersByTimeAsync(20);
    expect(sensor.armed).toBe(true);
    // Whoever was to ring has cleared the word, and does not run on.
    sensor.awaited = 0;
    sensor.put(open('/a'));
    expect(names).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(names).toEqual(['/a']);
    expect(sensor.armed).toBe(true);
    const before = sensor.drains;
    await vi.advanceTimersByTimeAsync(3000);
    expect(sensor.drains).toBe(before);
    // Nothing waits, but the word is gone: the next one rings again.
    sensor.awaited = 0;
    await vi.advanceTimersByTimeAsync(1000);
    sensor.put(open('/b'));
    expect(names).toEqual(['/a', '/b']);
    capture.close();
  });

  it('polls for a while after events that come together, instead of having the doorbell rung for each', async () => {
    const { sensor, names, capture } = start();
    capture.start();
    await vi.advanceTimersByTimeAsync(20);
    for (const path of ['/a', '/b', '/c']) sensor.put(open(path));
    expect([names, sensor.armed]).toEqual([['/a', '/b'], false]);
    await vi.advanceTimersByTimeAsync(1);
    expect([names, sensor.armed]).toEqual([['/a', '/b', '/c'], false]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sensor.armed).toBe(true);
    capture.close();
  });

  it('sleeps on after an event that comes alone', async () => {
    const { sensor, names, capture } = start();
    capture.start();
    for (let event = 1; event <= 3; event++) {
      await vi.advanceTimersByTimeAsync(3);
      const before = sensor.drains;
      sensor.put(open('/a'));
      expect([names.length, sensor.armed]).toEqual([event, true]);
      expect(sensor.drains).toBe(before + 1);
    }
    capture.close();
  });

  it('gives sinks their turn after each batch while they cannot follow, after several otherwise', async () => {
    for (const crowded of [true, false]) {
      const trace: string[] = [];
      const deliver = () => {
        trace.push('batch');
        setImmediate(() => trace.push('sink'));
      };
      const { sensor, ctx, capture } = start({ deliver });
      vi.spyOn(ctx, 'crowded').mockReturnValue(crowded ? 1 : 0);
      const many = Array.from({ length: 30 }, (_, n) => open(`/${n}/${'x'.repeat(4000)}`));
      for (let batch = 0; batch < 3; batch++) sensor.put(...many);
      capture.start();
      await vi.advanceTimersByTimeAsync(5);
      expect(trace.join(' ')).toBe(crowded ? 'batch sink batch sink batch sink' : 'batch batch batch sink sink sink');
      capture.close();
    }
  });

  it('lets what comes behind a small batch gather for a moment', async () => {
    const { sensor, names, capture } = start();
    capture.start();
    await vi.advanceTimersByTimeAsync(0.5);
    for (const path of ['/a', '/b', '/c']) sensor.put(open(path));
    const seen: number[] = [];
    for (let ms = 0; ms < 4; ms++) {
      await vi.advanceTimersByTimeAsync(1);
      seen.push(names.length);
    }
    expect(seen).toEqual([1, 2, 3, 3]);
    capture.close();
  });

  /** The ms between looks at a ring into which something comes all the time; `kept` says what came of it. */
  async function waits(
    options: Pick<CaptureOptions, 'ringBytes' | 'maxWait'>,
    kept: (events: number) => number,
    records = [open('/a')],
  ) {
    const { sensor, ctx, names, capture } = start(options);
    vi.spyOn(ctx, 'books').mockImplementation(() => {
      const seen = names.length;
      return { seen, delivered: 0, filtered: seen - kept(seen), dropped: 0, pipeline: '' };
    });
    capture.start();
    await vi.advanceTimersByTimeAsync(50);
    const between: number[] = [];
    let before = 0;
    for (let ms = 0; ms < 80; ms++) {
      const drains = sensor.drains;
      sensor.put(...records);
      await vi.advanceTimersByTimeAsync(1);
      if (sensor.drains === drains) continue;
      between.push(ms - before);
      before = ms;
    }
    capture.close();
    return between.slice(1);
  }

  it('lets events wait ever longer for others while nothing comes of them', async () => {
    const afterSome = await waits({ ringBytes: 2 ** 24, maxWait: 10 }, (events) => Math.min(events, 3));
    expect(afterSome[0]).toBe(1);
    expect(afterSome).toEqual(afterSome.toSorted((a, b) => a - b));
    expect(new Set(afterSome).size).toBeGreaterThanOrEqual(4);
    expect(afterSome.at(-1)).toBe(10);
    const never = await waits({ ringBytes: 2 ** 24, maxWait: 10 }, () => 0);
    expect(never.slice(-2)).toEqual([10, 10]);
  });

  it('lets none wait longer than 1 ms while something comes of them', async () => {
    const between = await waits({ ringBytes: 2 ** 24, maxWait: 10 }, (events) => events);
    expect(new Set(between)).toEqual(new Set([1]));
  });

  it.each([
    ['in a small ring', 65_536, [open('/a')]],
    ['when many come', 2 ** 24, Array.from({ length: 20 }, () => open(`/${'x'.repeat(4000)}`))],
  ])('lets events wait as long %s', async (_, ringBytes, records) => {
    const between = await waits({ ringBytes, maxWait: 6 }, () => 0, records);
    expect(between.slice(-2)).toEqual([6, 6]);
  });

  describe('that waits for others to come', () => {
    const ringBytes = 65_536;
    const many = (bytes: number) => open(`/${'x'.repeat(bytes)}`);

    /** There was something at each look, and the next is 100 ms after the one that was just now. */
    async function waiting() {
      const started = start({ ringBytes, maxWait: 100 });
      started.capture.start();
      for (let ms = 0; ms < 500; ms++) {
        const before = started.sensor.drains;
        if (started.sensor.used === 0) started.sensor.put(open('/a'));
        await vi.advanceTimersByTimeAsync(1);
        if (ms > 300 && started.sensor.drains > before) break;
      }
      started.names.length = 0;
      return started;
    }

    it('looks at once when a quarter of the ring is in use, and then as late as ever', async () => {
      const { sensor, names, capture } = await waiting();
      const [before, awaited] = [sensor.drains, sensor.awaited];
      expect(awaited).toBe(ringBytes / 4);
      for (let part = 0; part < 4; part++) {
        await vi.advanceTimersByTimeAsync(5);
        expect([names.length, sensor.drains]).toEqual([0, before]);
        sensor.put(many(4096));
      }
      // A look takes one of them here.
      expect([names.length, sensor.drains, sensor.awaited]).toEqual([1, before + 1, awaited]);
      await vi.advanceTimersByTimeAsync(99);
      expect(sensor.drains).toBe(before + 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(sensor.drains).toBe(before + 2);
      capture.close();
    });

    it('looks once more when the doorbell of a moment ago is heard late, and waits on', async () => {
      const { sensor, names, capture } = await waiting();
      const [before, awaited] = [sensor.drains, sensor.awaited];
      await vi.advanceTimersByTimeAsync(50);
      sensor.ring();
      expect([sensor.drains, sensor.awaited]).toEqual([before + 1, awaited]);
      await vi.advanceTimersByTimeAsync(70);
      expect(sensor.drains).toBe(before + 1);
      sensor.put(many(4096), many(4096), many(4096), many(4096));
      expect([names.length, sensor.drains, sensor.awaited]).toEqual([4, before + 2, awaited]);
      capture.close();
    });

    it('does not lie down while a quarter of the ring is in use', async () => {
      const { sensor, names, capture } = await waiting();
      sensor.awaited = 0;
      for (let part = 0; part < 12; part++) sensor.put(many(4096));
      await vi.advanceTimersByTimeAsync(120);
      expect(names.length).toBeGreaterThanOrEqual(9);
      expect(sensor.used).toBeLessThan(ringBytes / 4);
      capture.close();
    });
  });

  it('lets the first after a silence wait for none', async () => {
    const { sensor, names, capture } = start({ maxWait: 10 });
    capture.start();
    await vi.advanceTimersByTimeAsync(20);
    for (let event = 1; event <= 5; event++) {
      await vi.advanceTimersByTimeAsync(15);
      sensor.put(open('/a'));
      expect([names.length, sensor.armed]).toEqual([event, true]);
    }
    capture.close();
  });

  it('delivers at the end what is soon delivered, and counts the rest', async () => {
    const { sensor, ctx, names, capture } = start();
    capture.start();
    await vi.advanceTimersByTimeAsync(20);
    const paths = Array.from({ length: 20 }, (_, n) => `/${n}`);
    // Nobody has woken it: they wait in the ring.
    sensor.awaited = 0;
    for (const path of paths) sensor.put(open(path));
    capture.finish();
    capture.close();
    expect(names).toEqual(paths.slice(0, 8));
    expect(ctx.said.map(({ type, fields }) => [type, fields.reason, fields.count])).toEqual([['drop', 'stopped', 12]]);
    expect(sensor.closed).toBe(1);
  });

  it('releases each batch when it is delivered, also when that throws', async () => {
    const slabs: KernelSlab[] = [];
    const { sensor, capture, errors } = start({
      deliver: (slab) => {
        slabs.push(slab);
        throw new Error('no');
      },
    });
    sensor.put(open('/a'));
    capture.start();
    await vi.advanceTimersByTimeAsync(5);
    expect(slabs.map(({ released }) => released)).toEqual([true]);
    expect(errors).toEqual([new Error('no')]);
    expect(sensor.closed).toBe(1);
  });

  it('delivers only the kinds asked for; the others still tell what processes do', async () => {
    const { sensor, names, capture } = start({ kinds: new Set([KIND.open]) });
    sensor.put({ ...shell, kind: 'exec', exec_id: 4, exe_path: '/bin/new' }, { ...open('/a'), exec_id: 4 });
    capture.start();
    await vi.advanceTimersByTimeAsync(5);
    expect(names).toEqual(['/a']);
    expect(capture.processes.find(100, Number.MAX_SAFE_INTEGER)?.data.program?.exePath).toBe('/bin/new');
    capture.close();
  });

  it('reports losses once, by event type and reason', async () => {
    const { sensor, ctx, capture } = start();
    capture.start();
    sensor.lose('open', 7);
    sensor.counts.refused.open = 2;
    sensor.counts.missed.io_uring = 1;
    await vi.advanceTimersByTimeAsync(3000);
    expect(ctx.said.map(({ type, fields }) => [type, fields.reason, fields.event_type, fields.count])).toEqual([
      ['drop', 'uring_lost', undefined, 1],
      ['drop', 'ring_full', 'open', 7],
      ['drop', 'ring_pressure', 'open', 2],
    ]);
    sensor.lose('connect', 1);
    capture.close();
    const last = ctx.said.at(-1);
    expect(last?.fields.message).toBe('1 event of type connect lost (ring_full): the ring was full');
    expect(last?.summed?.(7)).toBe('7 events of type connect lost (ring_full): the ring was full');
    expect(sensor.scans).toEqual([undefined]);
  });

  it('scans again when records of processes were lost, and forgets who is gone', async () => {
    const { sensor, capture } = start();
    const child = { ...shell, tgid: 200, tid: 200, start: 60 };
    sensor.running = [shell, child];
    capture.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(capture.processes.size).toBe(2);
    sensor.lose('exit', 1);
    sensor.lose('fork', 1);
    sensor.running = [shell, { ...child, tgid: 300, tid: 300, start: 90, exe_path: '/bin/late' }];
    await vi.advanceTimersByTimeAsync(1000);
    expect(sensor.scans).toEqual([undefined, undefined]);
    expect(capture.processes.size).toBe(2);
    expect(capture.processes.find(300, Number.MAX_SAFE_INTEGER)?.data.program?.exePath).toBe('/bin/late');
    expect(capture.processes.find(200, Number.MAX_SAFE_INTEGER)).toBeUndefined();
    capture.close();
  });

  it.each(['on_fork', 'on_exec', 'on_exit', 'on_cgroup', 'on_call'])(
    'says what events the skips of %s can have cost, apart from those that are lost for sure, and scans again',
    async (program) => {
      const { sensor, ctx, capture } = start();
      capture.start();
      await vi.advanceTimersByTimeAsync(10);
      sensor.counts.missed[program] = 3;
      sensor.running = [{ ...shell, exe_path: '/bin/late', exec_id: 9 }];
      await vi.advanceTimersByTimeAsync(3000);
      expect(ctx.said.map(({ type, fields }) => [type, fields.reason, fields.count, fields.message])).toEqual([
        [
          'gap',
          'program_missed',
          3,
          `at most 3 events not seen: the kernel skipped the program ${program}, which was in use`,
        ],
      ]);
      expect(ctx.metrics.total('kernel_missed')).toBe(3);
      expect(sensor.scans).toEqual([undefined, undefined]);
      expect(capture.processes.find(100, Number.MAX_SAFE_INTEGER)?.data.program?.exePath).toBe('/bin/late');
      capture.close();
    },
  );

  it('finds a process where it is now when the record of its move was lost', async () => {
    const { sensor, capture, ctx } = start();
    sensor.running = [{ ...shell, cwd: '/', cgroup_path: '/user.slice' }];
    capture.start();
    await vi.advanceTimersByTimeAsync(10);
    sensor.lose('cgroup', 1);
    sensor.running = [{ ...shell, cwd: '/tmp', cgroup_path: `/docker/${'ab'.repeat(32)}`, exe_path: '' }];
    await vi.advanceTimersByTimeAsync(1000);
    const { data } = capture.processes.find(100, Number.MAX_SAFE_INTEGER) ?? {};
    expect([data?.container?.id, data?.cwd, data?.program?.exePath]).toEqual(['abababababab', '/tmp', shell.exe_path]);
    expect(ctx.said.map(({ fields }) => [fields.event_type, fields.message])).toContainEqual([
      undefined,
      '1 event lost (ring_full): the ring was full',
    ]);
    capture.close();
  });

  it('counts processes whose records it missed, but not those of the time of the first scan', async () => {
    const { sensor, ctx, capture } = start();
    const gone = { ...open('/x'), tgid: 555, tid: 555, start: 9 };
    sensor.put(gone);
    capture.start();
    await vi.advanceTimersByTimeAsync(20);
    sensor.put({ ...gone, tgid: 556 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(sensor.scans).toEqual([undefined, 555, 556]);
    expect([ctx.metrics.total('process_missed'), ctx.metrics.total('process_unknown')]).toEqual([1, 1]);
    capture.close();
  });

  it('follows the clock, and reports when it is set', async () => {
    let offset = 1_000_000_000n;
    const { ctx, capture } = start({ bootOffset: () => offset });
    capture.start();
    await vi.advanceTimersByTimeAsync(10_000);
    offset += 1_000_000n;
    await vi.advanceTimersByTimeAsync(10_000);
    offset -= 500_000_000n;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ctx.said.map(({ fields }) => fields.message)).toEqual([
      'the clock was set forward by 1000 ms',
      'the clock was set back by 500 ms',
    ]);
    capture.close();
  });

  it('closes once, and does nothing afterwards', async () => {
    const { sensor, names, capture } = start();
    capture.start();
    capture.close();
    capture.close();
    sensor.put(open('/late'));
    await vi.advanceTimersByTimeAsync(5000);
    expect([sensor.closed, names]).toEqual([1, []]);
  });
});

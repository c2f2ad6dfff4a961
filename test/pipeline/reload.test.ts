import { setImmediate as turn } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bound, type OperatorContext, stream, where } from '../../src/core/component.ts';
import { recordedAck } from '../core/shared.ts';
import { ManualSink } from './harness.ts';
import { flush, observed, range, running, stopped } from './reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a reload', () => {
  it('keeps sources, queues and operators that are the same, with their state', async () => {
    const source = observed();
    const out = new ManualSink();
    let created = 0;
    const first = () => {
      created++;
      let passed = 0;
      return where(() => ++passed <= 3);
    };
    const parts = { sources: { src: source.open }, operators: { first }, sinks: { out } };
    const yaml = (more: string) => `sources: { src: { type: src } }
operators: { head: { type: first, from: src }${more} }
sinks: { out: { type: out, from: ${more ? 'odd' : 'head'} } }`;
    const { run, reload } = await running(yaml(''), parts);
    source.input.emit(2);
    await reload(yaml(`, odd: { type: map, from: head, set: { more: 'yes' } }`));
    source.input.emit(2, 2);
    await flush();
    // The third event of all is the last that passes: the operator has counted on.
    expect(out.got).toEqual([0, 1, 2]);
    expect([created, source.seen.opened, source.seen.closed, out.closed]).toEqual([1, 1, 0, 0]);
    expect(await stopped(run)).toMatchObject({ seen: 4, delivered: 3, filtered: 1 });
  });

  it('delivers through the old graph what came before it, through the new one what comes after', async () => {
    const source = observed();
    const [a, b] = [new ManualSink(), new ManualSink()];
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    a.write = () => gate;
    const parts = { sources: { src: source.open }, sinks: { a, b } };
    const yaml = (sink: string) => `sources: { src: { type: src } }\nsinks: { ${sink}: { type: ${sink}, from: src } }`;
    const { run, reload } = await running(yaml('a'), parts);
    source.input.emit(5);
    await flush();
    source.input.emit(5, 5);
    await reload(yaml('b'));
    source.input.emit(5, 10);
    await flush();
    expect([a.got, a.closed, b.got]).toEqual([[], 0, range(5, 10)]);
    open();
    await flush();
    expect([a.got, a.closed]).toEqual([range(10), 1]);
    expect(await stopped(run)).toMatchObject({ seen: 15, delivered: 15, dropped: 0 });
  });

  describe('to an operator that is not ready yet', () => {
    async function waiting() {
      const source = observed();
      const out = new ManualSink();
      const { promise: ready, resolve } = Promise.withResolvers<void>();
      // Bound for a kind of events when there are such.
      const later = () => bound(() => ({ ...where(() => false), ready }));
      const parts = {
        sources: { src: source.open },
        operators: { all: () => where(() => true), later },
        sinks: { out },
      };
      const yaml = (type: string) =>
        `sources: { src: { type: src } }\noperators: { op: { type: ${type}, from: src } }\nsinks: { out: { type: out, from: op } }`;
      const { run, reload } = await running(yaml('all'), parts);
      source.input.emit(1);
      const done = vi.fn();
      const reloaded = reload(yaml('later')).then(done, done);
      for (let n = 0; n < 3; n++) await turn();
      await vi.advanceTimersByTimeAsync(9000);
      source.input.emit(1, 1);
      await flush();
      expect([out.got, done.mock.calls]).toEqual([[0, 1], []]);
      return { source, out, run, resolve, reloaded, done };
    }

    it('goes over as soon as it is; till then the old one works on', async () => {
      const { source, out, run, resolve, reloaded } = await waiting();
      const tapped: string[] = [];
      // Put in while it waits, it is in the new graph too.
      run.tap({ id: 'src', rate: 10, next: (line) => tapped.push(line) });
      resolve();
      await reloaded;
      source.input.emit(1, 2);
      await flush();
      expect([out.got, tapped.length]).toEqual([[0, 1], 1]);
      expect(await stopped(run)).toMatchObject({ seen: 3, delivered: 2 });
    });

    it('goes over after ten seconds in any case', async () => {
      const { source, run, reloaded } = await waiting();
      await vi.advanceTimersByTimeAsync(1000);
      await reloaded;
      source.input.emit(1, 2);
      expect(await stopped(run)).toMatchObject({ seen: 3, delivered: 2, filtered: 1 });
    });

    it('does not go over once the time to stop is over', async () => {
      const { source, run, reloaded, done } = await waiting();
      const stopping = run.stop(0);
      await vi.advanceTimersByTimeAsync(1000);
      const summary = await stopping;
      await reloaded;
      expect(done.mock.calls.flat().map(String)).toEqual(['Error: the time to stop was over']);
      expect([summary, source.seen.opened]).toMatchObject([{ seen: 2, delivered: 2 }, 1]);
    });
  });

  it('gives what is retired ten seconds; a sink that hangs holds up nobody', async () => {
    const source = observed();
    const [hanging, out] = [new ManualSink(), new ManualSink()];
    hanging.write = () => new Promise(() => {});
    const parts = { sources: { src: source.open }, sinks: { hanging, out } };
    const yaml = (sink: string) => `sources: { src: { type: src } }\nsinks: { it: { type: ${sink}, from: src } }`;
    const { run, reload } = await running(yaml('hanging'), parts);
    source.input.emit(2);
    await reload(yaml('out').replace(' it:', ' other:'));
    await reload(yaml('out').replace(' it:', ' other:'));
    expect(run.totals.summary()).toMatchObject({ in_flight: 2 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(hanging.closed).toBe(1);
    expect(run.totals.summary()).toMatchObject({ in_flight: 0, dropped: 2, reasons: { stopped: 2 } });
    await stopped(run);
  });

  it('gives what a sink could not deliver in that time to the one in its place; till then its trouble is shown', async () => {
    const source = observed();
    const [down, out] = [new ManualSink(), new ManualSink()];
    down.write = () => Promise.reject(new Error('no route'));
    const parts = { sources: { src: source.open }, sinks: { down, out } };
    const yaml = (sink: string, more: string) =>
      `sources: { src: { type: src } }\nsinks: { it: { type: ${sink}, from: src, ${more} } }`;
    const { run, reload } = await running(yaml('down', 'batch: 2'), parts);
    source.input.emit(3);
    await flush();
    const [shown] = run.status().components.filter(({ kind }) => kind === 'sink');
    await reload(yaml('down', 'batch: 3'));
    await reload(yaml('out', 'batch: 4'));
    source.input.emit(1, 3);
    await flush();
    expect(out.got).toEqual([3]);
    // Also those that are being written, wherever.
    expect([shown, run.status().components.at(-1)]).toMatchObject(Array(2).fill({ queue: { events: 3 } }));
    expect(run.status().problems).toEqual(['sink it: no route']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(out.got).toEqual([3, 0, 1, 2]);
    expect([down.closed, run.status().problems]).toEqual([2, []]);
    expect(await stopped(run)).toMatchObject({ seen: 4, delivered: 4 });
  });

  it('asks sources first for what either graph wants, then for what the new one does', async () => {
    const source = observed();
    const parts = { sources: { src: source.open }, sinks: { out: new ManualSink() } };
    const yaml = (field: string) => `sources: { src: { type: src } }
operators: { some: { type: filter, from: src, condition: '${field} = x' } }
sinks: { out: { type: out, from: some } }`;
    const { run, reload } = await running(yaml('proc.name'), parts);
    await reload(yaml('fd.name'));
    expect(source.seen.asked).toEqual([['fd.name', 'proc.name'], ['fd.name']]);
    source.seen.refuse = true;
    await expect(reload(yaml('proc.exe'))).rejects.toThrow('that cannot be had');
    expect(run.plan.operators[0]?.config).toMatchObject({ condition: 'fd.name = x' });
    await stopped(run);
  });

  it('keeps what a stream holds when it stays, and lets it out when it goes', async () => {
    const source = observed();
    const out = new ManualSink();
    const hold = () =>
      stream((batches) => {
        const left = new Subject<never>();
        const held: never[] = [];
        batches.subscribe({
          next: (batch) => void held.push(batch as never),
          complete: () => {
            for (const each of held) left.next(each);
            left.complete();
          },
        });
        return left;
      });
    const parts = { sources: { src: source.open }, operators: { hold }, sinks: { out } };
    const yaml = (from: string, more = '') => `sources: { src: { type: src } }
${from === 'op' ? 'operators: { op: { type: hold, from: src } }' : ''}
sinks: { out: { type: out, from: ${from}${more} } }`;
    const { run, reload } = await running(yaml('op'), parts);
    source.input.emit(2);
    await reload(yaml('op', ', batch: 7'));
    await flush();
    expect([out.closed, out.got]).toEqual([1, []]);
    source.input.emit(2, 2);
    await reload(yaml('src'));
    await flush();
    expect(out.got).toEqual(range(4));
    expect(await stopped(run)).toMatchObject({ seen: 4, delivered: 4 });
  });

  it('can come from inside a batch, and many times at once', async () => {
    const source = observed();
    const out = new ManualSink();
    let reload!: (text: string) => Promise<void>;
    const reloads: Promise<void>[] = [];
    const yaml = (n: number) => `sources: { src: { type: src } }
operators: { op: { type: op, from: src }, then: { type: map, from: op, set: { a: '${n}' } } }
sinks: { out: { type: out, from: then } }`;
    const op = () =>
      where((event) => {
        reloads.push(reload(yaml(Number(event.get('n')))));
        return true;
      });
    const started = await running(yaml(-1), { sources: { src: source.open }, operators: { op }, sinks: { out } });
    reload = started.reload;
    source.input.emit(20);
    source.input.emit(1, 20);
    await Promise.all(reloads);
    await flush();
    expect(out.got).toEqual(range(21));
    expect(reloads).toHaveLength(21);
    await stopped(started.run);
    await expect(reload(yaml(1))).rejects.toThrow('the pipeline stops');
  });

  it('gives a failed batch of a source that stays to the new graph', async () => {
    const source = observed();
    const [a, b] = [new ManualSink(), new ManualSink()];
    a.write = () => Promise.reject(new Error('down'));
    const parts = { sources: { src: source.open }, replayable: ['src'], sinks: { a, b } };
    const yaml = (sink: string) =>
      `sources: { src: { type: src } }\nsinks: { ${sink}: { type: ${sink}, from: src, retry: { give_up_after: 1s } } }`;
    const { run, reload } = await running(yaml('a'), parts);
    const ack = recordedAck();
    source.input.emit(1, 0, ack);
    await reload(yaml('b'));
    await vi.advanceTimersByTimeAsync(5000);
    expect(ack.settled).toEqual([['failed', 'sink_failed']]);
    source.input.emit(1, 0, recordedAck());
    await flush();
    expect(b.got).toEqual([0]);
    await stopped(run);
  });

  it('makes an operator anew when what it is told has changed, not when only its neighbours have', async () => {
    const source = observed();
    const made: string[] = [];
    const op = (ctx: OperatorContext) => {
      made.push(ctx.id);
      return where(() => true);
    };
    const parts = {
      sources: { src: source.open, other: source.open },
      operators: { op },
      sinks: { out: new ManualSink() },
    };
    const yaml = (calm: string, sources = 'src') => `sources: { src: { type: src }, other: { type: other } }
operators: { op: { type: op, from: [src, other] }, calm: { type: throttle, from: ${sources}, ${calm} } }
sinks: { out: { type: out, from: [calm, op] } }`;
    const { run, reload } = await running(yaml('limit: 2, per: 1h'), parts);
    source.input.emit(5);
    await reload(yaml('limit: 2, per: 1h', '[src, other]'));
    source.input.emit(5);
    await flush();
    expect(run.metrics.get('calm')?.total('sent')).toBe(2);
    await reload(yaml('limit: 3, per: 1h'));
    source.input.emit(5);
    await flush();
    expect(run.metrics.get('calm')?.total('sent')).toBe(5);
    expect(made).toEqual(['op']);
    await stopped(run);
  });
});

const HOLDING = `sources: { src: { type: src } }
operators: { odd: { type: forgetful, from: src } }
sinks: { out: { type: out, from: odd, timeout: 5s }, slow: { type: slow, from: src, timeout: 5s } }`;

function holding(source: ReturnType<typeof observed>) {
  const forgetful = () => stream(() => new Subject<never>());
  const slow = new ManualSink();
  slow.write = () => new Promise(() => {});
  return { sources: { src: source.open }, operators: { forgetful }, sinks: { out: new ManualSink(), slow } };
}

describe('a component that holds events', () => {
  it('for more than twice the time of a write is named, once', async () => {
    const source = observed();
    const { run, lines } = await running(HOLDING, holding(source));
    const unwatch = run.watchHeld();
    source.input.emit(1, 0, recordedAck());
    await vi.advanceTimersByTimeAsync(50_000);
    const held = lines.filter((line) => line.includes('has held events'));
    expect(held).toEqual([
      'odd: odd has held events for 20 s: their source cannot go past them',
      'slow: slow has held events for 20 s: their source cannot go past them',
    ]);
    unwatch();
    await stopped(run);
  });

  it.each([86_400_000, -86_400_000])(
    'is named by the time that it does, though a clock is set by %i ms',
    async (by) => {
      const source = observed();
      const { run, lines } = await running(HOLDING, holding(source));
      const unwatch = run.watchHeld();
      const held = () => lines.filter((line) => line.includes('has held events'));
      source.input.emit(1, 0, recordedAck());
      vi.setSystemTime(Date.now() + by);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(held()).toEqual([]);
      await vi.advanceTimersByTimeAsync(40_000);
      expect(held().map((line) => line.split(' for ')[0])).toEqual([
        'odd: odd has held events',
        'slow: slow has held events',
      ]);
      unwatch();
      await stopped(run);
    },
  );

  it('of a live source, which goes on, is said to hold it up by nobody', async () => {
    const source = observed();
    const { run, lines } = await running(HOLDING, holding(source));
    const unwatch = run.watchHeld();
    source.input.emit(1);
    await vi.advanceTimersByTimeAsync(50_000);
    // That its writes fail is told of a sink as soon as they do.
    expect(lines.filter((line) => line.includes('has held events'))).toEqual(['odd: odd has held events for 20 s']);
    expect(lines.filter((line) => line.startsWith('warn: slow: writing failed'))).toHaveLength(1);
    unwatch();
    await stopped(run);
  });

  it('is named once for all that it gives up, until it takes events again', async () => {
    const source = observed();
    const slow = new ManualSink();
    const down = () => Promise.reject(new Error('down'));
    slow.write = down;
    const yaml = `sources: { src: { type: src } }
sinks: { slow: { type: slow, from: src, timeout: 5s, retry: { give_up_after: 40s } } }`;
    const { run, lines } = await running(yaml, { sources: { src: source.open }, sinks: { slow } });
    const unwatch = run.watchHeld();
    const held = () => lines.filter((line) => line.includes('has held events')).length;
    source.input.emit(1, 0, recordedAck());
    for (let n = 1; n < 5; n++) {
      await vi.advanceTimersByTimeAsync(60_000);
      source.input.emit(1, n, recordedAck());
    }
    expect(held()).toBe(1);
    slow.write = async () => {};
    await vi.advanceTimersByTimeAsync(60_000);
    slow.write = down;
    source.input.emit(1, 5, recordedAck());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(held()).toBe(2);
    unwatch();
    await stopped(run);
  });
});

describe('the deadline of a stop', () => {
  it('is the earliest that was asked for', async () => {
    const source = observed();
    const out = new ManualSink();
    out.write = () => new Promise(() => {});
    const yaml = 'sources: { src: { type: src } }\nsinks: { out: { type: out, from: src } }';
    const { run } = await running(yaml, { sources: { src: source.open }, sinks: { out } });
    source.input.emit(1);
    let done = false;
    void run.stop(60_000).then(() => (done = true));
    run.hurry(1000);
    run.hurry(30_000);
    await vi.advanceTimersByTimeAsync(999);
    expect(done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toBe(true);
  });
});

import { concat, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { change, type SourceContext, where } from '../../../src/core/component.ts';
import { SourceError, UserError } from '../../../src/core/errors.ts';
import type { Event } from '../../../src/core/event.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import { Redelivery } from '../../../src/core/flow/redelivery.ts';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import type { Summary } from '../../../src/pipeline/run/totals.ts';
import { eventsOf } from '../../core/shared.ts';
import { ManualSink, ManualSource, start } from '../harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const balanced = ({ seen, delivered, filtered, dropped, in_flight }: Summary) =>
  expect(delivered + filtered + dropped + in_flight).toBe(seen);
const flush = () => vi.advanceTimersByTimeAsync(0);
const blocked = () => new Promise<void>(() => {});
const range = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

/** A source that emits its numbers in batches of ten, at least once; it goes on where it stood. */
function counting(total: number) {
  return (ctx: SourceContext) =>
    new Observable<Batch>((subscriber) => {
      const delivery = new Redelivery((batch) => subscriber.next(batch), ctx);
      const read = async () => {
        for (let from = Number(ctx.position() ?? 0); from < total; from += 10) {
          await ctx.credit(10);
          delivery.emit({ source: 'syscall', form: recordForm, events: eventsOf(10, from) }, from + 10);
        }
        await delivery.settled();
        subscriber.complete();
      };
      read().catch((error) => subscriber.error(error));
    });
}

const TWO_SINKS = `
sources: { src: { type: src } }
sinks:
  good: { type: good, from: src, queue: { events: 100 } }
  bad: { type: bad, from: src, queue: { events: 5 }, retry: { give_up_after: 10s } }
`;

describe('a sink that fails', () => {
  it('drops live events by reason, counted once, and does not touch the other sink', async () => {
    const source = new ManualSource();
    const [good, bad] = [new ManualSink(), new ManualSink()];
    bad.write = blocked;
    const { run, lines } = await start(TWO_SINKS, { sources: { src: () => source.input }, sinks: { good, bad } });
    for (let n = 0; n < 10; n++) {
      source.emit(2, n * 2);
      balanced(run.totals.summary());
      await flush();
    }
    expect(good.got).toEqual(range(20));
    const summary = await stopped(run.stop(1000));
    // One parcel is being written, two fit into the queue, seven gave way.
    expect(summary).toEqual({
      seen: 20,
      delivered: 0,
      filtered: 0,
      dropped: 20,
      in_flight: 0,
      reasons: { queue_full: 14, stopped: 6 },
    });
    expect(lines[0]).toBe('error: bad: bad lost 2 events: queue_full');
    expect(run.metrics.get('bad')?.byLabel('dropped')).toEqual({ queue_full: 14, stopped: 6 });
    expect(run.metrics.get('good')?.total('delivered')).toBe(20);
    expect([good.closed, bad.closed]).toEqual([1, 1]);
  });

  it('gets replayable events again until it has them; nothing is lost, the source waits, the position too', async () => {
    const [good, bad] = [new ManualSink(), new ManualSink()];
    let down = true;
    bad.write = () => (down ? Promise.reject(new Error('no')) : Promise.resolve());
    const positions = new Map<string, unknown>();
    const parts = { sources: { src: counting(30_000) }, replayable: ['src'], sinks: { good, bad } };
    const { run } = await start(TWO_SINKS, parts, positions);
    await vi.advanceTimersByTimeAsync(120_000);
    // Not more than the credit is under way, however long it takes.
    expect(new Set(good.got).size).toBe(10_000);
    expect([...positions.values()]).toEqual([]);
    balanced(run.totals.summary());
    down = false;
    await vi.runAllTimersAsync();
    expect(await run.over).toEqual({ why: 'all sources have ended', pressing: false });
    const summary = await stopped(run.stop());
    expect(new Set(bad.got)).toEqual(new Set(range(30_000)));
    expect(new Set(good.got)).toEqual(new Set(range(30_000)));
    expect([...positions.values()]).toEqual([30_000]);
    expect(summary).toMatchObject({ seen: 30_000, delivered: 30_000, dropped: 0, in_flight: 0 });
  });

  it('stops in time with replayable events left, which the next run gives', async () => {
    const positions = new Map<string, unknown>();
    const hanging = new ManualSink();
    hanging.write = async (events) => {
      if (events.some((event) => event.get('n') === 30)) await blocked();
    };
    const yaml = 'sources: { src: { type: src } }\nsinks: { out: { type: out, from: src, batch: 10 } }';
    const first = await start(
      yaml,
      { sources: { src: counting(100) }, replayable: ['src'], sinks: { out: hanging } },
      positions,
    );
    await flush();
    const summary = await stopped(first.run.stop(5000));
    expect(hanging.got).toEqual(range(30));
    expect(summary).toMatchObject({ seen: 30, delivered: 30, dropped: 0, in_flight: 0 });
    const out = new ManualSink();
    const second = await start(
      yaml,
      { sources: { src: counting(100) }, replayable: ['src'], sinks: { out } },
      positions,
    );
    await vi.runAllTimersAsync();
    await stopped(second.run.stop());
    expect(out.got).toEqual(range(70, 30));
  });

  it('can still use its own time and signal while it drains', async () => {
    const source = new ManualSource();
    const out = new ManualSink();
    out.write = async () => {
      await out.ctx?.sleep(100);
    };
    const yaml = 'sources: { src: { type: src } }\nsinks: { out: { type: out, from: src } }';
    const { run } = await start(yaml, { sources: { src: () => source.input }, sinks: { out } });
    source.emit(3);
    const summary = await stopped(run.stop(10_000));
    expect(summary).toMatchObject({ seen: 3, delivered: 3 });
    expect(out.ctx?.signal.aborted).toBe(true);
  });
});

/** What a stop resolves to, with all the time it needs. */
async function stopped(stop: Promise<Summary>): Promise<Summary> {
  await vi.runAllTimersAsync();
  const summary = await stop;
  balanced(summary);
  return summary;
}

describe('sources', () => {
  const one = 'sources: { src: { type: src } }\nsinks: { out: { type: out, from: src } }';

  it('that fail are opened again, with all their credit, and go on where they stood', async () => {
    let opened = 0;
    const flaky = (ctx: SourceContext) => {
      opened++;
      const broken = throwError(() => new Error('connection lost'));
      // It has taken all credit there is, and breaks before it has emitted anything.
      if (opened < 3) return concat(taking(ctx, 10_000), broken);
      if (opened === 3) return concat(counting(5000)(ctx), broken);
      return counting(20_000)(ctx);
    };
    const out = new ManualSink();
    const { run, lines } = await start(one, { sources: { src: flaky }, replayable: ['src'], sinks: { out } });
    await vi.runAllTimersAsync();
    expect(await run.over).toEqual({ why: 'all sources have ended', pressing: false });
    expect(out.got).toEqual(range(20_000));
    expect(opened).toBe(4);
    expect(lines[0]).toMatch(/^error: src: source src failed: connection lost; opening it again in \d s$/);
    expect(run.metrics.get('src')?.total('errors')).toBe(3);
    await stopped(run.stop());
  });

  it('that can never be opened end the run with their error', async () => {
    const error = new UserError('no such queue');
    const open = () => throwError(() => error);
    const starting = start(one, { sources: { src: open }, sinks: { out: new ManualSink() } });
    const outcome = expect(starting).rejects.toBe(error);
    await vi.runAllTimersAsync();
    await outcome;
    const later = new Subject<Batch>();
    const { run } = await start(one, { sources: { src: () => later }, sinks: { out: new ManualSink() } });
    later.error(error);
    expect(await run.over).toEqual({ why: 'source src failed', pressing: true, error });
    await stopped(run.stop());
  });

  it('that are refused end alone, are said and not ready; with the last of them the run ends, with their error', async () => {
    const yaml =
      'sources: { a: { type: a }, b: { type: b }, self: { type: internal } }\nsinks: { out: { type: out, from: [a, b, self] } }';
    const refused = new SourceError('the key is not valid any more');
    const [a, b, out] = [new Subject<Batch>(), new ManualSource(), new ManualSink()];
    const sources = { a: () => a, b: () => b.input };
    const { run, lines } = await start(yaml, { sources, sinks: { out } });
    const told: string[] = [];
    out.write = async (events) => void told.push(...events.map((event) => String(event.get('internal.message'))));
    a.error(refused);
    b.emit(1);
    await flush();
    const said = 'source a has ended, and is not opened again before a reload: the key is not valid any more';
    expect(lines).toEqual([`error: a: ${said}`]);
    expect(told).toContain(said);
    expect(run.status()).toMatchObject({ ready: false, problems: [expect.stringMatching(/^source a: the key/)] });
    b.input.complete();
    await flush();
    expect(await run.over).toEqual({ why: 'source a failed', pressing: true, error: refused });
    await stopped(run.stop());
  });

  it('reject what is no event: seen, and dropped where nothing can keep it', async () => {
    let ctx!: SourceContext;
    const open = (given: SourceContext) => {
      ctx = given;
      return NEVER;
    };
    const { run, lines } = await start(one, { sources: { src: open }, sinks: { out: new ManualSink() } });
    ctx.reject('{"records": [', { reason: 'bad_body', message: 'a body is no JSON' });
    expect(lines).toEqual(['error: src: a body is no JSON']);
    expect(await stopped(run.stop())).toMatchObject({ seen: 1, dropped: 1, reasons: { bad_body: 1 } });
    expect(run.metrics.get('src')?.byLabel('dropped')).toEqual({ bad_body: 1 });
  });

  it('say what keeps them from giving anything; until then the run is not ready', async () => {
    let ctx!: SourceContext;
    const open = (given: SourceContext) => {
      ctx = given;
      return NEVER;
    };
    const { run } = await start(one, { sources: { src: open }, sinks: { out: new ManualSink() } });
    ctx.trouble('no connection to the hub');
    expect(run.status()).toMatchObject({ ready: false, problems: ['source src: no connection to the hub'] });
    ctx.trouble();
    expect(run.status()).toMatchObject({ ready: true, problems: [] });
    await stopped(run.stop());
  });

  it('let go of what they hold elsewhere after what they gave has settled, and the stop waits for it', async () => {
    const source = new ManualSource();
    const [out, order] = [new ManualSink(), [] as string[]];
    const open = (ctx: SourceContext) => {
      ctx.onStop(async (settling) => {
        order.push(`close ${settling.aborted}`);
        await new Promise((done) => setTimeout(done, 500));
        order.push('closed');
      });
      ctx.onStop(async () => {
        throw new Error('the hub is away');
      });
      ctx.onStop(async () => void order.push('withdrawn'))();
      return source.input;
    };
    const { run, lines } = await start(one, { sources: { src: open }, sinks: { out } });
    const settled = () => void order.push('settled');
    source.emit(1, 0, { live: false, settle: settled });
    const stop = run.stop(1000);
    await vi.runAllTimersAsync();
    await stop;
    expect(order).toEqual(['settled', 'close true', 'closed']);
    expect(lines).toEqual(['warn: src: it did not close well: the hub is away']);
  });

  it('the run is over when the last has ended, not when the first has', async () => {
    const second = new ManualSource();
    const out = new ManualSink();
    const yaml =
      'sources: { a: { type: a }, b: { type: b }, self: { type: internal } }\nsinks: { out: { type: out, from: [a, b, self] } }';
    const ended = of<Batch>();
    const { run } = await start(yaml, { sources: { a: () => ended, b: () => second.input }, sinks: { out } });
    let over = false;
    void run.over.then(() => {
      over = true;
    });
    await flush();
    expect(over).toBe(false);
    second.input.complete();
    await flush();
    expect(over).toBe(true);
    await stopped(run.stop());
  });

  it('say what they lost: seen, dropped, and told to `internal`', async () => {
    const out = new ManualSink();
    const told: Event[] = [];
    out.write = async (events) => void told.push(...events);
    let ctx: SourceContext | undefined;
    const open = (given: SourceContext) => {
      ctx = given;
      return NEVER;
    };
    const yaml =
      'sources: { src: { type: src }, self: { type: internal } }\nsinks: { out: { type: out, from: [src, self] } }';
    const { run, lines } = await start(yaml, { sources: { src: open }, sinks: { out } });
    const lost = (count: number) => `${count} events lost: ring full`;
    const drop = { reason: 'ring_full', count: 10, event_type: 'open', message: lost(10) };
    for (let n = 0; n < 5; n++) ctx?.report('drop', drop, lost);
    await flush();
    // Said at once, and then once in a while: two reports and their two events.
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual(['error: src: 10 events lost: ring full', 'error: src: 40 events lost: ring full']);
    expect(told.map((event) => [event.type, event.get('internal.component'), event.get('internal.count')])).toEqual([
      ['drop', 'src', 10],
      ['drop', 'src', 40],
    ]);
    const summary = await stopped(run.stop());
    // The books at the end are an event too.
    expect(summary).toEqual({
      seen: 53,
      delivered: 3,
      filtered: 0,
      dropped: 50,
      in_flight: 0,
      reasons: { ring_full: 50 },
    });
  });
});

/** Takes credit and emits nothing. */
function taking(ctx: SourceContext, count: number): Observable<never> {
  return new Observable((subscriber) => {
    ctx.credit(count).then(
      () => subscriber.complete(),
      (error) => subscriber.error(error),
    );
  });
}

describe('operators', () => {
  const through =
    'sources: { src: { type: src } }\noperators: { op: { type: op, from: src } }\nsinks: { out: { type: out, from: op } }';

  it('that throw on one event lose it alone; it is counted, and the error names operator and event', async () => {
    const source = new ManualSource();
    const out = new ManualSink();
    const op = () =>
      where((event) => {
        if (event.get('n') === 2) throw new Error('crafted');
        return true;
      });
    const yaml = `${through}\n`
      .replace('from: op }', 'from: [op, self] }')
      .replace('src: { type: src }', 'src: { type: src }, self: { type: internal }');
    const told: Event[] = [];
    out.write = async (events) => void told.push(...events.filter(({ source }) => source === 'internal'));
    const { run, lines } = await start(yaml, {
      sources: { src: () => source.input },
      operators: { op },
      sinks: { out },
    });
    source.emit(5);
    await flush();
    expect(out.got.filter((n) => n !== undefined)).toEqual([0, 1, 3, 4]);
    expect(lines).toEqual(['error: op: op failed on an event of type open: crafted']);
    expect(told.map((event) => event.get('internal.reason'))).toEqual(['operator_error']);
    expect(run.metrics.get('op')?.total('errors')).toBe(1);
    expect(await stopped(run.stop())).toMatchObject({ dropped: 1, reasons: { operator_error: 1 } });
  });

  it('whose fields JSON cannot say are no trouble when the next one throws', async () => {
    const source = new ManualSource();
    const out = new ManualSink();
    const cyclic = (event: Event) => {
      const fields: Record<string, unknown> = { n: 1 };
      fields.self = fields;
      return new EventRecord(event.source, event.type, event.time, fields as EventRecord['fields']);
    };
    const yaml =
      'sources: { src: { type: src } }\noperators: { a: { type: a, from: src }, b: { type: b, from: a } }\nsinks: { out: { type: out, from: b } }';
    const b = () =>
      where(() => {
        throw Object.create(null);
      });
    const parts = { sources: { src: () => source.input }, operators: { a: () => change(cyclic), b }, sinks: { out } };
    const { run, lines } = await start(yaml, parts);
    source.emit(1);
    await flush();
    expect(lines).toHaveLength(1);
    expect(await stopped(run.stop())).toMatchObject({ seen: 1, dropped: 1, reasons: { operator_error: 1 } });
  });

  it('that cannot be created, and sinks that cannot be opened, are errors that name them', async () => {
    const op = () => {
      throw new Error('no model file');
    };
    const parts = { sources: { src: () => NEVER }, operators: { op }, sinks: { out: new ManualSink() } };
    vi.useRealTimers();
    await expect(start(through, parts)).rejects.toThrow(
      new UserError('The operator op cannot be created: no model file', { exit: 78 }),
    );
    const yaml = 'sources: { self: { type: internal } }\nsinks: { out: { type: file, from: self, path: /dev/null/x } }';
    await expect(start(yaml, {})).rejects.toThrow(/^The sink out cannot be opened: ENOTDIR/);
  });
});

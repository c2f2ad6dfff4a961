import { EMPTY, map, NEVER, Observable, Subject, take, takeLast, tap, throttleTime, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Step, stream, where } from '../../../src/core/component.ts';
import { liveAck } from '../../../src/core/flow/ack.ts';
import type { Batch } from '../../../src/core/flow/batch.ts';
import type { Parcel } from '../../../src/core/flow/queue.ts';
import { recordForm } from '../../../src/events/record.ts';
import { type Port, Segment } from '../../../src/pipeline/run/fuse.ts';
import { StreamPort } from '../../../src/pipeline/run/stream.ts';
import { Totals } from '../../../src/pipeline/run/totals.ts';
import { eventsOf, numbersOf, recordedAck } from '../../core/shared.ts';
import { ManualSink, ManualSource, start } from '../harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const flush = () => vi.advanceTimersByTimeAsync(0);

const ONE =
  'sources: { src: { type: src } }\noperators: { op: { type: op, from: src } }\nsinks: { out: { type: out, from: op } }';

async function started(through: Extract<Step, { kind: 'stream' }>['through'], yaml = ONE, operators = {}) {
  const source = new ManualSource();
  const out = new ManualSink();
  const parts = {
    sources: { src: () => source.input },
    sinks: { out },
    operators: { op: () => stream(through), ...operators },
  };
  return { source, out, ...(await start(yaml, parts)) };
}

/** Holds every batch for 50 ms. */
const slow = (input: Observable<Batch>) =>
  new Observable<Batch>((subscriber) => {
    let waiting = 0;
    let done = false;
    const end = () => done && waiting === 0 && subscriber.complete();
    return input.subscribe({
      next(batch) {
        waiting++;
        setTimeout(() => {
          waiting--;
          subscriber.next(batch);
          end();
        }, 50);
      },
      complete() {
        done = true;
        end();
      },
    });
  });

it('RxJS in virtual time: a stream between a fused segment and the next, as marbles', () => {
  vi.useRealTimers();
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run(({ cold, expectObservable }) => {
    const left = new Subject<number[]>();
    const port: Port = {
      id: 'out',
      fields: () => [],
      deliver(_source, { events, ack }: Parcel) {
        left.next(numbersOf(events) as number[]);
        ack.settle('delivered');
      },
    };
    const below = new Segment([
      {
        id: 'even',
        step: where((event) => Number(event.get('n')) % 2 === 0) as never,
        emits: String,
        fields: () => [],
        next: [port],
        failed: (_event, error) => {
          throw error;
        },
        received: { value: 0 },
        sent: { value: 0 },
      },
    ]);
    const stream = new StreamPort({
      through: throttleTime(3),
      next: (batch) => below.process(batch),
      failed: (error) => left.error(error),
      completed: () => left.complete(),
      dropped: () => {},
      left: () => {},
    });
    stream.open();
    const totals = new Totals();
    const through: Port = { id: 'calm', fields: () => [], deliver: (source, parcel) => stream.deliver(source, parcel) };
    const above = new Segment([through], totals);
    expectObservable(left).toBe('a---c-----d', { a: [0, 2], c: [22], d: [30, 32] });
    // Each letter is a batch of three events that begins with that number.
    const source = cold('ab--c-----d', { a: 0, b: 10, c: 21, d: 30 });
    source.subscribe((from) =>
      above.process({ source: 'syscall', form: recordForm, events: eventsOf(3, from), ack: liveAck }),
    );
    scheduler.flush();
    // What throttleTime let fall has never been settled: the books keep it as in flight, they do not guess.
    expect(totals.summary()).toMatchObject({ seen: 12, delivered: 5, filtered: 4, in_flight: 3 });
  });
});

describe('a stream operator', () => {
  it('that fails drops what it held, is said, and starts anew with the next batch', async () => {
    let begun = 0;
    const { source, out, run, lines } = await started((input) => {
      begun++;
      return input.pipe(
        tap(({ events }) => {
          if (numbersOf([events.at(0) as never])[0] === 5) throw new Error('poison');
        }),
      );
    });
    const acks = [0, 5, 10].map((from) => {
      const ack = recordedAck();
      source.emit(2, from, ack);
      return ack;
    });
    await flush();
    expect(out.got).toEqual([0, 1, 10, 11]);
    expect(begun).toBe(2);
    expect(acks.map(({ settled }) => settled[0])).toEqual([
      ['delivered', undefined],
      ['dropped', 'operator_error'],
      ['delivered', undefined],
    ]);
    expect(lines).toEqual(['error: op: op failed and starts anew: poison']);
    expect(run.metrics.get('op')?.total('errors')).toBe(1);
    expect(run.metrics.get('op')?.byLabel('dropped')).toEqual({ operator_error: 2 });
    expect(await run.stop()).toMatchObject({ seen: 6, delivered: 4, dropped: 2, in_flight: 0 });
  });

  it('in which a subscriber throws fails, and nothing else does', async () => {
    // What RxJS throws again it throws from a timer, which knows whose it is.
    vi.useRealTimers();
    const through = (input: Observable<Batch>) =>
      new Observable<Batch>((output) =>
        input.pipe(tap()).subscribe((batch) => {
          if (numbersOf([batch.events.at(0) as never])[0] === 5) throw new Error('poison');
          output.next(batch);
        }),
      );
    const { source, out, run, lines } = await started(through);
    const acks = [0, 5, 10].map((from) => {
      const ack = recordedAck();
      source.emit(2, from, ack);
      return ack;
    });
    await vi.waitFor(() => expect(lines).toHaveLength(1), 20_000);
    source.emit(2, 20);
    await vi.waitFor(() => expect(out.got).toHaveLength(6), 20_000);
    expect(out.got).toEqual([0, 1, 10, 11, 20, 21]);
    expect(acks.map(({ settled }) => settled[0]?.[0])).toEqual(['delivered', 'dropped', 'delivered']);
    expect(lines).toEqual(['error: op: op failed and starts anew: poison']);
    expect(await run.stop()).toMatchObject({ seen: 8, delivered: 6, dropped: 2, in_flight: 0 });
  });

  it('is not blamed for what throws below it', async () => {
    vi.useRealTimers();
    const yaml = ONE.replace('from: op }', 'from: below }').replace(
      ' } }\nsinks',
      ' }, below: { type: below, from: op } }\nsinks',
    );
    const below = () =>
      stream(
        (input) =>
          new Observable<Batch>((output) =>
            input.subscribe((batch) => {
              if (numbersOf([batch.events.at(0) as never])[0] === 1) throw new Error('poison');
              output.next(batch);
            }),
          ),
      );
    const { source, out, lines, run } = await started((input) => input, yaml, { below });
    for (let n = 0; n < 3; n++) source.emit(1, n);
    await vi.waitFor(() => expect([out.got, lines]).toMatchObject([{ length: 2 }, { length: 1 }]), 20_000);
    expect(out.got).toEqual([0, 2]);
    expect(lines).toEqual(['error: below: below failed and starts anew: poison']);
    await run.stop();
  });

  it('that can never begin drops every batch and neither spins nor ends the run', async () => {
    let begun = 0;
    const { source, run } = await started(() => {
      begun++;
      if (begun % 2 === 0) throw new Error('thrown');
      return throwError(() => new Error('no'));
    });
    expect(begun).toBe(1);
    for (let n = 0; n < 4; n++) source.emit(1, n);
    await flush();
    expect(begun).toBe(5);
    expect(await run.stop()).toMatchObject({ seen: 4, dropped: 4, reasons: { operator_error: 4 }, in_flight: 0 });
  });

  it('that emits no batch fails, and what it passed on before is none of its loss', async () => {
    const { source, out, run, lines } = await started(
      map((batch) => (numbersOf([batch.events.at(0) as never])[0] === 1 ? (undefined as unknown as Batch) : batch)),
    );
    for (let n = 0; n < 3; n++) source.emit(1, n);
    await flush();
    expect(out.got).toEqual([0, 2]);
    expect(lines).toHaveLength(1);
    expect(await run.stop()).toMatchObject({ seen: 3, delivered: 2, dropped: 1, in_flight: 0 });
  });

  it('that completes lets nothing pass any more: filtered, and said', async () => {
    const { source, out, run, lines } = await started(take(1));
    for (let n = 0; n < 3; n++) source.emit(1, n);
    await flush();
    expect(out.got).toEqual([0]);
    expect(lines).toEqual(['op: op has completed: nothing passes it any more']);
    expect(await run.stop()).toMatchObject({ seen: 3, delivered: 1, filtered: 2, in_flight: 0 });
    const never = await started(() => EMPTY);
    never.source.emit(1);
    expect(await never.run.stop()).toMatchObject({ seen: 1, filtered: 1 });
  });

  it('below which another operator throws has its batch dropped, not filtered', async () => {
    const yaml = `${ONE.replace('from: op }', 'from: last }').replace('from: src }', 'from: src }, last: { type: last, from: op }')}`;
    const last = () =>
      where((event) => {
        if (event.get('n') === 1) throw new Error('crafted');
        return false;
      });
    const { source, run } = await started((input) => input, yaml, { last });
    source.emit(1, 1);
    source.emit(1, 2);
    await flush();
    expect(await run.stop()).toMatchObject({ seen: 2, dropped: 1, filtered: 1, reasons: { operator_error: 1 } });
  });
});

describe('stopping', () => {
  const TWO = `sources: { src: { type: src } }
operators: { op: { type: op, from: src }, second: { type: second, from: op } }
sinks: { out: { type: out, from: second } }`;

  it('waits for what is under way in one stream after the other', async () => {
    const last = (input: Observable<Batch>) => input.pipe(takeLast(1));
    const { source, out, run } = await started(slow, TWO, { second: () => stream(slow) });
    source.emit(3);
    const stopping = run.stop();
    await vi.runAllTimersAsync();
    expect(await stopping).toMatchObject({ seen: 3, delivered: 3, in_flight: 0 });
    expect(out.got).toEqual([0, 1, 2]);
    // What comes out only at the end goes through the stream below too.
    const held = await started(last, TWO, { second: () => stream(slow) });
    held.source.emit(2);
    const ended = held.run.stop();
    await vi.runAllTimersAsync();
    expect(await ended).toMatchObject({ seen: 2, delivered: 2 });
    expect(held.out.got).toEqual([0, 1]);
  });

  it('does not wait for streams that hold nothing, though they never complete', async () => {
    const { source, out, run } = await started(
      (input) => new Observable((to) => input.subscribe((batch) => to.next(batch))),
    );
    source.emit(1);
    expect(await run.stop()).toMatchObject({ seen: 1, delivered: 1 });
    expect(out.got).toEqual([0]);
  });

  it('leaves behind at the deadline what a stream holds: live events dropped, replayable ones to come again', async () => {
    const { source, run } = await started(() => NEVER);
    const replayable = recordedAck();
    source.emit(2, 0);
    source.emit(3, 2, replayable);
    const stopping = run.stop(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await stopping).toMatchObject({ seen: 2, dropped: 2, in_flight: 0, reasons: { stopped: 2 } });
    expect(replayable.settled).toEqual([['failed', 'stopped']]);
  });
});

it('what a stream emits while it is given a batch is delivered after that batch', async () => {
  const order: string[] = [];
  const yaml = `sources: { src: { type: src } }
operators: { op: { type: op, from: src }, last: { type: last, from: [op, src] } }
sinks: { out: { type: out, from: last } }`;
  const last = () =>
    where((event) => {
      order.push(String(event.get('n')));
      return true;
    });
  const tens = map((batch: Batch): Batch => ({ ...batch, events: eventsOf(1, 10), ack: batch.ack }));
  const { source, out, run } = await started(tens, yaml, { last });
  source.emit(2);
  expect(order).toEqual(['0', '1', '10']);
  await flush();
  expect(out.got).toHaveLength(3);
  await run.stop();
});

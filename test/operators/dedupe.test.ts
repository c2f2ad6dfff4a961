import { map, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ack, liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import type { Counter } from '../../src/core/metrics.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { FieldRef } from '../../src/events/field.ts';
import { type EventRecord, recordForm } from '../../src/events/record.ts';
import { lastOfEach } from '../../src/operators/dedupe/last.ts';
import { recordedAck } from '../core/shared.ts';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, start } from './shared.ts';

const rule = catalogues.get('alert')?.find('rule') as FieldRef;
const counter = (): Counter => ({ value: 0 });
const ctx = { saved: () => undefined, keep: () => () => {}, lose: () => {} };

/** Alerts of the rules a, b, … by marble; what comes out is written as rule and count: `a3`. */
function marbles(input: string, expected: string, values: Record<string, string>, options: object = {}) {
  const counters = { repeated: counter(), evicted: counter() };
  const config = {
    key: new Map([['alert', [rule]]]),
    within: 10,
    emit: 'last' as const,
    max_keys: 100,
    ...counters,
    ctx,
  };
  const through = lastOfEach({ ...config, ...options });
  const batchOf = (name: string): Batch => ({
    source: 'alert',
    form: recordForm,
    events: [alertOf(name)],
    ack: liveAck,
  });
  const text = ({ events }: Batch) =>
    Array.from({ length: events.length }, (_, index) => {
      const event = events.at(index) as EventRecord;
      return `${event.type}${event.get('dedupe.count') ?? ''}`;
    }).join(' ');
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
  scheduler.run(({ cold, expectObservable }) => {
    const names = Object.fromEntries([...'abc'].map((name) => [name, name]));
    const batches = cold(input, names).pipe(map(batchOf));
    expectObservable(batches.pipe(through, map(text))).toBe(expected, values);
  });
  return { repeated: counters.repeated.value, evicted: counters.evicted.value };
}

describe('dedupe, the last of each, in virtual time', () => {
  it('emits at the end of the time of the first', () => {
    const counts = marbles('a--a-b-a-------------------', '----------x----y-----------', { x: 'a3', y: 'b1' });
    expect(counts).toEqual({ repeated: 2, evicted: 0 });
  });

  it('begins again after it', () => {
    marbles('a---------a---|', '----------x---(y|)', { x: 'a1', y: 'a1' });
  });

  it('at the end of its input emits what it holds', () => {
    marbles('ab-a|', '----(xy|)', { x: 'a2', y: 'b1' });
  });

  it('both: the first at once, and the last if there were more', () => {
    marbles('a--a--b------------------', 'x-----y---z--------------', { x: 'a', y: 'b', z: 'a2' }, { emit: 'both' });
  });

  it('past its limit closes the oldest early, and counts it', () => {
    const counts = marbles('aabc-------------', '---x--------yz---', { x: 'a2', y: 'b1', z: 'c1' }, { max_keys: 2 });
    expect(counts).toEqual({ repeated: 1, evicted: 1 });
  });

  it('an error of its input is its own', () => {
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
    scheduler.run(({ cold, expectObservable }) => {
      const config = { key: new Map(), within: 10, emit: 'last' as const, max_keys: 1 };
      const through = lastOfEach({ ...config, repeated: counter(), evicted: counter(), ctx });
      expectObservable(cold<Batch>('--#').pipe(through)).toBe('--#');
    });
  });
});

describe('dedupe in a pipeline', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('lets the first pass at once, and counts the others', async () => {
    const run = await start('{ type: dedupe, from: in, key: rule, within: 1m }');
    for (let n = 0; n < 3; n++) {
      run.put([alertOf('a'), alertOf('b'), alertOf('a')]);
      await vi.advanceTimersByTimeAsync(30_000);
    }
    expect(run.events.map(({ type }) => type)).toEqual(['a', 'b', 'a', 'b']);
    expect(run.counters()).toMatchObject({ deduplicated: 5 });
    const { seen, delivered, filtered } = await run.running.stop();
    expect({ seen, delivered, filtered }).toEqual({ seen: 9, delivered: 4, filtered: 5 });
  });

  it('tells events apart by several fields, and by source', async () => {
    const run = await start(
      '{ type: dedupe, from: [in, kernel], key: { alert: [rule, user.name], syscall: proc.name } }',
    );
    const user = (name: string) => alertOf('a').with({ ...alertOf('a').fields, 'user.name': name });
    run.put([user('x'), user('y'), user('x')]);
    await run.running.stop();
    expect(run.events.map((event) => event.get('user.name'))).toEqual(['x', 'y']);
  });

  it('keeps the id of the alert, and gives counts and times to it', async () => {
    const run = await start('{ type: dedupe, from: in, key: rule, emit: last, within: 1m }');
    run.put([alertOf('a', 'Notice', 'first'), alertOf('a', 'Notice', 'second')]);
    await vi.advanceTimersByTimeAsync(60_000);
    const [event] = run.events;
    expect(event?.get('output')).toBe('second');
    expect(event?.get('id')).toBe(alertOf('a').id);
    const { time } = alertOf('a');
    expect(event?.fields).toMatchObject({ 'dedupe.count': 2, 'dedupe.first_time': time, 'dedupe.last_time': time });
    await run.running.stop();
  });

  it('a clock that is set back holds nothing longer', async () => {
    const run = await start('{ type: dedupe, from: in, key: rule, emit: last, within: 1m }');
    run.put([alertOf('a'), alertOf('a')]);
    vi.setSystemTime(Date.now() - 3_600_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(run.events.map((event) => event.get('dedupe.count'))).toEqual([2]);
    run.put([alertOf('b')]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(run.events.map(({ type }) => type)).toEqual(['a', 'b']);
    await run.running.stop();
  });

  it('of a replayable source absorbs what it holds once that is saved: the source does not wait for the end', async () => {
    const run = await start('{ type: dedupe, from: in, key: rule, emit: last, within: 1h }');
    const acks = ['a', 'a', 'b'].map((rule) => {
      const ack = recordedAck();
      run.put([alertOf(rule)], ack);
      return ack;
    });
    await vi.advanceTimersByTimeAsync(2000);
    expect(acks.map(({ settled }) => settled)).toEqual(Array(3).fill([['absorbed', undefined]]));
    expect(run.events).toEqual([]);
    const { in_flight } = await run.running.stop();
    expect(in_flight).toBe(0);
    expect(run.events.map((event) => [event.type, event.get('dedupe.count')])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  it('of a batch counts each event for what became of it; conditions below may ask for the counts', async () => {
    const run = await start(
      [
        '{ type: dedupe, from: in, key: rule, emit: last, within: 1m }',
        '  many: { type: filter, from: op, condition: dedupe.count >= 2 }',
      ].join('\n'),
    );
    run.put([alertOf('a'), alertOf('b'), alertOf('a'), alertOf('a')]);
    expect(await run.running.stop()).toMatchObject({ seen: 4, delivered: 1, filtered: 3, in_flight: 0 });
    expect(run.events.map((event) => [event.type, event.get('dedupe.count')])).toEqual([['a', 3]]);
  });

  it('what has not arrived when the program dies is there after the next start', () => {
    vi.useRealTimers();
    let saved: unknown;
    let save = () => {};
    const memory = {
      saved: () => structuredClone(saved),
      lose: () => {},
      keep: (of: () => unknown) => {
        save = () => {
          saved = structuredClone(of());
        };
        return (ack: Ack) => ack.settle('absorbed');
      },
    };
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
    scheduler.run(({ flush }) => {
      const left: Batch[] = [];
      const open = () => {
        const input = new Subject<Batch>();
        const config = { key: new Map([['alert', [rule]]]), within: 1000, emit: 'last' as const, max_keys: 9 };
        const through = lastOfEach({ ...config, repeated: counter(), evicted: counter(), ctx: memory });
        input.pipe(through).subscribe((batch) => left.push(batch));
        const batchOf = (name: string): Batch => ({
          source: 'alert',
          form: recordForm,
          events: [alertOf(name)],
          ack: recordedAck(),
        });
        return { put: (...names: string[]) => names.forEach((name) => void input.next(batchOf(name))), input };
      };
      const first = open();
      first.put('a', 'a', 'b');
      save();
      // It dies here. What it had goes on from where it was, and leaves when its time is over.
      const second = open();
      second.put('a');
      second.input.complete();
      save();
      expect(left.map(({ events }) => [events.at(0)?.type, events.at(0)?.get('dedupe.count')])).toEqual([
        ['a', 3],
        ['b', 1],
      ]);
      // Nothing has arrived yet: it dies again.
      open().input.complete();
      expect(left).toHaveLength(4);
      for (const { ack } of left) ack.settle('delivered');
      flush();
    });
  });

  it('says what is wrong with a key', () => {
    const wrong = errorsOf('{ type: dedupe, from: [in, kernel], key: { alert: [rule, prioritty], okta: x } }');
    expect(wrong).toContain('"prioritty" is no field of alert events');
    expect(wrong).toContain('Did you mean "priority"?');
    expect(wrong).toContain('The key names no field for the event source "syscall"');
    expect(wrong).toContain('No event of "okta" comes here');
    expect(errorsOf('{ type: dedupe, from: in }')).toContain('Missing key "key"');
  });
});

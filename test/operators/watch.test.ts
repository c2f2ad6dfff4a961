/** `watch` without a pipeline, in virtual time. */

import { asyncScheduler, map, Subject, type Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ack, liveAck } from '../../src/core/flow/ack.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Counters } from '../../src/core/metrics.ts';
import { catalogues } from '../../src/events/catalogue.ts';
import type { FieldRef } from '../../src/events/field.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import type { WatchConfig } from '../../src/operators/watch/config.ts';
import { watched } from '../../src/operators/watch/silence.ts';

const node = catalogues.get('internal')?.find('node.name') as FieldRef;
const state = {
  key: new Map([['internal', [node]]]),
  keyNames: ['node.name'],
  source: undefined,
  conditions: undefined,
  expected: [] as string[],
  isHere: () => true,
};
const plain = {
  key: 'node.name',
  silent: 10,
  forget: 1_000_000,
  rule: 'Silent',
  priority: 'Warning',
  tags: [],
  max_keys: 100,
} as unknown as WatchConfig;

const beat = (name: string, time = 1n) => new EventRecord('internal', 'heartbeat', time, { 'node.name': name });
const batchOf = (name: string, ack: Ack = liveAck): Batch => ({
  source: 'internal',
  form: recordForm,
  events: [beat(name)],
  ack,
});
const alertIn = ({ events }: Batch) => events.at(0) as EventRecord;
const text = (batch: Batch) => `${alertIn(batch).get('node.name')} ${alertIn(batch).get('watch.state')}`;

/** What keeps the state of an operator over its lives; `save` is what the runtime does after something was absorbed. */
function memory(expected: string[] = [], isHere = () => true) {
  let saved: unknown;
  const self = {
    save: () => {},
    metrics: new Counters(),
    ctx: {
      id: 'op',
      state: { ...state, expected, isHere },
      get metrics() {
        return self.metrics;
      },
      saved: () => structuredClone(saved),
      takesOver: () => false,
      keep: (of: () => unknown) => {
        self.save = () => {
          saved = structuredClone(of());
        };
        return (ack: Ack) => ack.settle('absorbed');
      },
    } as never,
  };
  return self;
}

/** Heartbeats of the nodes a, b, … by marble; alerts come out as `node state`. */
function marbles(
  input: string,
  expected: string,
  values: Record<string, string> = {},
  { expect: nodes, ...config }: { expect?: string[]; [key: string]: unknown } = {},
) {
  const own = memory(nodes);
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
  scheduler.run(({ cold, expectObservable }) => {
    const names = Object.fromEntries([...'abc'].map((name) => [name, name]));
    const beats = cold(input, names).pipe(map((name) => batchOf(name)));
    expectObservable(beats.pipe(watched({ ...plain, ...config }, own.ctx), map(text))).toBe(expected, values);
  });
  return own.metrics;
}

describe('watch, in virtual time', () => {
  it('is quiet as long as something comes', () => {
    marbles('a----a----a----a---|', '-------------------|');
  });

  it('after a silence there is one alert, and one when it is back', () => {
    const alerts = { x: 'a silent', y: 'a back', z: 'a silent' };
    marbles('a--------------a----------|', '----------x----y---------z|', alerts);
  });

  it('watches each key for itself', () => {
    const alerts = { x: 'b silent', y: 'a silent', z: 'b back' };
    marbles('ab---a----------b|', '-----------x---yz|', alerts);
  });

  it('what is forgotten is new when it comes again', () => {
    marbles('a------------------------a|', '----------x---------------|', { x: 'a silent' }, { forget: 20 });
  });

  it('past its limit forgets what is silent, then what was heard of first, and counts it', () => {
    const metrics = marbles('ab-c----------', '-----------x-y', { x: 'b silent', y: 'c silent' }, { max_keys: 2 });
    expect(metrics.total('evicted')).toBe(1);
  });

  it('what is expected and never comes is missing, once, and back when it comes', () => {
    const alerts = { x: 'b missing', y: 'b back', z: 'b silent' };
    marbles('a----a----a----b----a----a|', '----------x----y---------z|', alerts, { expect: ['a', 'b'] });
  });

  it('it may take longer to come at first than it may be silent, or less long', () => {
    const alerts = { x: 'b missing', y: 'a silent' };
    marbles('a--------------------', '----------y----x-----', alerts, { expect: ['b'], within: 15 });
    marbles('a----a----a----a---|', '-----x-------------|', { x: 'b missing' }, { expect: ['b'], within: 5 });
  });

  it('what is expected is not forgotten: it has been reported, and is back when it comes', () => {
    const alerts = { x: 'a silent', y: 'a back' };
    marbles('a------------------------------a|', '----------x--------------------y|', alerts, {
      expect: ['a'],
      forget: 20,
    });
  });

  it('what is expected and had to give way is waited for anew', () => {
    const alerts = { x: 'a missing', y: 'b silent' };
    marbles('ab---------', '-----------(yx)', alerts, { expect: ['a'], max_keys: 1 });
    marbles(
      'ab--a------',
      '-----------x---y',
      { x: 'b missing', y: 'a silent' },
      { expect: ['b'], max_keys: 1, silent: 11, within: 7 },
    );
  });

  it('an error of its input is its own', () => {
    marbles('a-#', '--#', {}, {});
  });
});

describe('watch over restarts, in virtual time', () => {
  /** Runs the work at its time in ms, in virtual time. */
  function timeline(works: Readonly<Record<number, () => void>>): void {
    new TestScheduler(() => {}).run(({ flush }) => {
      for (const [at, work] of Object.entries(works)) asyncScheduler.schedule(work, Number(at));
      flush();
    });
  }

  function lives(expected: string[] = [], isHere = () => true) {
    const own = memory(expected, isHere);
    let running: Subscription | undefined;
    let input = new Subject<Batch>();
    const left: Batch[] = [];
    return {
      left,
      begin() {
        input = new Subject();
        running = input.pipe(watched(plain, own.ctx)).subscribe((batch) => left.push(batch));
      },
      beat: () => input.next(batchOf('a')),
      end() {
        own.save();
        running?.unsubscribe();
      },
    };
  }

  it('an alert that has not arrived when the program dies leaves again, the same; one that has does not', () => {
    const { left, begin, beat, end } = lives();
    timeline({
      0: begin,
      1: beat,
      20: () => {
        end();
        expect(left.map(text)).toEqual(['a silent']);
        begin();
        expect(left.map(text)).toEqual(['a silent', 'a silent']);
        expect(alertIn(left[0] as Batch).get('id')).toBe(alertIn(left[1] as Batch).get('id'));
        for (const { ack } of left) ack.settle('delivered');
      },
      30: () => {
        end();
        begin();
        beat();
      },
      31: () => {
        end();
        expect(left.slice(2).map(text)).toEqual(['a back']);
      },
    });
    expect(left).toHaveLength(3);
  });

  it('time in which nobody listened is no silence', () => {
    const { left, begin, beat, end } = lives();
    timeline({
      0: begin,
      1: beat,
      5: end,
      50: begin,
      59: () => expect(left).toEqual([]),
      61: () => {
        end();
        expect(left.map(text)).toEqual(['a silent']);
      },
    });
    expect(left).toHaveLength(1);
  });

  it('what comes to another replica now is no silence here', () => {
    let here = true;
    const { left, begin, beat, end } = lives([], () => here);
    timeline({
      0: begin,
      1: beat,
      5: () => {
        end();
        here = false;
        begin();
      },
      50: end,
    });
    expect(left).toEqual([]);
  });

  it('what is missing is not reported again, what is only waited for has its time again; both are known when they come', () => {
    const { left, begin, beat, end } = lives(['a', 'b']);
    timeline({
      0: begin,
      5: end,
      6: begin,
      12: () => expect(left).toEqual([]),
      17: () => {
        expect(left.map(text)).toEqual(['a missing', 'b missing']);
        for (const { ack } of left) ack.settle('delivered');
        end();
        begin();
      },
      30: beat,
      31: () => {
        end();
        expect(left.slice(2).map(text)).toEqual(['a back']);
      },
    });
    expect(left).toHaveLength(3);
  });

  it('an alert that could not be delivered is tried again', () => {
    const { left, begin, beat, end } = lives();
    timeline({
      0: begin,
      1: beat,
      12: () => left[0]?.ack.settle('failed'),
      10011: () => expect(left).toHaveLength(1),
      10013: () => left[1]?.ack.settle('delivered'),
      30000: end,
    });
    expect(left.map(text)).toEqual(['a silent', 'a silent']);
  });
});

describe('a clock that is set back', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('hides no silence: who says nothing from then on is told as soon as ever', async () => {
    const input = new Subject<Batch>();
    const said: string[] = [];
    const running = input
      .pipe(watched({ ...plain, silent: 60_000 }, memory().ctx), map(text))
      .subscribe((alert) => said.push(alert));
    for (const name of ['a', 'b']) input.next(batchOf(name));
    vi.setSystemTime(Date.now() - 3_600_000);
    for (let minutes = 0; minutes < 3; minutes++) {
      input.next(batchOf('b'));
      await vi.advanceTimersByTimeAsync(50_000);
    }
    expect(said).toEqual(['a silent']);
    running.unsubscribe();
  });
});

import fc from 'fast-check';
import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OperatorContext } from '../../src/core/component.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Counters } from '../../src/core/metrics.ts';
import { type Alert, makeAlert } from '../../src/events/alert.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import type { CorrelateConfig } from '../../src/operators/correlate/config.ts';
import { distinct, join as joined, type Pattern, sequence, threshold } from '../../src/operators/correlate/patterns.ts';
import type { CorrelateState } from '../../src/operators/correlate/plan.ts';
import { correlated } from '../../src/operators/correlate/stream.ts';
import { type Seen, Window } from '../../src/operators/correlate/window.ts';
import { Store } from '../../src/store/store.ts';
import { recordedAck } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { errorsOf, planned, run, start } from './shared.ts';

const S = 1_000_000_000n;
const NOW = 1_700_000_000n * S;

/** An alert of a rule and user, so many seconds after the time of the tests. */
function alert(rule: string, seconds: number, user: string | null = 'root', more: Record<string, string> = {}): Alert {
  const content = {
    rule,
    priority: 'Notice',
    tags: [],
    hostname: 'node1',
    output: `${rule} by ${user}`,
    source: 'syscall',
  };
  const time = NOW + BigInt(Math.round(seconds * 1000)) * 1_000_000n;
  return makeAlert(time, { ...content, outputFields: { 'user.name': user, ...more } });
}

const yaml = (what: string, key = 'user.name') =>
  `{ type: correlate, from: in, key: ${key}, within: 10s, lateness: 10s, rule: found, ${what} }`;

/** The times, in seconds, of the first and last event of each match. */
function spans(events: readonly EventRecord[]): [number, number][] {
  const seconds = (event: EventRecord, field: string) => Number((event.get(field) as bigint) - NOW) / 1e9;
  return events.map((event) => [seconds(event, 'correlate.first_time'), seconds(event, 'correlate.last_time')]);
}

beforeEach(() => void vi.useFakeTimers({ now: Number(NOW / 1_000_000n), toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('correlate: so many events', () => {
  const three = yaml('threshold: { count: 3 }');

  it('when the clock is set back, what happens from then on is not late', async () => {
    const running = await start(three);
    running.put([alert('a', 0), alert('a', 1)]);
    vi.setSystemTime(Date.now() - 3_600_000);
    running.put([alert('b', -3600), alert('b', -3599), alert('b', -3598)]);
    await running.running.stop();
    expect(spans(running.events)).toEqual([[-3600, -3598]]);
    expect(running.counters().late).toBeUndefined();
  });

  it('so, too, when that was while it did not run', async () => {
    const store = await Store.open(scratch(), () => {});
    const before = await start(three, store);
    before.put([alert('a', 0)]);
    await before.running.stop();
    vi.setSystemTime(Date.now() - 3_600_000);
    const after = await start(three, store);
    // Events may be five minutes ahead of the clock, so those of the first five minutes may still count as late.
    after.put([alert('b', -3310), alert('b', -3309), alert('b', -3308)]);
    await after.running.stop();
    await store.close();
    expect(spans(after.events)).toEqual([[-3310, -3308]]);
  });

  it('raises an alert for so many within the time, of one key, and none for fewer or later ones', async () => {
    const alerts = [
      alert('a', 0),
      alert('a', 5),
      alert('a', 9, 'bob'),
      alert('b', 10),
      alert('a', 30),
      alert('a', 41),
      alert('a', 52),
    ];
    const { events, counters, summary } = await run(three, { alerts });
    expect(spans(events)).toEqual([[0, 10]]);
    expect(events[0]?.fields).toMatchObject({
      rule: 'found',
      priority: 'Warning',
      'user.name': 'root',
      output: 'found: 3 events (user.name=root)',
      'correlate.count': 3,
      'correlate.events': 'a: a by root; a: a by root; b: b by root',
    });
    expect(counters).toMatchObject({ matches: 1 });
    expect(summary).toMatchObject({ seen: 7, delivered: 1, filtered: 6 });
  });

  it('uses each event once', async () => {
    const alerts = Array.from({ length: 7 }, (_, n) => alert('a', n));
    expect(spans((await run(three, { alerts })).events)).toEqual([
      [0, 2],
      [3, 5],
    ]);
  });

  it('goes by the times of the events, not by their arrival', async () => {
    const late = [alert('a', 8), alert('a', 0), alert('a', 20), alert('a', 4)];
    expect(spans((await run(three, { alerts: late })).events)).toEqual([[0, 8]]);
    const running = await start(three);
    for (const seconds of [0, 4, 8]) {
      running.put([alert('a', seconds)]);
      vi.setSystemTime(Date.now() + 3_600_000); // an hour between arrivals
    }
    await running.running.stop();
    expect(spans(running.events)).toEqual([[0, 8]]);
  });

  it('gives the same alert the same id each time, and another one another', async () => {
    const alerts = [0, 1, 2, 3, 4, 5].map((n) => alert('a', n));
    const ids = async () => (await run(three, { alerts })).events.map((event) => event.get('id'));
    const first = await ids();
    expect(await ids()).toEqual(first);
    expect(new Set(first).size).toBe(2);
  });

  it('counts only events that satisfy its condition and have the key', async () => {
    const some = yaml('threshold: { count: 2, condition: rule startswith x }');
    const alerts = [alert('x1', 0), alert('y', 1), alert('x2', 2, null), alert('x3', 3, null), alert('x4', 4)];
    expect(spans((await run(some, { alerts })).events)).toEqual([[0, 4]]);
  });

  it('says what it is told to say', async () => {
    const what =
      'threshold: { count: 2 }, priority: Critical, tags: [T1110], output: "%correlate.count times %user.name: %correlate.events"';
    const { events } = await run(yaml(what), { alerts: [alert('a', 0), alert('b', 1)] });
    expect(events[0]?.fields).toMatchObject({
      priority: 'Critical',
      tags: ['T1110'],
      output: '2 times root: a: a by root; b: b by root',
    });
  });
});

describe('correlate: so many different values', () => {
  it('counts values, not events', async () => {
    const alerts = ['1', '1', '2', '2', '3'].map((host, n) => alert('a', n, 'root', { 'fd.sip': host }));
    const { events } = await run(yaml('distinct: { field: fd.sip, count: 3 }'), { alerts });
    expect(spans(events)).toEqual([[0, 4]]);
    expect(events[0]?.fields).toMatchObject({ 'correlate.count': 5, 'correlate.values': '1, 2, 3' });
  });
});

describe('correlate: one after the other, and side by side', () => {
  const entries = '[{ condition: rule = a }, { condition: rule = b }, { condition: rule = c }]';

  it('a sequence has its order in the times of the events, whatever the order of arrival', async () => {
    const ordered = yaml(`sequence: ${entries}`);
    const matches = async (...alerts: Alert[]) => spans((await run(ordered, { alerts })).events);
    expect(await matches(alert('a', 0), alert('b', 1), alert('c', 2))).toEqual([[0, 2]]);
    expect(await matches(alert('c', 2), alert('a', 0), alert('b', 1))).toEqual([[0, 2]]);
    expect(await matches(alert('b', 0), alert('a', 1), alert('c', 2))).toEqual([]);
    expect(await matches(alert('a', 0), alert('b', 1), alert('c', 11))).toEqual([]);
    // The nearest of several makes the match.
    expect(await matches(alert('a', 0), alert('a', 5), alert('b', 6), alert('c', 12))).toEqual([[5, 12]]);
  });

  it('a join takes any order', async () => {
    const alerts = [alert('c', 0), alert('a', 1), alert('b', 2), alert('b', 3)];
    expect(spans((await run(yaml(`join: ${entries}`), { alerts })).events)).toEqual([[0, 2]]);
  });

  it('an event for two entries is used for one of them', async () => {
    const both = yaml('join: [{ condition: rule startswith a }, { condition: rule startswith ab }]');
    expect((await run(both, { alerts: [alert('ab', 0)] })).events).toEqual([]);
    expect(spans((await run(both, { alerts: [alert('ab', 0), alert('ab', 1)] })).events)).toEqual([[0, 1]]);
    expect(spans((await run(both, { alerts: [alert('ab', 0), alert('a', 1)] })).events)).toEqual([[0, 1]]);
  });

  it('joins events of several sources by keys of their own', async () => {
    const operator = [
      '{ type: correlate, from: [in, kernel], within: 10s, rule: found,',
      'key: { alert: user.name, syscall: proc.name },',
      'join: [{ source: alert, condition: rule = a }, { source: syscall, condition: evt.type = connect }] }',
    ].join(' ');
    const call = (type: string, name: string, seconds: number) =>
      new EventRecord('syscall', type, NOW + BigInt(seconds) * S, { 'proc.name': name });
    const calls = [call('open', 'root', 0), call('connect', 'bob', 1), call('connect', 'root', 2)];
    const { events } = await run(operator, { alerts: [alert('a', 5), alert('b', 6, 'bob')], calls });
    expect(spans(events)).toEqual([[2, 5]]);
    expect(events[0]?.get('correlate.events')).toBe('syscall connect; a: a by root');
    expect(errorsOf(operator)).toBe('');
  });
});

describe('correlate and acks', () => {
  const pair = yaml('sequence: [{ condition: rule = a }, { condition: rule = b }]');

  it('absorbs what it remembers once that is saved; a match is settled as its alert', async () => {
    const running = await start(pair);
    const acks = ['x', 'a', 'b'].map((rule, n) => {
      const ack = recordedAck();
      running.put([alert(rule, n)], ack);
      return ack;
    });
    const settled = () => acks.map((ack) => ack.settled.map(([status]) => status));
    expect(settled()).toEqual([['filtered'], [], []]);
    await running.running.stop();
    expect(settled()).toEqual([['filtered'], ['absorbed'], ['delivered']]);
  });

  it('goes on after a restart where it was, and remembers nothing of a match that has arrived', async () => {
    const folder = scratch();
    const spansAfter = async (...alerts: Alert[]) => {
      const store = await Store.open(folder, (error) => {
        throw error;
      });
      const running = await start(pair, store);
      running.put(alerts);
      await running.running.stop();
      await store.close();
      return spans(running.events);
    };
    expect(await spansAfter(alert('a', 0), alert('a', 1, 'bob'))).toEqual([]);
    expect(await spansAfter(alert('b', 2))).toEqual([[0, 2]]);
    expect(await spansAfter(alert('b', 3))).toEqual([]);
    expect(await spansAfter(alert('b', 4, 'bob'))).toEqual([[1, 4]]);
  });

  it('counts once what a source gives again after a restart, and each of several that are alike', async () => {
    const folder = scratch();
    const three = yaml('threshold: { count: 3 }');
    const spansAfter = async (...alerts: Alert[]) => {
      const store = await Store.open(folder, (error) => {
        throw error;
      });
      const running = await start(three, store);
      running.put(alerts);
      await running.running.stop();
      await store.close();
      return spans(running.events);
    };
    expect(await spansAfter(alert('a', 0), alert('a', 0))).toEqual([]);
    // It had not settled everywhere when the program was killed: it comes again.
    expect(await spansAfter(alert('a', 0), alert('a', 0))).toEqual([]);
    expect(await spansAfter(alert('a', 0))).toEqual([]);
    expect(await spansAfter(alert('a', 0), alert('a', 0), alert('a', 0))).toEqual([[0, 0]]);
  });

  it('matches again when an alert could not be delivered and its last event comes again', () => {
    const left: Batch[] = [];
    const { config, prepared } = planned(pair);
    const { state } = prepared;
    const ctx = {
      id: 'op',
      state,
      metrics: new Counters(),
      now: Date.now,
      saved: () => undefined,
      keep: () => () => {},
    };
    const input = new Subject<Batch>();
    input
      .pipe(
        correlated(config as CorrelateConfig, { ...ctx, lose: () => {} } as unknown as OperatorContext<CorrelateState>),
      )
      .subscribe((batch) => left.push(batch));
    const put = (event: Alert) => {
      const ack = recordedAck();
      input.next({ source: 'alert', form: recordForm, events: [event], ack });
      return ack.settled;
    };
    put(alert('a', 0));
    const first = put(alert('b', 1));
    left[0]?.ack.settle('failed', 'sink_failed');
    expect(first).toEqual([['failed', 'sink_failed']]);
    put(alert('b', 1));
    expect(left).toHaveLength(2);
    left[1]?.ack.settle('delivered');
    put(alert('b', 1));
    expect(left).toHaveLength(2);
    const ids = left.map(({ events }) => events.at(0)?.get('id'));
    expect(ids[0]).toBe(ids[1]);
  });
});

describe('correlate keeps to its bounds, and counts', () => {
  it('keys', async () => {
    const alerts = ['x', 'y', 'z', 'x'].map((user, n) => alert('a', n, user));
    const { events, counters } = await run(yaml('threshold: { count: 2 }, max_keys: 2'), { alerts });
    expect(events).toEqual([]);
    expect(counters).toMatchObject({ evicted: 2 });
  });

  it('events of a key', async () => {
    const what = 'sequence: [{ condition: rule = a }, { condition: rule = b }], max_per_key: 2';
    const alerts = [alert('a', 0), alert('x', 1), alert('b', 2), alert('a', 3), alert('a', 4), alert('a', 5)];
    const { events, counters } = await run(yaml(what), { alerts });
    expect(spans(events)).toEqual([[0, 2]]);
    expect(counters).toMatchObject({ evicted: 1 });
  });

  it('events that come too late, and times beyond the clock', async () => {
    const running = await start(yaml('threshold: { count: 2 }'));
    running.put([alert('a', 100), alert('a', 79)]);
    expect(running.counters()).toMatchObject({ late: 1 });
    running.put([alert('b', 0, 'bob'), alert('b', 86_400, 'eve'), alert('b', 299, 'eve')]);
    await running.running.stop();
    expect(running.counters()).toMatchObject({ late: 2, clamped: 1, matches: 1 });
    expect(spans(running.events)).toEqual([[299, 300]]);
  });

  it('forgets what is over', () => {
    const metrics = new Counters();
    const window = new Window({ within: 10n, lateness: 10n, maxKeys: 1000, maxPerKey: 10, metrics });
    const seen = (time: bigint): Seen => ({ time, steps: 1, value: '', what: '', source: '' });
    for (let n = 0n; n < 500n; n++) window.add(`k${n}`, [], seen(n), 1);
    expect(window.size).toBe(21);
    expect(metrics.names()).toEqual([]);
  });
});

describe('what is wrong with a configuration', () => {
  it.each([
    ['threshold: { count: 2 }, join: [{}, {}]', 'Name one of `threshold`, `distinct`, `sequence` and `join`'],
    ['priority: Notice', 'Name one of `threshold`'],
    ['threshold: { count: 2, condition: rulle = a }', 'rulle'],
    ['sequence: [{ condition: rule = a }, { source: okta }]', 'No event of "okta" comes here'],
    ['sequence: [{ condition: rule = a }]', 'sequence'],
    ['distinct: { field: fd.nonsense, count: 2 }', '"fd.nonsense" is no field of alert events'],
    ['threshold: { count: 2 }, output: "%proc.name"', 'proc.name'],
    ['threshold: { count: 20 }, max_per_key: 10', 'must not be less than the count'],
  ])('%s', (what, message) => {
    const errors = errorsOf(yaml(what));
    expect(errors).toMatch(/^test\.yaml:3:\d+: error: /);
    expect(errors).toContain(message);
  });
});

/** Events of small times, so that many are near each other, with entries that they satisfy and values. */
const events = fc
  .array(
    fc.record({
      time: fc.integer({ min: 0, max: 12 }),
      steps: fc.integer({ min: 1, max: 7 }),
      value: fc.constantFrom('a', 'b', 'c'),
    }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((all) => all.sort((a, b) => a.time - b.time))
  .map((all) =>
    all.map(({ time, steps, value }): Seen => ({ time: BigInt(time), steps, value, what: '', source: '' })),
  );

/** Every choice of events, in their order, that has the one at `place` and takes no longer than `within`. */
function choices(all: readonly Seen[], place: number, within: bigint): number[][] {
  const subsets = Array.from({ length: 1 << all.length }, (_, bits) =>
    [...all.keys()].filter((at) => bits & (1 << at)),
  );
  const near = (places: number[]) =>
    (all[places.at(-1) as number] as Seen).time - (all[places[0] as number] as Seen).time <= within;
  return subsets.filter((places) => places.includes(place) && near(places));
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item) => permutations(items.filter((each) => each !== item)).map((rest) => [item, ...rest]));
}

describe('patterns find a match just when there is one', () => {
  const has = (all: readonly Seen[], at: number, step: number) => ((all[at] as Seen).steps & (1 << step)) !== 0;
  const fits = (all: readonly Seen[], places: readonly number[]) => places.every((at, step) => has(all, at, step));
  const patterns: [string, Pattern, (all: readonly Seen[], places: number[]) => boolean][] = [
    [
      'threshold',
      threshold(3),
      (_all, places) => places.length === 3 && places.every((at, n) => n === 0 || at === (places[n - 1] as number) + 1),
    ],
    ['distinct', distinct(2), (all, places) => new Set(places.map((at) => (all[at] as Seen).value)).size >= 2],
    ['sequence', sequence(3), (all, places) => places.length === 3 && fits(all, places)],
    ['join', joined(3), (all, places) => places.length === 3 && permutations(places).some((each) => fits(all, each))],
  ];

  it.each(patterns)('%s', (_name, pattern, isMatch) => {
    fc.assert(
      fc.property(events, fc.nat(), fc.integer({ min: 0, max: 12 }), (all, n, time) => {
        const place = n % all.length;
        const within = BigInt(time);
        const found = pattern(all, place, within);
        const possible = choices(all, place, within).filter((places) => isMatch(all, places));
        if (!found) {
          expect(possible).toEqual([]);
          return;
        }
        expect(choices(all, place, within)).toContainEqual(found);
        expect(isMatch(all, [...found])).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

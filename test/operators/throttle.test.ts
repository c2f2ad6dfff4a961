/** What throttle and dedupe let pass, and that they go on over a restart where they were. */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import type { EventRecord } from '../../src/events/record.ts';
import { Windows } from '../../src/operators/shared/windows.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf } from '../core/shared.ts';
import { scratch } from '../scratch.ts';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, run, start } from './shared.ts';

/** An alert that is told from others by its time. */
function at(rule: string, time: number): EventRecord {
  const content = { rule, priority: 'Notice', tags: [], hostname: 'node1', output: rule, source: 'syscall' };
  return makeAlert(BigInt(time), { ...content, outputFields: {} });
}

describe('throttle', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('lets so many of each key pass in a window, and counts the others', async () => {
    const running = await start('{ type: throttle, from: in, limit: 2, per: 1m, key: rule }');
    running.put(['a', 'b', 'a', 'a', 'a'].map((rule) => alertOf(rule)));
    await vi.advanceTimersByTimeAsync(59_999);
    running.put([alertOf('a'), alertOf('b'), alertOf('b')]);
    await vi.advanceTimersByTimeAsync(1);
    running.put([alertOf('a')]);
    await running.running.stop();
    expect(running.events.map(({ type }) => type)).toEqual(['a', 'b', 'a', 'b', 'a']);
    expect(running.counters()).toMatchObject({ throttled: 4 });
  });

  it('a clock that is set back makes no window longer', async () => {
    const running = await start('{ type: throttle, from: in, limit: 1, per: 1m, key: rule }');
    running.put([alertOf('a'), alertOf('a')]);
    vi.setSystemTime(Date.now() - 3_600_000);
    running.put([alertOf('a'), alertOf('a')]);
    await vi.advanceTimersByTimeAsync(60_000);
    running.put([alertOf('a'), alertOf('a')]);
    await running.running.stop();
    expect(running.events.map(({ type }) => type)).toEqual(['a', 'a', 'a']);
    expect(running.counters()).toMatchObject({ throttled: 3 });
  });

  it('forgets the oldest window past so many, and counts it', async () => {
    const { events, counters } = await run('{ type: throttle, from: in, limit: 1, per: 1h, key: rule, max_keys: 2 }', {
      alerts: ['a', 'b', 'c', 'a', 'c'].map((rule) => alertOf(rule)),
    });
    expect(events.map(({ type }) => type)).toEqual(['a', 'b', 'c', 'a']);
    expect(counters).toMatchObject({ throttled: 1, evicted: 2 });
  });

  it('samples what is past the limit, or everything', async () => {
    const alerts = Array.from({ length: 100 }, (_, n) => at(String(n), n));
    const past = await run('{ type: throttle, from: in, limit: 10, per: 1h, sample: 30 }', { alerts });
    expect(past.events.map(({ type }) => Number(type))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 39, 69, 99]);
    expect(past.counters).toMatchObject({ throttled: 87 });
    const all = await run('{ type: throttle, from: in, limit: 0, sample: 25 }', { alerts });
    expect(all.events.map(({ type }) => Number(type))).toEqual([24, 49, 74, 99]);
    expect(errorsOf('{ type: throttle, from: in, limit: 0 }')).toContain(
      'operators.op: with a limit of 0 nothing passes: say `sample` too',
    );
  });
});

describe('over a restart', () => {
  let folder = '';
  beforeEach(() => {
    folder = scratch();
  });

  /** Starts, puts alerts in, stops, and returns the times of those that came out. */
  async function passed(operator: string, ...alerts: EventRecord[]): Promise<number[]> {
    const store = await Store.open(folder, (error) => {
      throw error;
    });
    const running = await start(operator, store);
    running.put(alerts);
    await running.running.stop();
    await store.close();
    return running.events.map(({ time }) => Number(time));
  }

  it.each([
    ['throttle', '{ type: throttle, from: in, limit: 1, per: 1h, key: rule }'],
    ['dedupe', '{ type: dedupe, from: in, within: 1h, key: rule }'],
  ])('%s knows what has passed; what is given again because it may not have arrived passes again', async (_, yaml) => {
    expect(await passed(yaml, at('a', 1), at('a', 2), at('b', 3))).toEqual([1, 3]);
    expect(await passed(yaml, at('a', 4), at('c', 5), at('b', 6))).toEqual([5]);
    // The first batch comes again, and once more: it had not been settled.
    expect(await passed(yaml, at('a', 1), at('a', 2), at('b', 3), at('a', 7))).toEqual([1, 3]);
    expect(await passed(yaml, at('b', 3), at('b', 8))).toEqual([3]);
    // So does the one of the window before.
    expect(await passed(yaml, at('b', 2), at('b', 2))).toEqual([2]);
    // Another configuration has another meaning: it begins anew.
    expect(await passed(yaml.replace('1h', '2h'), at('a', 9))).toEqual([9]);
  });
});

it('whenever it is saved and begins anew: what was saved as passed and comes again is not withheld', () => {
  const acts = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('event' as const), key: fc.constantFrom('a', 'b') }),
      fc.constant({ do: 'save' as const }),
      // It dies: what came since the position was noted comes again, from the last `again` events on.
      fc.record({ do: fc.constant('die' as const), again: fc.integer({ min: 0, max: 5 }) }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(acts, fc.integer({ min: 1, max: 3 }), (acts, limit) => {
      let saved: unknown;
      let save: () => unknown = () => undefined;
      const ctx = {
        now: () => 0,
        saved: () => saved,
        keep: (of: () => unknown) => {
          save = of;
          return () => {};
        },
      };
      const open = () => new Windows({ limit, per: 100, most: 9, evicted: { value: 0 }, ctx });
      let windows = open();
      let time = 0;
      // A source never goes back behind where it once began again.
      let from = 0;
      const given: { key: string; time: bigint; passed: boolean; saved: boolean }[] = [];
      const put = (key: string, at: bigint) => windows.takes(key, { ...eventsOf(1)[0], time: at } as EventRecord);
      for (const act of acts) {
        if (act.do === 'save') {
          saved = structuredClone(save());
          for (const each of given) each.saved = true;
        } else if (act.do === 'event') {
          const at = BigInt(++time);
          given.push({ key: act.key, time: at, passed: put(act.key, at), saved: false });
        } else {
          windows = open();
          from = Math.max(from, given.length - act.again);
          for (const each of given.slice(from)) {
            // What was saved as passed and comes again passes again, whatever has passed since.
            const again = put(each.key, each.time);
            if (each.passed && each.saved) expect(again).toBe(true);
          }
        }
      }
    }),
    { numRuns: process.env.FALCO_PIPE_LONG ? 20_000 : 500 },
  );
});

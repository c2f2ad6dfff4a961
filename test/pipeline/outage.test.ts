/** A sink that is down, beside one that works, below a source that can give again: nothing twice, nothing miscounted. */

import { Observable } from 'rxjs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type SourceContext, where } from '../../src/core/component.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Redelivery } from '../../src/core/flow/redelivery.ts';
import { recordForm } from '../../src/events/record.ts';
import { eventsOf } from '../core/shared.ts';
import { ManualSink, start } from './harness.ts';
import { range, stopped } from './reloading.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Gives the numbers below 30 in batches of ten, from where it stood. */
const past = (ctx: SourceContext) =>
  new Observable<Batch>((subscriber) => {
    const delivery = new Redelivery((batch) => subscriber.next(batch), ctx);
    const read = async () => {
      for (let from = Number(ctx.position() ?? 0); from < 30; from += 10) {
        await ctx.credit(10);
        delivery.emit({ source: 'syscall', form: recordForm, events: eventsOf(10, from) }, from + 10);
      }
      await delivery.settled();
      subscriber.complete();
    };
    read().catch((error) => subscriber.error(error));
  });

const YAML = `sources: { past: { type: past } }
operators: { third: { type: third, from: past } }
sinks:
  good: { type: good, from: third }
  bad: { type: bad, from: third, retry: { give_up_after: 2s } }`;

function parts() {
  const [good, bad] = [new ManualSink(), new ManualSink()];
  const state = { isDown: true, judged: 0 };
  bad.write = async () => {
    if (state.isDown) throw new Error('no route');
  };
  const third = () => where((event) => ++state.judged > 0 && Number(event.get('n')) % 3 === 0);
  return {
    good,
    bad,
    state,
    given: { sources: { past }, replayable: ['past'], operators: { third }, sinks: { good, bad } },
  };
}

it('each sink gets each event once, however long the other one is down', async () => {
  const { good, bad, state, given } = parts();
  const { run } = await start(YAML, given);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(good.got).toEqual(range(10).map((n) => n * 3));
  expect(run.totals.summary()).toMatchObject({ seen: 30, delivered: 0, filtered: 20, in_flight: 10 });
  expect(run.status().problems).toEqual(['sink bad: no route']);
  expect(run.status().components.at(-1)?.queue).toMatchObject({ events: 10 });
  state.isDown = false;
  await vi.advanceTimersByTimeAsync(61_000);
  expect([good.got.length, [...bad.got].sort((a, b) => Number(a) - Number(b))]).toEqual([10, good.got]);
  // Operators have judged each once: what counts or remembers is not misled.
  expect(state.judged).toBe(30);
  const summary = await stopped(run);
  expect(summary).toMatchObject({ seen: 30, delivered: 10, filtered: 20, dropped: 0, in_flight: 0 });
  expect(summary.to_replay).toBeUndefined();
});

it('at the end it is said how much its source has to give again, and that is given at the next start', async () => {
  const positions = new Map<string, unknown>();
  const first = parts();
  const run = (await start(YAML, first.given, positions)).run;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await stopped(run)).toMatchObject({ seen: 20, delivered: 0, filtered: 20, dropped: 0, to_replay: 10 });
  const second = parts();
  second.state.isDown = false;
  const again = (await start(YAML, second.given, positions)).run;
  await vi.advanceTimersByTimeAsync(1000);
  expect(second.bad.got).toEqual(range(10).map((n) => n * 3));
  expect(await stopped(again)).toMatchObject({ seen: 30, delivered: 10 });
});

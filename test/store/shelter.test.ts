/** What a sink that spills does in an outage: what live sources gave is on disk, so that no kill takes it. */

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Delivery } from '../../src/core/delivery/delivery.ts';
import { deliveryKeys } from '../../src/core/delivery/delivery-config.ts';
import type { Event } from '../../src/core/event.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { Counters } from '../../src/core/metrics.ts';
import { SinkKeep } from '../../src/store/keep.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf, numbersOf, recordedAck, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';

let folder = '';
let store: Store;
beforeEach(async () => {
  folder = scratch();
  store = await Store.open(folder, () => {});
});
afterEach(() => store.close());

const shape = z.strictObject(deliveryKeys);

/** A delivery that waits a minute between tries, with room for all in memory. */
function delivery(write: (events: readonly Event[]) => Promise<void>, limit = 1000, more: object = {}) {
  const queue = { when_full: 'spill', spill_events: limit };
  const retry = { initial: '1m', max: '1m', give_up_after: '5m' };
  const config = shape.parse({ queue, batch: 2, retry, ...more });
  const { log, lines } = recordedLog();
  const lost: unknown[] = [];
  const keep = new SinkKeep(store, 'out');
  const to = new Delivery(
    { write, close: async () => {} },
    config,
    log,
    new Counters(),
    (...each) => lost.push(each),
    keep,
  );
  to.begin();
  return { to, keep, lost, lines };
}

it('what waits when a write fails, and what comes then, is on disk at once, and delivered in order after a kill', async () => {
  let fail!: () => void;
  const { to, keep, lost, lines } = delivery(
    () => new Promise((_, reject) => (fail = () => reject(new Error('down')))),
  );
  const offer = (n: number) => {
    const ack = recordedAck(true);
    to.offer({ events: eventsOf(2, n), bytes: 100, ack });
    return ack;
  };
  const acks = [0, 2, 4].map(offer);
  await vi.waitFor(() => expect(to.since).toBeDefined());
  // As long as writing works nothing goes to disk.
  expect([to.waiting, keep.waiting]).toEqual([6, 0]);
  fail();
  await vi.waitFor(() => expect(acks.map(({ settled }) => settled[0]?.[0])).toEqual(Array(3).fill('spooled')), 20_000);
  acks.push(offer(6));
  await vi.waitFor(() => expect(acks[3]?.settled[0]?.[0]).toBe('spooled'), 20_000);
  expect([to.onDisk, lost]).toEqual([8, []]);
  expect(lines).toEqual(['warn: writing failed: down; what comes waits on disk']);
  // The next start finds them, as a kill leaves them.
  const rows = await store.spooled('out', 0, 100);
  const numbers = rows.flatMap(({ text = '' }) => text.split('\n').map((line) => JSON.parse(line).fields.n));
  expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  await to.close(AbortSignal.abort());
  // There the same is true, and said.
  await store.close();
  store = await Store.open(folder, () => {});
  const next = delivery(() => Promise.reject(new Error('down')));
  await vi.waitFor(() => expect(next.lines).toEqual(['warn: writing failed: down; what comes waits on disk']), 20_000);
  await next.to.close(AbortSignal.abort());
});

it('no source waits for what is live, nor for what is on disk; for another it does, as long as it is being written', async () => {
  let end!: () => void;
  const { to, keep } = delivery(() => new Promise((resolve) => (end = resolve)));
  const offer = async (live: boolean) => {
    to.offer({ events: eventsOf(2), bytes: 100, ack: recordedAck(live) });
    await vi.waitFor(() => expect(to.since).toBeDefined(), 20_000);
    const { holdsUp } = to;
    end();
    await vi.waitFor(() => expect(to.since).toBeUndefined(), 20_000);
    return [holdsUp, to.holdsUp];
  };
  expect(await offer(true)).toEqual([false, false]);
  expect(await offer(false)).toEqual([true, false]);
  await keep.spool(eventsOf(2), 10);
  await vi.waitFor(() => expect(to.since).toBeDefined(), 20_000);
  expect([keep.onDisk, to.holdsUp]).toEqual([2, false]);
  end();
  await to.close(AbortSignal.abort());
});

it('what went to disk is not tried before the receiver has said; the end does not wait for that', async () => {
  let tries = 0;
  const { to, keep } = delivery(async () => {
    tries++;
    throw new WriteError('429', { wait: 3_600_000 });
  });
  to.offer({ events: eventsOf(2), bytes: 100, ack: recordedAck(true) });
  await vi.waitFor(() => expect(keep.onDisk).toBe(2), 20_000);
  await store.spooled('out', 0, 1);
  await to.close(new AbortController().signal);
  expect([tries, keep.onDisk]).toEqual([1, 2]);
});

it('what finds no room there, or comes again from its source, stays in memory and is tried again', async () => {
  const { to, keep, lost } = delivery(() => Promise.reject(new Error('down')), 3);
  const [live, more, replayable] = [recordedAck(true), recordedAck(true), recordedAck(false)];
  for (const [index, ack] of [live, more, replayable].entries()) {
    to.offer({ events: eventsOf(2, 2 * index), bytes: 100, ack });
  }
  await vi.waitFor(() => expect(live.settled).toEqual([['spooled', 'sink_failed']]), 20_000);
  expect([keep.waiting, to.waiting, more.settled, replayable.settled, lost]).toEqual([2, 4, [], [], []]);
  await to.close(AbortSignal.abort());
});

it('of a batch in hand what live sources gave is on disk, the rest stays in memory, first in line', async () => {
  let isDown = true;
  const got: unknown[][] = [];
  const write = async (events: readonly Event[]) => {
    if (isDown) throw new Error('down');
    got.push(numbersOf(events));
  };
  const { to, keep, lost } = delivery(write, 1000, { batch: 6, retry: { initial: '50ms', max: '50ms' } });
  // What is in hand when it fails: live, replayable, live; what waits then: replayable, live.
  const acks = [true, false, true, false, true].map((live, index) => {
    const ack = recordedAck(live);
    to.offer({ events: eventsOf(2, 2 * index), bytes: 100, ack });
    return ack;
  });
  const statuses = () => acks.map(({ settled }) => settled[0]?.[0]);
  const spooled = ['spooled', undefined, 'spooled', undefined, 'spooled'];
  await vi.waitFor(() => expect(statuses()).toEqual(spooled), 20_000);
  expect([to.onDisk, to.waiting, lost]).toEqual([6, 4, []]);
  isDown = false;
  await vi.waitFor(() => expect(got.flat()).toHaveLength(10), 20_000);
  expect(got.flat()).toEqual([2, 3, 6, 7, 0, 1, 4, 5, 8, 9]);
  expect(statuses()).toEqual(spooled.map((status) => status ?? 'delivered'));
  await vi.waitFor(() => expect(keep.onDisk).toBe(0), 20_000);
  await to.close(new AbortController().signal);
});

it('whatever is in hand, live ones are on disk or delivered while the sink is down, others in memory, each once', async () => {
  const parcels = fc.array(fc.record({ live: fc.boolean(), count: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 1,
    maxLength: 12,
  });
  const met = { live: 0, mixed: 0 };
  await fc.assert(
    fc.asyncProperty(parcels, fc.integer({ min: 1, max: 8 }), fc.boolean(), async (parcels, batch, halves) => {
      let isDown = true;
      const got: unknown[] = [];
      const write = async (events: readonly Event[]) => {
        const taken = !isDown ? events.length : halves ? events.length >> 1 : 0;
        got.push(...numbersOf(events.slice(0, taken)));
        if (isDown) throw new WriteError('down', { again: events.slice(taken) });
      };
      const { to, keep, lost } = delivery(write, 1000, { batch, retry: { initial: '5ms', max: '5ms' } });
      let next = 0;
      const given = parcels.map(({ live, count }) => {
        const ack = recordedAck(live);
        const events = eventsOf(count, next);
        next += count;
        to.offer({ events, bytes: 100 * count, ack });
        return { live, ack, numbers: numbersOf(events) };
      });
      const live = given.filter((each) => each.live);
      const isSafe = ({ ack, numbers }: (typeof given)[number]) =>
        ack.settled.length === 1 || numbers.every((each) => got.includes(each));
      await vi.waitFor(() => expect(live.every(isSafe)).toBe(true), 20_000);
      isDown = false;
      await vi.waitFor(() => expect([...new Set(got)]).toHaveLength(next), 20_000);
      await vi.waitFor(() => expect([to.waiting, keep.onDisk]).toEqual([0, 0]), 20_000);
      expect([got.length, lost]).toEqual([next, []]);
      for (const { live, ack } of given) {
        expect(ack.settled.map(([status]) => status)).toEqual([
          expect.stringMatching(live ? /^(spooled|delivered)$/ : /^(delivered|spooled)$/),
        ]);
      }
      met.live += live.length;
      if (live.length > 0 && live.length < given.length && batch > 1) met.mixed++;
      await to.close(new AbortController().signal);
    }),
    { numRuns: process.env.FALCO_PIPE_LONG ? 500 : 25 },
  );
  expect(Math.min(...Object.values(met))).toBeGreaterThan(3);
});

it('a disk that cannot be written is no shelter: what waits stays in memory', async () => {
  vi.spyOn(store, 'problem', 'get').mockReturnValue('the state cannot be written');
  const { to, keep, lines } = delivery(() => Promise.reject(new Error('down')));
  const ack = recordedAck(true);
  to.offer({ events: eventsOf(2), bytes: 100, ack });
  await vi.waitFor(() => expect(lines).toEqual(['warn: writing failed: down; trying again for 300 s']));
  expect([keep.waiting, to.waiting, ack.settled]).toEqual([0, 2, []]);
  await to.close(AbortSignal.abort());
});

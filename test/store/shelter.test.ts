/** What a sink that spills does in an outage: what live sources gave is on disk, so that no kill takes it. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Delivery } from '../../src/core/delivery.ts';
import { deliveryKeys } from '../../src/core/delivery-config.ts';
import { Counters } from '../../src/core/metrics.ts';
import { WriteError } from '../../src/core/write-error.ts';
import { SinkKeep } from '../../src/store/keep.ts';
import { Store } from '../../src/store/store.ts';
import { eventsOf, recordedAck, recordedLog } from '../core/shared.ts';
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
function delivery(write: () => Promise<void>, limit = 1000) {
  const queue = { when_full: 'spill', spill_events: limit };
  const config = shape.parse({ queue, batch: 2, retry: { initial: '1m', max: '1m', give_up_after: '5m' } });
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

it('a disk that cannot be written is no shelter: what waits stays in memory', async () => {
  vi.spyOn(store, 'problem', 'get').mockReturnValue('the state cannot be written');
  const { to, keep, lines } = delivery(() => Promise.reject(new Error('down')));
  const ack = recordedAck(true);
  to.offer({ events: eventsOf(2), bytes: 100, ack });
  await vi.waitFor(() => expect(lines).toEqual(['warn: writing failed: down; trying again for 300 s']));
  expect([keep.waiting, to.waiting, ack.settled]).toEqual([0, 2, []]);
  await to.close(AbortSignal.abort());
});

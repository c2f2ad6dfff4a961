import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Keep } from '../../src/core/delivery/keep.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { ackOf } from '../../src/core/flow/ack.ts';
import { deliveryOf } from './deliveries.ts';
import { eventsOf, numbersOf } from './shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;

/** A keep that has so many events until they are delivered. */
function keepOf(count: number): Keep {
  const events = eventsOf(count);
  let waiting = count;
  return {
    folder: 'state',
    get waiting() {
      return waiting;
    },
    get onDisk() {
      return waiting;
    },
    ready: true,
    failing: false,
    spool: () => undefined,
    takeBack: async () => false,
    bury: () => undefined,
    woken: new Set(),
    next: async () => [{ events, bytes: 10, ack: ackOf((status) => void (status === 'failed' || (waiting = 0))) }],
  };
}

describe('closing', () => {
  it('writes what waits, then closes the sink, once', async () => {
    const order: string[] = [];
    const { delivery, offer } = deliveryOf({
      async write(events) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        order.push(`write ${numbersOf(events)}`);
      },
      close: async () => void order.push('close'),
    });
    offer(1, 0);
    await vi.advanceTimersByTimeAsync(0);
    offer(2, 1);
    const closed = delivery.close(never);
    await vi.runAllTimersAsync();
    await closed;
    expect(order).toEqual(['write 0', 'write 1,2', 'close']);
    const late = offer(1, 3, true);
    expect(late.settled).toEqual([['dropped', 'stopped']]);
  });

  it('gives up at the deadline while a write hangs: live events are counted, replayable ones are left', async () => {
    const { delivery, offer, lost } = deliveryOf({
      write: () => new Promise(() => {}),
      close: () => new Promise(() => {}),
    });
    const hanging = offer(2, 0, true);
    await vi.advanceTimersByTimeAsync(0);
    const waiting = [offer(3, 2, true), offer(4, 5, false)];
    const deadline = new AbortController();
    let closed = false;
    void delivery.close(deadline.signal).then(() => {
      closed = true;
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(closed).toBe(false);
    deadline.abort(new Error('the time to stop was over'));
    await vi.advanceTimersByTimeAsync(0);
    expect(closed).toBe(true);
    expect(hanging.settled).toEqual([['dropped', 'stopped']]);
    expect(waiting.map(({ settled }) => settled)).toEqual([[['dropped', 'stopped']], [['failed', 'stopped']]]);
    expect(lost.reduce((sum, [, count]) => sum + count, 0)).toBe(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives up at the deadline in the middle of a wait, and between two writes of a parcel', async () => {
    const failing = deliveryOf({ write: () => Promise.reject(new Error('no')) });
    const ack = failing.offer(1, 0, false);
    await vi.advanceTimersByTimeAsync(0);
    const deadline = new AbortController();
    const closed = failing.delivery.close(deadline.signal);
    deadline.abort(new Error('over'));
    await closed;
    expect(ack.settled).toEqual([['failed', 'stopped']]);

    let writes = 0;
    const large = deliveryOf(
      {
        write() {
          writes++;
          return new Promise((resolve) => setTimeout(resolve, 10));
        },
      },
      { batch: 1, timeout: '1m' },
    );
    const parts = large.offer(3, 0, true);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('over')), 15);
    const ended = large.delivery.close(stop.signal);
    await vi.runAllTimersAsync();
    await ended;
    expect(writes).toBe(2);
    expect(parts.settled).toEqual([['dropped', 'stopped']]);
    expect(large.lost).toEqual([['stopped', 2]]);
  });

  it('at a deadline that is over writes nothing more', async () => {
    let writes = 0;
    const { delivery, offer } = deliveryOf({ write: async () => void writes++ });
    const ack = offer(1, 0, true);
    await delivery.close(AbortSignal.abort(new Error('over')));
    expect({ writes, settled: ack.settled }).toEqual({ writes: 0, settled: [['dropped', 'stopped']] });
  });

  it('does not wait for another try of what is on disk', async () => {
    const keep = keepOf(2);
    let writes = 0;
    const write = () => {
      writes++;
      return Promise.reject(new Error('no'));
    };
    const { delivery, lines } = deliveryOf({ write }, { retry: { give_up_after: '5m' } }, keep);
    delivery.begin();
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    expect([delivery.hasMore, writes > 5]).toEqual([true, true]);
    await vi.advanceTimersByTimeAsync(60_000);
    // It has given up, and begun anew.
    expect(delivery.hasMore).toBe(false);
    expect(lines).toContain('error: gave up writing 2 events for now, they stay on disk and are tried again: no');
    await vi.advanceTimersByTimeAsync(1000);
    const before = writes;
    const closed = delivery.close(never);
    await vi.advanceTimersByTimeAsync(0);
    await closed;
    expect([writes, keep.waiting]).toEqual([before, 2]);
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
  });

  it('nor for the rest of it, where the sink is slow', async () => {
    const keep = keepOf(50);
    let writes = 0;
    const { delivery, lines, metrics } = deliveryOf(
      {
        async write(events, signal) {
          writes++;
          for (const index of events.keys()) {
            await new Promise((resolve) => setTimeout(resolve, 160));
            if (signal.aborted) throw new WriteError('cut off', { again: events.slice(index) });
          }
        },
      },
      { timeout: '2s' },
      keep,
    );
    delivery.begin();
    await vi.advanceTimersByTimeAsync(3000);
    const start = performance.now();
    const closed = delivery.close(never).then(() => performance.now() - start);
    await vi.runAllTimersAsync();
    expect(await closed).toBeLessThan(2000);
    expect([writes, keep.waiting, metrics.total('errors'), lines]).toEqual([2, 50, 0, []]);
  });
});

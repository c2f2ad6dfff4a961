/** What a source would give again to everybody waits at the sink that did not get it. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WriteError } from '../../src/core/failure/write-error.ts';
import { type Ack, ackOf, type Status } from '../../src/core/flow/ack.ts';
import { deliveryOf } from './deliveries.ts';
import { eventsOf, numbersOf } from './shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const QUICK = { batch: 4, retry: { give_up_after: '0s' } };

function replayable(): Ack & { readonly settled: Status[] } {
  const settled: Status[] = [];
  return { ...ackOf((status) => settled.push(status)), settled };
}

describe('events that their source keeps', () => {
  it('are tried again, only those, and later than what came behind them', async () => {
    let isDown = true;
    const written: unknown[][] = [];
    const { delivery, lost, lines, offer } = deliveryOf(
      {
        async write(events) {
          const again = events.filter((event) => isDown && Number(event.get('n')) < 2);
          written.push(numbersOf(events.filter((event) => !again.includes(event))));
          if (again.length > 0) throw new WriteError('busy', { again });
        },
      },
      QUICK,
    );
    const ack = replayable();
    delivery.offer({ events: eventsOf(4), bytes: 400, ack });
    await vi.advanceTimersByTimeAsync(0);
    const other = offer(1, 9, true);
    await vi.advanceTimersByTimeAsync(0);
    expect([written, ack.settled, other.settled]).toEqual([[[2, 3], [9]], [], [['delivered', undefined]]]);
    expect(delivery.waiting).toBe(2);
    await vi.advanceTimersByTimeAsync(600_000);
    expect([ack.settled, delivery.waiting]).toEqual([[], 2]);
    expect(lines.at(-1)).toBe('error: gave up writing 2 events for now, they are kept and tried again: busy');
    isDown = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect([ack.settled, delivery.waiting, lost]).toEqual([['delivered'], 0, []]);
    expect(written.filter((events) => events.length > 0)).toEqual([[2, 3], [9], [0, 1]]);
  });

  it('that a receiver refuses are not', async () => {
    const { delivery, lost } = deliveryOf(
      {
        async write(events) {
          if (events.length === 2) throw new WriteError('no', { refused: events.slice(0, 1), again: events.slice(1) });
        },
      },
      QUICK,
    );
    const ack = replayable();
    delivery.offer({ events: eventsOf(2), bytes: 200, ack });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([ack.settled, lost]).toEqual([['dropped'], [['refused', 1]]]);
  });

  it('are tried once more at the end, and then left to their source', async () => {
    let tries = 0;
    const failing = deliveryOf({ write: () => Promise.reject(new Error(`${++tries}`)) }, QUICK);
    const ack = replayable();
    failing.delivery.offer({ events: eventsOf(1), bytes: 100, ack });
    await vi.advanceTimersByTimeAsync(0);
    expect([tries, ack.settled]).toEqual([1, []]);
    const closed = failing.delivery.close(new AbortController().signal);
    await vi.advanceTimersByTimeAsync(0);
    await closed;
    expect([tries, ack.settled, vi.getTimerCount()]).toEqual([2, ['failed'], 0]);
  });

  it('are left to it at once when there is no time', async () => {
    const failing = deliveryOf({ write: () => Promise.reject(new Error('no')) }, QUICK);
    const ack = replayable();
    failing.delivery.offer({ events: eventsOf(1), bytes: 100, ack });
    await vi.advanceTimersByTimeAsync(0);
    failing.delivery.giveUp(new Error('over'));
    await vi.advanceTimersByTimeAsync(0);
    expect([ack.settled, vi.getTimerCount()]).toEqual([['failed'], 0]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../../src/core/component.ts';
import type { Event } from '../../../src/core/event.ts';
import { encodeEach, WriteError } from '../../../src/core/failure/write-error.ts';
import { deliveryOf } from '../deliveries.ts';
import { numbersOf } from '../shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Delivery', () => {
  it('writes in order, one write at a time, up to a batch together; acks settle when it is written', async () => {
    const writes: unknown[][] = [];
    let writing = 0;
    const { delivery, offer } = deliveryOf(
      {
        async write(events) {
          expect(++writing).toBe(1);
          await new Promise((resolve) => setTimeout(resolve, 10));
          writes.push(numbersOf(events));
          writing--;
        },
      },
      { batch: 5 },
    );
    const acks = [offer(2, 0), offer(2, 2), offer(3, 4), offer(1, 7)];
    expect(acks.map(({ settled }) => settled.length)).toEqual([0, 0, 0, 0]);
    await vi.runAllTimersAsync();
    expect(writes).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
    expect(acks.map(({ settled }) => settled)).toEqual(Array(4).fill([['delivered', undefined]]));
    expect(delivery.waiting).toBe(0);
  });

  it('no write holds more than a batch, also when one parcel does', async () => {
    const writes: number[] = [];
    const { offer, metrics } = deliveryOf({ write: async (events) => void writes.push(events.length) }, { batch: 4 });
    const ack = offer(10);
    await vi.runAllTimersAsync();
    expect(writes).toEqual([4, 4, 2]);
    expect(ack.settled).toEqual([['delivered', undefined]]);
    expect(metrics.total('delivered')).toBe(10);
  });

  it('tries again after a failure, says so once, then has delivered, and says that it works again', async () => {
    let tries = 0;
    const { offer, lines, metrics } = deliveryOf({
      async write() {
        if (++tries < 4) throw new Error('connection refused');
      },
    });
    const ack = offer(3);
    await vi.runAllTimersAsync();
    expect(ack.settled).toEqual([['delivered', undefined]]);
    expect(lines).toEqual([
      'warn: writing failed: connection refused; trying again for 300 s',
      expect.stringMatching(/^writing works again, after \d+ s$/),
    ]);
    expect([metrics.total('errors'), metrics.total('delivered')]).toEqual([3, 3]);
  });

  it('what is wrong is what the last write said: failing, then refusing all, then taking some', async () => {
    const refuse = () => new WriteError('413', { permanent: true });
    const answers: ((events: readonly Event[]) => Error)[] = [
      () => new Error('500'),
      refuse,
      refuse,
      (events) => new WriteError('413', { refused: events.slice(1), again: [] }),
    ];
    const write: Sink['write'] = (events) => Promise.reject(answers.shift()?.(events));
    const { delivery, offer, lines } = deliveryOf({ write }, { retry: { give_up_after: '0s' } });
    const next = async (count = 2) => {
      offer(count, 0, true);
      await vi.runAllTimersAsync();
      return delivery.problem;
    };
    expect(await next()).toBe('500');
    expect(await next(1)).toBe('the last event was refused: 413');
    expect(lines.at(-1)).toBe('error: 1 event was refused and is lost: 413');
    expect(await next()).toBe('the last 3 events were refused: 413');
    expect(lines.filter((line) => line.startsWith('writing works again'))).toEqual([]);
    expect(await next()).toBeUndefined();
    expect(lines.at(-1)).toMatch(/^writing works again, after \d+ s$/);
  });

  it('gives up in the end: live events are dropped and counted, replayable ones kept, and left to their source at the end', async () => {
    const config = { retry: { give_up_after: '5s' } };
    const { delivery, offer, lost, lines, metrics } = deliveryOf(
      { write: () => Promise.reject(new Error('no')) },
      config,
    );
    const live = offer(2, 0, true);
    const replayable = offer(3, 2, false);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(live.settled).toEqual([['dropped', 'sink_failed']]);
    expect([replayable.settled, delivery.waiting]).toEqual([[], 3]);
    delivery.giveUp(new Error('over'));
    await vi.advanceTimersByTimeAsync(0);
    expect(replayable.settled).toEqual([['failed', 'stopped']]);
    expect(lost).toEqual([['sink_failed', 2]]);
    expect(metrics.byLabel('dropped')).toEqual({ sink_failed: 2 });
    expect(lines).toContain('error: gave up writing 5 events: no');
  });

  it('an outage is said once in a while, not for each batch; then that it is over', async () => {
    let answer: () => Promise<void> = () => Promise.reject(new Error('no route'));
    const { offer, lines } = deliveryOf({ write: () => answer() }, { retry: { give_up_after: '1s' } });
    const said = async (events: number) => {
      const from = lines.length;
      offer(events, 0, true);
      await vi.advanceTimersByTimeAsync(2000);
      return lines.slice(from);
    };
    const outage = ['warn: writing failed: no route; trying again for 1 s', 'error: gave up writing 1 event: no route'];
    expect(await said(1)).toEqual(outage);
    for (let again = 0; again < 5; again++) expect(await said(1)).toEqual([]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(await said(1)).toEqual(outage);
    answer = () => Promise.reject(new Error('no name'));
    expect(await said(1)).toHaveLength(2);
    answer = () => Promise.resolve();
    expect(await said(1)).toEqual([expect.stringMatching(/^writing works again, after \d+ s$/)]);
    answer = () => Promise.reject(new Error('no name'));
    expect(await said(1)).toHaveLength(2);
  });

  it('goes on with the next events after it has given up', async () => {
    let works = false;
    const { offer } = deliveryOf(
      { write: () => (works ? Promise.resolve() : Promise.reject(new Error('no'))) },
      { batch: 1, retry: { give_up_after: '0s' } },
    );
    const first = offer(1, 0, true);
    await vi.advanceTimersByTimeAsync(0);
    works = true;
    const second = offer(1, 1, true);
    await vi.advanceTimersByTimeAsync(0);
    expect([first.settled[0]?.[0], second.settled[0]?.[0]]).toEqual(['dropped', 'delivered']);
  });

  it('of a parcel in several writes counts only what was not written', async () => {
    let tries = 0;
    const { offer, lost, metrics } = deliveryOf(
      {
        async write() {
          if (++tries > 2) throw new Error('full');
        },
      },
      { batch: 4, retry: { give_up_after: '0s' } },
    );
    const ack = offer(11, 0, true);
    await vi.runAllTimersAsync();
    expect(ack.settled).toEqual([['dropped', 'sink_failed']]);
    expect(lost).toEqual([['sink_failed', 3]]);
    expect(metrics.total('delivered')).toBe(8);
  });

  it('takes a write that does not answer in time as failed, and tells the sink', async () => {
    const signals: AbortSignal[] = [];
    const { offer, lines } = deliveryOf(
      {
        write(_events, signal) {
          signals.push(signal);
          return signals.length < 3 ? new Promise(() => {}) : Promise.resolve();
        },
      },
      { timeout: '2s' },
    );
    const ack = offer(1);
    await vi.advanceTimersByTimeAsync(1999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await vi.runAllTimersAsync();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
    expect(ack.settled).toEqual([['delivered', undefined]]);
    expect(lines[0]).toBe('warn: writing failed: no answer within 2 s; trying again for 300 s');
  });

  it('a sink that says how far it came when its time is over goes on from there: slow is no failure', async () => {
    const written: unknown[] = [];
    const { delivery, offer, lines, metrics } = deliveryOf(
      {
        async write(events, signal) {
          for (const [index, event] of events.entries()) {
            await new Promise((resolve) => setTimeout(resolve, 160));
            if (signal.aborted) throw new WriteError('cut off', { again: events.slice(index) });
            written.push(event.get('n'));
          }
        },
      },
      { timeout: '2s', retry: { give_up_after: '3s' } },
    );
    const ack = offer(50);
    await vi.advanceTimersByTimeAsync(5000);
    expect(delivery.waiting).toBeLessThan(30);
    // It is none that holds up the same events for long.
    expect(performance.now() - (delivery.since ?? 0)).toBeLessThan(2500);
    await vi.runAllTimersAsync();
    expect(written).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(ack.settled).toEqual([['delivered', undefined]]);
    expect([metrics.total('delivered'), metrics.total('errors'), lines]).toEqual([50, 0, []]);
  });

  it('a slow sink that fails once has all the time for other tries, however long it has been slow', async () => {
    let taken = 0;
    let hasFailed = false;
    const { offer, lost, lines } = deliveryOf(
      {
        async write(events, signal) {
          for (const index of events.keys()) {
            await new Promise((resolve) => setTimeout(resolve, 160));
            const fails = taken === 30 && !hasFailed;
            if (fails) hasFailed = true;
            if (fails || signal.aborted)
              throw new WriteError(fails ? '503' : 'cut off', { again: events.slice(index) });
            taken++;
          }
        },
      },
      { timeout: '2s', retry: { initial: '100ms', give_up_after: '3s' } },
    );
    const ack = offer(50, 0, true);
    await vi.runAllTimersAsync();
    expect([taken, lost, ack.settled]).toEqual([50, [], [['delivered', undefined]]]);
    expect(lines).toEqual([
      'warn: writing failed: 503; trying again for 3 s',
      expect.stringMatching(/^writing works again/),
    ]);
  });

  it('a slow sink that asks to be left alone is, whatever it has taken', async () => {
    const times: number[] = [];
    const start = Date.now();
    const { offer, lines } = deliveryOf(
      {
        async write(events, signal) {
          times.push(Date.now() - start);
          if (times.length > 1) return;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw new WriteError('429', { again: events.slice(1), wait: 60_000 });
        },
      },
      { timeout: '2s' },
    );
    offer(5);
    await vi.runAllTimersAsync();
    expect(times).toEqual([0, 62_000]);
    expect(lines[0]).toBe('warn: writing failed: 429; trying again for 300 s');
  });

  it('slow refusals are progress too: each event is judged, and what is wrong is that all are refused', async () => {
    let judged = 0;
    const { delivery, offer, lost, metrics } = deliveryOf(
      {
        async write(events, signal) {
          for (const index of events.keys()) {
            await new Promise((resolve) => setTimeout(resolve, 160));
            if (signal.aborted) {
              throw new WriteError('no', { refused: events.slice(0, index), again: events.slice(index) });
            }
            judged++;
          }
          throw new WriteError('no', { permanent: true });
        },
      },
      { timeout: '2s', retry: { give_up_after: '3s' } },
    );
    offer(50, 0, true);
    await vi.advanceTimersByTimeAsync(3000);
    expect(delivery.problem).toBe('the last 12 events were refused: no');
    await vi.runAllTimersAsync();
    expect([judged, lost]).toEqual([50, [['refused', 50]]]);
    expect([metrics.total('delivered'), delivery.problem]).toEqual([0, 'the last 50 events were refused: no']);
  });

  it('what is refused for good is dropped at once, also for a replayable source; its neighbours are delivered', async () => {
    const writes: unknown[][] = [];
    const { offer, lost, lines, metrics } = deliveryOf({
      async write(events) {
        writes.push(numbersOf(events));
        const refused = events.filter((event) => event.get('n') === 1 || event.get('n') === 5);
        if (refused.length > 0) throw new WriteError('no such field', { refused, again: [] });
      },
    });
    const acks = [offer(2, 0, true), offer(2, 2, true), offer(2, 4, false)];
    await vi.runAllTimersAsync();
    expect(writes).toEqual([[0, 1, 2, 3, 4, 5]]);
    expect(acks.map(({ settled }) => settled)).toEqual([
      [['dropped', 'refused']],
      [['delivered', undefined]],
      [['dropped', 'refused']],
    ]);
    expect(lost).toEqual([
      ['refused', 1],
      ['refused', 1],
    ]);
    expect(metrics.total('delivered')).toBe(4);
    expect(lines).toEqual(['error: 2 events were refused and are lost: no such field']);
  });

  it('what is refused waits no longer, while the rest of its write is tried again', async () => {
    let isBusy = true;
    const { delivery, offer } = deliveryOf({
      async write(events) {
        if (isBusy) throw new WriteError('busy', { refused: events.slice(0, 1), again: events.slice(1) });
      },
    });
    offer(3);
    expect(delivery.waiting).toBe(3);
    await vi.advanceTimersByTimeAsync(0);
    expect(delivery.waiting).toBe(2);
    isBusy = false;
    await vi.runAllTimersAsync();
    expect(delivery.waiting).toBe(0);
  });

  it('what cannot be written down is refused, and its neighbours are written at once: that is no failure', async () => {
    const written: unknown[][] = [];
    const { delivery, offer, lines, metrics } = deliveryOf({
      async write(events) {
        encodeEach(events, (event) => {
          if (event.get('n') === 1) throw new Error('crafted');
        });
        written.push(numbersOf(events));
      },
    });
    const troubles: unknown[] = [];
    delivery.onTrouble(() => troubles.push(delivery.problem));
    offer(3);
    await vi.advanceTimersByTimeAsync(0);
    expect(written).toEqual([[0, 2]]);
    expect(lines).toEqual(['error: 1 event was refused and is lost: it cannot be written down: crafted']);
    expect([metrics.byLabel('errors'), metrics.total('delivered')]).toEqual([{ refused: 1 }, 2]);
    expect(troubles).toEqual([]);
  });

  it('a permanent error of any kind refuses the whole write, and says the same thing once', async () => {
    const { offer, lines, metrics } = deliveryOf({
      write: () => Promise.reject(Object.assign(new Error('404'), { permanent: true })),
    });
    const first = offer(3);
    await vi.runAllTimersAsync();
    const second = offer(2);
    await vi.runAllTimersAsync();
    expect([first.settled, second.settled]).toEqual([[['dropped', 'refused']], [['dropped', 'refused']]]);
    expect(metrics.byLabel('dropped')).toEqual({ refused: 5 });
    expect(lines).toEqual(['error: 3 events were refused and are lost: 404']);
  });

  it('offers only that again which is to be, not before the receiver wants it', async () => {
    const writes: [number, unknown[]][] = [];
    const { offer } = deliveryOf({
      async write(events) {
        writes.push([Date.now() - start, numbersOf(events)]);
        if (writes.length === 1) throw new WriteError('busy', { again: events.slice(2), wait: 20_000 });
      },
    });
    const start = Date.now();
    const ack = offer(4);
    await vi.runAllTimersAsync();
    expect(writes).toEqual([
      [0, [0, 1, 2, 3]],
      [20_000, [2, 3]],
    ]);
    expect(ack.settled).toEqual([['delivered', undefined]]);
  });

  it('a receiver that asks for more time than there is gets all there is', async () => {
    const times: number[] = [];
    const start = Date.now();
    const { offer } = deliveryOf(
      {
        async write() {
          times.push(Date.now() - start);
          throw new WriteError('busy', { wait: 3_600_000 });
        },
      },
      { retry: { give_up_after: '60s' } },
    );
    const acks = [offer(1, 0, true)];
    await vi.advanceTimersByTimeAsync(0);
    acks.push(offer(1, 1, true));
    await vi.runAllTimersAsync();
    expect(times).toEqual([0, 60_000]);
    expect(acks.map(({ settled }) => settled)).toEqual(Array(2).fill([['dropped', 'sink_failed']]));
  });

  it('a sink that throws instead of rejecting is no different', async () => {
    const { offer, delivery, lines } = deliveryOf(
      {
        write() {
          throw new Error('thrown');
        },
        close() {
          throw new Error('thrown too');
        },
      },
      { retry: { give_up_after: '0s' } },
    );
    const ack = offer(1, 0, true);
    await vi.runAllTimersAsync();
    await delivery.close(new AbortController().signal);
    expect(ack.settled).toEqual([['dropped', 'sink_failed']]);
    expect(lines.at(-1)).toBe('error: closing failed: thrown too');
  });

  it('a live source past the limit: the oldest give way, are counted by reason, and the rest is written', async () => {
    const writes: unknown[][] = [];
    let open: () => void = () => {};
    const { offer, lost, metrics } = deliveryOf(
      {
        write: (events) =>
          new Promise((resolve) => {
            writes.push(numbersOf(events));
            open = resolve;
          }),
      },
      { queue: { events: 4 }, batch: 2 },
    );
    for (let n = 0; n < 10; n += 2) {
      offer(2, n, true);
      await vi.advanceTimersByTimeAsync(0);
    }
    const replayable = offer(3, 100, false);
    expect(lost).toEqual([
      ['queue_full', 2],
      ['queue_full', 2],
    ]);
    for (let index = 0; index < 5; index++) {
      open();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(writes).toEqual([[0, 1], [6, 7], [8, 9], [100, 101], [102]]);
    expect(replayable.settled).toEqual([['delivered', undefined]]);
    expect(metrics.byLabel('dropped')).toEqual({ queue_full: 4 });
  });
});

describe('a sink is crowded', () => {
  it('while it takes live events, and more than half of what may wait does; not when it takes none', async () => {
    let open: () => void = () => {};
    const write = () => new Promise<void>((resolve) => void (open = resolve));
    const { delivery, offer } = deliveryOf({ write }, { queue: { events: 8 }, batch: 1 });
    offer(1, 0, true);
    await vi.advanceTimersByTimeAsync(0);
    offer(3, 1, true);
    expect(delivery.crowd()).toBe(0);
    offer(1, 4, true);
    expect(delivery.crowd()).toBe(4);
    // The thread was busy: it had no time.
    await vi.advanceTimersByTimeAsync(10_000);
    expect(delivery.crowd()).toBe(4);
    // It hangs: nobody waits for it any more.
    for (let ms = 0; ms < 200; ms += 2) {
      await vi.advanceTimersByTimeAsync(2);
      delivery.crowd();
    }
    expect(delivery.crowd()).toBe(0);
    offer(3, 5, true);
    open();
    await vi.advanceTimersByTimeAsync(0);
    expect(delivery.crowd()).toBe(4);
    delivery.giveUp(new Error('over'));
    expect(delivery.crowd()).toBe(0);
  });

  it('never by events that their source keeps', async () => {
    const { delivery, offer } = deliveryOf({ write: () => new Promise(() => {}) }, { queue: { events: 8 }, batch: 1 });
    for (let n = 0; n < 8; n++) offer(1, n, false);
    expect(delivery.crowd()).toBe(0);
    delivery.giveUp(new Error('over'));
  });
});

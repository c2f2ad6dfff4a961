import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TimeLimit } from '../../../src/core/failure/time-limit.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const lasting = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms, ms));
const outcome = (work: Promise<unknown>) =>
  work.then(
    (value) => ({ value, at: performance.now() }),
    (error: Error) => ({ error: error.message, at: performance.now() }),
  );

describe('TimeLimit', () => {
  it('settles as the work does, also when that throws at once', async () => {
    const limit = new TimeLimit(1000, new AbortController().signal);
    await expect(limit.run(async () => 'done')).resolves.toBe('done');
    await expect(limit.run(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
    const atOnce = () => {
      throw new Error('no such thing');
    };
    await expect(limit.run(atOnce)).rejects.toThrow('no such thing');
  });

  it('each piece has its own time, by one timer for all', async () => {
    const limit = new TimeLimit(1000, new AbortController().signal);
    const start = performance.now();
    for (let piece = 1; piece <= 5; piece++) {
      const done = outcome(limit.run(lasting(900)));
      // Its own, and that of the work.
      expect(vi.getTimerCount()).toBe(2);
      await vi.advanceTimersByTimeAsync(900);
      expect(await done).toEqual({ value: 900, at: start + piece * 900 });
    }
    const signals: AbortSignal[] = [];
    const late = outcome(
      limit.run((signal) => {
        signals.push(signal);
        return new Promise(() => {});
      }),
    );
    await vi.runAllTimersAsync();
    expect(await late).toEqual({ error: 'no answer within 1 s', at: start + 5500 + 100 });
    expect(signals[0]?.reason).toEqual(new Error('no answer within 1 s'));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('what a piece that was cut off does in the end touches no other', async () => {
    const limit = new TimeLimit(1000, new AbortController().signal);
    const first = outcome(limit.run(lasting(1500)));
    await vi.advanceTimersByTimeAsync(1100);
    expect(await first).toMatchObject({ error: 'no answer within 1 s' });
    const second = outcome(limit.run(lasting(5000)));
    await vi.advanceTimersByTimeAsync(1100);
    expect(await second).toMatchObject({ error: 'no answer within 1 s' });
  });

  it('work that heeds its signal settles by itself, and takes no time from what follows', async () => {
    const limit = new TimeLimit(1000, new AbortController().signal);
    const start = performance.now();
    const heeding = (signal: AbortSignal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('half of it is done')));
      });
    const first = outcome(limit.run(heeding));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await first).toEqual({ error: 'half of it is done', at: start + 1000 });
    const second = outcome(limit.run(lasting(999)));
    await vi.runAllTimersAsync();
    expect(await second).toEqual({ value: 999, at: start + 1999 });
  });

  it('a stop ends what is under way, and all that comes after', async () => {
    const stop = new AbortController();
    const limit = new TimeLimit(1000, stop.signal);
    let given: AbortSignal | undefined;
    const work = outcome(
      limit.run((signal) => {
        given = signal;
        return new Promise(() => {});
      }),
    );
    stop.abort(new Error('stopped'));
    expect(await work).toMatchObject({ error: 'stopped' });
    expect(given?.aborted).toBe(true);
    let begun = false;
    await expect(limit.run(async () => (begun = true))).rejects.toThrow('stopped');
    expect([begun, vi.getTimerCount()]).toEqual([false, 0]);
  });
});

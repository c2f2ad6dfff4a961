import { TestScheduler } from 'rxjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aborted, now, sleep, within } from '../../src/core/clock.ts';
import { duration, wait } from '../../src/core/config.ts';
import { backoff, retryAfter, retrying } from '../../src/core/failure/retry.ts';
import { WriteError } from '../../src/core/failure/write-error.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

describe('sleep', () => {
  it('resolves after its time, and not before', async () => {
    let awake = false;
    void sleep(50).then(() => {
      awake = true;
    });
    await vi.advanceTimersByTimeAsync(49);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake).toBe(true);
  });

  it('rejects with the reason of its signal: during the wait, or at once', async () => {
    const stop = new AbortController();
    const during = sleep(1000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(during).rejects.toThrow('enough');
    expect(vi.getTimerCount()).toBe(0);
    // Never thrown: callers hand it a catch, not a try.
    const promise = sleep(1000, stop.signal);
    await expect(promise).rejects.toThrow('enough');
    expect(vi.getTimerCount()).toBe(0);
  });
  it('waits also longer than a timer can', async () => {
    const days = 86_400_000;
    let awake = 0;
    for (const ms of [25 * days, 60 * days]) void sleep(ms).then(() => awake++);
    void sleep(Number.POSITIVE_INFINITY).then(() => awake++);
    await vi.advanceTimersByTimeAsync(25 * days - 1);
    expect(awake).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake).toBe(1);
    await vi.advanceTimersByTimeAsync(35 * days);
    expect(awake).toBe(2);
    await vi.advanceTimersByTimeAsync(365 * days);
    expect(awake).toBe(2);
  });
});

it('what a timer is to wait is no more than it can', () => {
  expect(wait().parse('24d')).toBe(24 * 86_400_000);
  expect(wait().safeParse('25d').error?.issues[0]?.message).toBe('at most 24d');
  expect(duration().parse('365d')).toBe(365 * 86_400_000);
});

it('Retry-After is heeded up to an hour: a year is no wait that anybody means', () => {
  const at = Date.UTC(2026, 0, 1);
  expect(retryAfter('7', at)).toBe(7000);
  for (const header of ['99999999999', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT'])
    expect(retryAfter(header, at)).toBe(3_600_000);
  for (const header of ['', '-5', 'soon', '1e9', 'Thu, 01 Jan 1970 00:00:00 GMT'])
    expect([header, retryAfter(header, at)]).toEqual([header, 0]);
});

describe('within', () => {
  it('is what the work brings, or what stands for it when that is late; no timer is left', async () => {
    expect(await within(50, Promise.resolve('done'), 'late')).toBe('done');
    await expect(within(50, Promise.reject(new Error('no')), 'late')).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
    const late = within(50, new Promise(() => {}), 'late');
    await vi.advanceTimersByTimeAsync(50);
    expect(await late).toBe('late');
    expect(vi.getTimerCount()).toBe(0);
  });
});

it('aborted rejects with the reason of its signal, also when it came before', async () => {
  const stop = new AbortController();
  const during = aborted(stop.signal);
  stop.abort(new Error('enough'));
  await expect(during).rejects.toThrow('enough');
  await expect(aborted(stop.signal)).rejects.toThrow('enough');
});

it('now is virtual where RxJS is', () => {
  vi.useRealTimers();
  new TestScheduler(() => {}).run(({ cold, flush }) => {
    const times: number[] = [];
    cold('a--b|').subscribe(() => times.push(now()));
    flush();
    expect(times).toEqual([0, 3]);
  });
});

describe('backoff', () => {
  it('grows by half, up to its bound, and is spread over all below', () => {
    const policy = { initial: 1000, max: 3000 };
    const bounds = [1, 2, 3, 4, 50].map((attempt) => backoff(policy, attempt, () => 1));
    expect(bounds).toEqual([1000, 1500, 2250, 3000, 3000]);
    expect(backoff(policy, 3, () => 0.5)).toBe(1125);
    expect(backoff(policy, 1, () => 0)).toBe(0);
  });
});

describe('retrying', () => {
  const policy = { initial: 1000, max: 1000, giveUpAfter: 10_000 };
  const signal = new AbortController().signal;

  it('tries until it succeeds, and tells of each failure', async () => {
    const failures: [string, number][] = [];
    const work = async (attempt: number) => {
      if (attempt < 4) throw new Error(`no ${attempt}`);
      return attempt;
    };
    const result = retrying(work, policy, signal, (error, attempt) =>
      failures.push([(error as Error).message, attempt]),
    );
    await vi.runAllTimersAsync();
    expect(await result).toBe(4);
    expect(failures).toEqual([
      ['no 1', 1],
      ['no 2', 2],
      ['no 3', 3],
    ]);
  });

  it('gives up with the last error when its time is over', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    let tries = 0;
    const work = () => Promise.reject(new Error(`no ${++tries}`));
    const result = retrying(work, policy, signal).catch((error: Error) => error.message);
    await vi.runAllTimersAsync();
    // Waits of just under a second: the first try at 0, the eleventh before 10 s, and the last one then.
    expect(await result).toBe('no 12');
    expect(now() - 1_000_000).toBe(10_000);
    vi.restoreAllMocks();
  });

  it('tries for the last time at the limit, however long the next wait would be', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const times: number[] = [];
    const work = () => {
      times.push(now() - 1_000_000);
      return Promise.reject(new Error('no'));
    };
    const result = retrying(work, { initial: 5000, max: 60_000, giveUpAfter: 10_000 }, signal).catch(() => {});
    await vi.runAllTimersAsync();
    await result;
    expect(times.map((ms) => Math.round(ms / 100) / 10)).toEqual([0, 5, 10]);
    vi.restoreAllMocks();
  });

  it('does not try before an error lets it, and gives up at the limit all the same', async () => {
    let tries = 0;
    const work = () => Promise.reject(new WriteError(`no ${++tries}`, { wait: 20_000 }));
    const result = retrying(work, policy, signal).catch((error: Error) => error.message);
    await vi.runAllTimersAsync();
    expect(await result).toBe('no 1');
    expect(now() - 1_000_000).toBe(10_000);
  });

  it('tries once when there is no time to give up after', async () => {
    let tries = 0;
    const work = () => Promise.reject(new Error(`no ${++tries}`));
    await expect(retrying(work, { ...policy, giveUpAfter: 0 }, signal)).rejects.toThrow('no 1');
  });

  it('ends a wait when it is stopped, with the reason', async () => {
    const stop = new AbortController();
    const result = retrying(() => Promise.reject(new Error('no')), policy, stop.signal).catch((error) => error);
    await vi.advanceTimersByTimeAsync(0);
    stop.abort(new Error('stopped'));
    expect(await result).toEqual(new Error('stopped'));
  });
});

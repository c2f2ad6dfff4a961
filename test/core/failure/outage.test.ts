import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Outage } from '../../../src/core/failure/outage.ts';

const HOUR = 3_600_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test.each([-HOUR, HOUR])(
  'a clock that is set by %i ms changes neither how long an outage was nor what is said',
  (step) => {
    const outage = new Outage();
    expect(outage.failed('refused')).toBe(true);
    vi.advanceTimersByTime(10_000);
    vi.setSystemTime(Date.now() + step);
    expect(outage.failed('refused')).toBe(false);
    expect(outage.failed('no route')).toBe(true);
    vi.advanceTimersByTime(299_000);
    expect(outage.failed('no route')).toBe(false);
    vi.advanceTimersByTime(1500);
    expect(outage.failed('no route')).toBe(true);
    expect(outage.over()).toBe(311);
    expect(outage.over()).toBeUndefined();
  },
);

import { describe, expect, it } from 'vitest';
import { clockSeconds, clockTime, dateTime, dateTimeSeconds, iso8601, rfc3339 } from '../../src/events/time.ts';

const ns = 1_700_000_100_000_000_042n;

describe('times', () => {
  it('in UTC keep every nanosecond', () => {
    expect(iso8601(ns)).toBe('2023-11-14T22:15:00.000000042+0000');
    expect(rfc3339(ns)).toBe('2023-11-14T22:15:00.000000042Z');
    expect(rfc3339(0n)).toBe('1970-01-01T00:00:00.000000000Z');
    expect(rfc3339(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
  });

  it('in the local zone follow it', () => {
    const date = new Date(Number(ns / 1_000_000n));
    const local = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
    expect(clockSeconds(ns)).toBe(local.join(':'));
    expect(clockTime(ns)).toBe(`${local.join(':')}.000000042`);
    expect(dateTimeSeconds(ns)).toMatch(new RegExp(`^2023-11-1[45] ${local.join(':')}$`));
    expect(dateTime(ns)).toBe(`${dateTimeSeconds(ns)}.000000042`);
  });
});

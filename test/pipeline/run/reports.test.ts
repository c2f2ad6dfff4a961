import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Report } from '../../../src/core/report.ts';
import { Reports } from '../../../src/pipeline/run/reports.ts';
import { recordedLog } from '../../core/shared.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('gaps that come soon after one another are said together, from the beginning of the first to the end of the last', () => {
  const { log, lines } = recordedLog();
  const counted: Report[] = [];
  const reports = new Reports(log, (report) => counted.push(report));
  const said: Report['fields'][] = [];
  reports.listen(({ fields }) => said.push(fields));
  const gap = (from: bigint, to: bigint) =>
    reports.add({ component: 'tail', type: 'gap', fields: { reason: 'reconnect', from, to, message: 'm' } });
  for (const at of [1n, 3n, 5n, 7n]) gap(at * 1_000_000_000n, at * 1_000_000_000n + 500_000_000n);
  expect(said).toMatchObject([{ from: 1_000_000_000n, to: 1_500_000_000n }]);
  vi.advanceTimersByTime(10_000);
  expect(said.slice(1)).toMatchObject([{ from: 3_000_000_000n, to: 7_500_000_000n, count: 3 }]);
  expect(lines).toHaveLength(2);
  expect(counted).toHaveLength(4);
});

it('a message says itself how many: nothing is added that it may have said in other words', () => {
  const { log, lines } = recordedLog();
  const reports = new Reports(log, () => {});
  reports.add({ component: 'hub', type: 'gap', fields: { reason: 'expired', count: 12, message: 'a dozen events' } });
  reports.flush();
  expect(lines).toEqual(['warn: hub: a dozen events']);
});

it('losses of which a message can tell the sum are said with that alone', () => {
  const { log, lines } = recordedLog();
  const reports = new Reports(log, () => {});
  const summed = (count: number) => `out lost ${count} events`;
  for (const count of [2, 3, 4])
    reports.add({ component: 'out', type: 'drop', fields: { reason: 'full', count, message: summed(count) }, summed });
  reports.flush();
  expect(lines).toEqual(['error: out: out lost 2 events', 'error: out: out lost 7 events']);
});

it('losses that come soon after one another are said with their sum, and no message speaks of another number', () => {
  const { log, lines } = recordedLog();
  const reports = new Reports(log, () => {});
  const said: Report['fields'][] = [];
  reports.listen(({ fields }) => said.push(fields));
  const drop = (count: number) =>
    reports.add({
      component: 'out',
      type: 'drop',
      fields: { reason: 'full', count, message: `out lost ${count} events` },
    });
  drop(2);
  for (const count of [3, 4, 5]) drop(count);
  vi.advanceTimersByTime(10_000);
  drop(6);
  drop(7);
  reports.flush();
  expect(said.map(({ count, message }) => [count, message])).toEqual([
    [2, 'out lost 2 events'],
    [12, 'out lost 5 events (12 in all since this was last said)'],
    [6, 'out lost 6 events'],
    [7, 'out lost 7 events'],
  ]);
  expect(lines).toEqual(said.map(({ message }) => `error: out: ${message}`));
});

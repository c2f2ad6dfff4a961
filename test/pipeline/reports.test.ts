import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Report } from '../../src/core/component.ts';
import { Reports } from '../../src/pipeline/reports.ts';
import { recordedLog } from '../core/shared.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('gaps that come soon after one another are said together, from the beginning of the first to the end of the last', () => {
  const { log, lines } = recordedLog();
  const reports = new Reports(log);
  const said: Report['fields'][] = [];
  reports.listen(({ fields }) => said.push(fields));
  const gap = (from: bigint, to: bigint) =>
    reports.add({ component: 'tail', type: 'gap', fields: { reason: 'reconnect', from, to, message: 'm' } });
  for (const at of [1n, 3n, 5n, 7n]) gap(at * 1_000_000_000n, at * 1_000_000_000n + 500_000_000n);
  expect(said).toMatchObject([{ from: 1_000_000_000n, to: 1_500_000_000n }]);
  vi.advanceTimersByTime(10_000);
  expect(said.slice(1)).toMatchObject([{ from: 3_000_000_000n, to: 7_500_000_000n, count: 3 }]);
  expect(lines).toHaveLength(2);
});

/** When a run is called ready, and what is said until then. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sayWhenReady } from '../../../src/cli/run/readiness.ts';
import type { Run } from '../../../src/pipeline/run/run.ts';
import { recordedLog } from '../../core/shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function runWith(problems: string[]) {
  const status = () => ({ ready: problems.length === 0, problems });
  return { plan: { digest: 'abc', operators: [] }, metrics: new Map(), status } as unknown as Run;
}

const COUNTS = '0 programs, 0 rules, pipeline sha256:abc';

it('at once when nothing is in the way, and never again', () => {
  const { log, lines } = recordedLog();
  sayWhenReady(runWith([]), log);
  expect([lines, vi.getTimerCount()]).toEqual([[`ready: ${COUNTS}`], 0]);
});

it('once what was in the way is not any more; after half a minute it is said that it still is', () => {
  const { log, lines } = recordedLog();
  const problems = ['source a: not connected yet'];
  sayWhenReady(runWith(problems), log);
  vi.advanceTimersByTime(29_000);
  problems[0] = 'source a: no such queue';
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([
    `not ready: source a: not connected yet; ${COUNTS}`,
    'warn: after 30 s still not ready: source a: no such queue',
  ]);
  problems.pop();
  vi.advanceTimersByTime(60_000);
  expect(lines.slice(2)).toEqual([`ready: ${COUNTS}`]);
  expect(vi.getTimerCount()).toBe(0);
});

it('not at all when the run ends before', () => {
  const { log, lines } = recordedLog();
  sayWhenReady(runWith(['source a: not connected yet']), log)();
  expect([lines.length, vi.getTimerCount()]).toEqual([1, 0]);
});

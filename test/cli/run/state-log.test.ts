/** What the log says of a state file on a full disk: a few lines, not one a second. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stateLog } from '../../../src/cli/run/state-log.ts';
import { recordedLog } from '../../core/shared.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the same failure every five minutes, that it is over, and what is lost at the end', () => {
  const { log, lines } = recordedLog();
  const { failed, recovered } = stateLog(log, '/state');
  const trying = 'error: the state could not be written to /state: disk full; trying again each second';
  for (let second = 0; second < 600; second++) {
    failed(new Error('disk full'));
    vi.advanceTimersByTime(1000);
  }
  expect(lines).toEqual([trying, trying]);
  recovered();
  expect(lines[2]).toBe('the state is written again, after 600 s');
  failed(new Error('disk full'));
  failed(new Error('disk full'), 1);
  expect(lines.slice(3)).toEqual([
    trying,
    'error: the state could not be written to /state: disk full; 1 event on the way there lost, positions stay behind',
  ]);
});

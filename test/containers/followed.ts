/** Following runtimes by virtual time. */

import { afterEach, beforeEach, vi } from 'vitest';
import { followAll, type Gap } from '../../src/containers/follow.ts';
import type { Lifecycle } from '../../src/containers/runtime.ts';
import { FakeRuntime } from './fake-runtime.ts';

export const START = Date.UTC(2026, 0, 1);

let ends: AbortController[] = [];
beforeEach(() => {
  vi.useFakeTimers({ now: START });
  // The longest wait before each try.
  vi.spyOn(Math, 'random').mockReturnValue(1);
});
afterEach(() => {
  for (const end of ends) end.abort();
  ends = [];
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Lets so many milliseconds pass, virtually. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Follows; all that was told, in order, with times in ms from the start. */
export async function followed(
  runtimes: FakeRuntime | (() => readonly FakeRuntime[]),
  event: (event: Lifecycle) => Promise<void> | void = () => {},
) {
  const end = new AbortController();
  ends.push(end);
  const said: string[] = [];
  const gaps: Gap[] = [];
  const told: Lifecycle[] = [];
  const all = runtimes instanceof FakeRuntime ? () => [runtimes] : runtimes;
  const over = followAll(
    { all: async () => all() },
    {
      signal: end.signal,
      event: async (each) => {
        await event(each);
        told.push(each);
        said.push(`${each.type} ${Number.parseInt(each.id, 16)}`);
      },
      trouble: ({ name }, why) => void said.push(why === undefined ? `${name} is seen` : `${name}: ${why}`),
      unoffered: ({ name }) => void said.push(`${name} offers none`),
      gap: (_, gap) => {
        gaps.push(gap);
        said.push(`gap ${gap.from - START}-${gap.to - START}: ${gap.why}, ${gap.found}`);
      },
    },
  );
  over.catch(() => {});
  await pass(0);
  return { said, gaps, told, over, end: () => end.abort() };
}

/** What is remembered of log files that could not be fetched. */

import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Found, Kept } from '../../../src/sources/cloudtrail/kept.ts';

const HOUR = 3_600_000;
const file = (time: number, folder = 'a/'): Found => ({
  name: `${folder}${time}`,
  key: `${folder}${time}`,
  folder,
  time,
});
const denied = { message: 'no', denied: true };
const failed = { message: 'not now', denied: false };
const names = (files: readonly Found[]) => files.map(({ name }) => name);

afterEach(() => vi.restoreAllMocks());

describe('a log file', () => {
  test('that is denied waits longer each time, an hour at most', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const kept = new Kept();
    const pauses: number[] = [];
    for (let tries = 0; tries < 20; tries++) {
      kept.keep(file(1), denied, 0);
      let pause = 0;
      while (kept.due(pause).length === 0) pause += 1000;
      pauses.push(pause);
    }
    expect(pauses.slice(0, 3)).toEqual([60_000, 90_000, 135_000]);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(pauses.at(-1)).toBe(HOUR);
  });

  test('that failed otherwise is due at once, behind those that wait for longer', () => {
    const kept = new Kept();
    for (const time of [1, 2, 3]) kept.keep(file(time), failed, 0);
    expect(names(kept.due(0))).toEqual(['a/1', 'a/2', 'a/3']);
    kept.keep(file(1), failed, 0);
    expect(names(kept.due(0))).toEqual(['a/2', 'a/3', 'a/1']);
  });

  test('that was denied and is read brings those of its folder forward, until one is denied again', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const kept = new Kept();
    for (const each of [file(1), file(2), file(3), file(4, 'b/')]) kept.keep(each, denied, 0);
    // One that was never denied says nothing of the others.
    kept.done(file(9));
    expect(kept.due(1)).toEqual([]);
    kept.done(file(1));
    expect(names(kept.due(1))).toEqual(['a/2', 'a/3']);
    kept.keep(file(2), denied, 1);
    expect(kept.due(1)).toEqual([]);
  });

  test('of an earlier run is looked for at once; one there was no room for, when there is, or its folder is mended', () => {
    const kept = new Kept({ 'a/': 5 }, 2);
    expect(kept.claim('b/')).toBeUndefined();
    expect(kept.claim('a/')).toBe(5);
    expect(kept.claim('a/')).toBeUndefined();
    expect([5, 6, 7].map((time) => kept.keep(file(time), denied, 0))).toEqual([true, true, false]);
    expect(kept.keep(file(8, 'b/'), denied, 0)).toBe(false);
    expect(kept.claim('a/')).toBeUndefined();
    kept.done(file(9, 'b/'));
    expect(kept.claim('b/')).toBe(8);
    kept.done(file(5));
    expect(kept.claim('a/')).toBe(7);
  });
});

test('whatever happens, each that was not fetched is known or behind the mark of its folder, in bounded memory', () => {
  const step = fc.record({
    file: fc.record({ time: fc.integer({ min: 0, max: 30 }), folder: fc.constantFrom('a/', 'b/') }),
    what: fc.constantFrom('denied', 'failed', 'done', 'restart'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 5 }), (steps, most) => {
      let kept = new Kept({}, most);
      const missing = new Map<string, Found>();
      for (const { file: given, what } of steps) {
        const one = file(given.time, given.folder);
        if (what === 'restart') kept = new Kept(JSON.parse(JSON.stringify(kept.marks())), most);
        else if (what === 'done') {
          kept.done(one);
          missing.delete(one.name);
        } else {
          kept.keep(one, what === 'denied' ? denied : failed, 0);
          missing.set(one.name, one);
        }
        expect(kept.size).toBeLessThanOrEqual(most);
        const marks = kept.marks();
        for (const { folder, time } of missing.values()) expect(marks[folder]).toBeLessThanOrEqual(time);
        for (const { name, folder } of missing.values()) expect(kept.has(name) || kept.isMarked(folder)).toBe(true);
        // When all was read and nothing waits to be looked for, nothing holds a later run back.
        if (missing.size === 0 && !['a/', 'b/'].some((each) => kept.isMarked(each))) expect(marks).toEqual({});
      }
    }),
  );
});

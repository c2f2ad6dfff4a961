import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bootOffsetNs, trimMemory } from '../../native/index.ts';

/** KiB of a kind that this process holds, proc_pid_smaps(5). */
function held(kind: 'Rss' | 'Anonymous'): number {
  return Number(new RegExp(`^${kind}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]);
}

describe('trimMemory', () => {
  test('pages of programs go back and come again; what was written stays', () => {
    bootOffsetNs();
    const text = 'what was written '.repeat(100_000);
    const bytes = Buffer.from(text);
    const files = () => held('Rss') - held('Anonymous');
    const before = files();
    trimMemory();
    expect(files()).toBeLessThan(before / 2);
    // Code that is not in use at the moment comes from the file again.
    expect(bytes.toString()).toBe(text);
    expect(new Intl.DateTimeFormat('de', { month: 'long', timeZone: 'UTC' }).format(0)).toBe('Januar');
    expect(JSON.parse(JSON.stringify({ pattern: /a+(b|c)/.exec('xaab')?.[1] }))).toEqual({ pattern: 'b' });
  });
});

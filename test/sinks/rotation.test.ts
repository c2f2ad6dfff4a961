import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { file } from '../../src/sinks/file.ts';
import { scratch } from '../scratch.ts';
import { alertOf, never, openSink } from './shared.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = scratch();
  path = join(folder, 'alerts.jsonl');
});
afterEach(() => {
  vi.useRealTimers();
});

/** What is in the folder, oldest first, the file itself last. */
function files(): { name: string; rules: string[] }[] {
  const names = readdirSync(folder).sort();
  return [...names.filter((name) => name !== 'alerts.jsonl'), 'alerts.jsonl'].map((name) => {
    const raw = readFileSync(join(folder, name));
    const text = (name.endsWith('.gz') ? gunzipSync(raw) : raw).toString();
    const rules = text.split('\n').flatMap((line) => (line === '' ? [] : JSON.parse(line).rule));
    return { name, rules };
  });
}

const sinkOf = (rotate: object) => openSink(file, { path, rotate });
const length = 400; // bytes: more than one alert has, less than two have

describe('rotation of a file', () => {
  it('by size: nothing is lost, no file is larger, each is compressed and has its mode', async () => {
    const sink = await sinkOf({ size: `${length * 2}B`, keep: 100 });
    const rules = Array.from({ length: 20 }, (_, n) => `r${n}`);
    for (const rule of rules) await sink.write([alertOf(rule)], never);
    await sink.close();
    const all = files();
    expect(all.flatMap((each) => each.rules)).toEqual(rules);
    expect(all.length).toBeGreaterThan(4);
    for (const { name, rules: inside } of all.slice(0, -1)) {
      expect(name).toMatch(/^alerts\.jsonl\.\d{8}T\d{6}\.\d{3}Z(-\d+)?\.gz$/);
      expect(inside.length).toBeGreaterThan(0);
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(path).size).toBeLessThanOrEqual(length * 2);
  });

  it('keeps so many and removes the oldest', async () => {
    const sink = await sinkOf({ size: '1B', keep: 2, gzip: false });
    for (let n = 0; n < 8; n++) await sink.write([alertOf(`r${n}`)], never);
    await sink.close();
    expect(files().map(({ rules }) => rules)).toEqual([['r5'], ['r6'], ['r7']]);
  });

  it('a write that is larger than the size goes into a file of its own', async () => {
    const sink = await sinkOf({ size: '1B' });
    await sink.write([alertOf('a'), alertOf('b'), alertOf('c')], never);
    await sink.close();
    expect(files()).toEqual([{ name: 'alerts.jsonl', rules: ['a', 'b', 'c'] }]);
  });

  it('a write that fails is not in the file, and does not make it full', async () => {
    const sink = await sinkOf({ size: `${length * 2}B` });
    for (let n = 0; n < 5; n++) await expect(sink.write([alertOf('a')], AbortSignal.abort())).rejects.toThrow();
    await sink.write([alertOf('a')], never);
    await sink.close();
    expect(files()).toEqual([{ name: 'alerts.jsonl', rules: ['a'] }]);
  });

  it('by age, which is that of the file also after a restart', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const first = await sinkOf({ age: '1h', gzip: false });
    await first.write([alertOf('a')], never);
    vi.setSystemTime(Date.now() + 30 * 60_000);
    await first.write([alertOf('b')], never);
    await first.close();
    const second = await sinkOf({ age: '1h', gzip: false });
    vi.setSystemTime(Date.now() + 31 * 60_000);
    await second.write([alertOf('c')], never);
    await second.write([alertOf('d')], never);
    await second.close();
    expect(files().map(({ rules }) => rules)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('goes on from the size that the file has, and compresses what an earlier run has left', async () => {
    writeFileSync(path, `${JSON.stringify({ rule: 'old', pad: 'x'.repeat(1000) })}\n`);
    writeFileSync(`${path}.20260101T000000.000Z`, `${JSON.stringify({ rule: 'older' })}\n`);
    writeFileSync(`${path}.mine`, `${JSON.stringify({ rule: 'mine' })}\n`);
    const sink = await sinkOf({ size: '1KiB', keep: 5 });
    await sink.write([alertOf('new')], never);
    await sink.close();
    const all = files();
    expect(all.map(({ rules }) => rules[0]).sort()).toEqual(['mine', 'new', 'old', 'older']);
    expect(all.map(({ name }) => name.endsWith('.gz'))).toEqual([true, true, false, false]);
  });

  it('lives with others who move the file away', async () => {
    const sink = await sinkOf({ size: '1B', gzip: false });
    await sink.write([alertOf('a')], never);
    renameSync(path, join(folder, 'elsewhere'));
    await sink.write([alertOf('b')], never);
    renameSync(path, join(folder, 'elsewhere2'));
    await sink.reopen?.();
    await sink.write([alertOf('c')], never);
    await sink.close();
    expect(files().map(({ rules }) => rules)).toEqual([['a'], ['b'], ['c']]);
  });

  it('what cannot be compressed costs no event', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const sink = await sinkOf({ size: '1B' });
    await sink.write([alertOf('a')], never);
    // The compressed file would be written here.
    mkdirSync(`${path}.${new Date().toISOString().replace(/[-:]/g, '')}.part`);
    await sink.write([alertOf('b')], never);
    await sink.close();
    expect(readFileSync(path, 'utf8')).toContain('"rule":"b"');
    expect(readdirSync(folder).filter((name) => name.endsWith('Z'))).toHaveLength(1);
  });

  it('wants a size or an age', () => {
    expect(file.config.safeParse({ path: 'x', rotate: {} }).success).toBe(false);
    expect(file.config.safeParse({ path: 'x', rotate: { age: '1d' } }).success).toBe(true);
  });
});

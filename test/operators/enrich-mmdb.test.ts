/** The operator enrich with MaxMind DB files that the test writes itself. */

import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import { EventRecord } from '../../src/events/record.ts';
import { scratch } from '../scratch.ts';
import { mmdb } from './mmdb-writer.ts';
import { errorsOf, planned, run, start } from './shared.ts';

const folder = scratch();
const file = join(folder, 'places.mmdb');

const france = { country: { iso_code: 'FR', names: { en: 'France' } }, location: { latitude: 48.5 }, is_eu: true };
beforeEach(() =>
  writeFileSync(
    file,
    mmdb({
      '203.0.113.0/24': { ...france, asn: 64_500 },
      '198.51.100.0/25': { country: { iso_code: 'DE', names: { en: 'x'.repeat(300) } } },
      '2001:db8::/32': { country: { iso_code: 'JP' } },
    }),
  ),
);

const alertTo = (address: string) =>
  makeAlert(1n, {
    ...{ rule: 'r', priority: 'Notice', tags: [], hostname: 'n', output: 'o', source: 'syscall' },
    outputFields: { 'fd.sip': address },
  });
const FIELDS =
  '{ geo.country: country.iso_code, geo.name: country.names.en, geo.lat: location.latitude, geo.eu: is_eu, geo.as: asn }';
const operator = (more = '', fields = FIELDS) =>
  `{ type: enrich, from: in, mmdb: '${file}', key: fd.sip, fields: ${fields}${more} }`;

describe('enrich by a MaxMind DB file', () => {
  it('adds what its records say of addresses, as text; what is not there adds nothing', async () => {
    const addresses = ['203.0.113.7', '198.51.100.127', '198.51.100.128', '2001:db8::1', '2001:db9::1', '', 'x', '::1'];
    const { events, counters } = await run(operator(), { alerts: addresses.map(alertTo) });
    const added = (event: EventRecord) =>
      Object.fromEntries(Object.entries(event.fields).filter(([name]) => name.startsWith('geo.')));
    expect(events.map(added)).toEqual([
      { 'geo.country': 'FR', 'geo.name': 'France', 'geo.lat': '48.5', 'geo.eu': 'true', 'geo.as': '64500' },
      { 'geo.country': 'DE', 'geo.name': 'x'.repeat(300) },
      {},
      { 'geo.country': 'JP' },
      ...[{}, {}, {}, {}],
    ]);
    expect(counters).toMatchObject({ found: 3 });
    expect(planned(operator()).notes).toEqual({ database: 'Test-City of 2025-10-09' });
  });

  it('conditions below use its fields', async () => {
    const calls = ['203.0.113.7', '2001:db8::1'].map(
      (address) => new EventRecord('syscall', 'connect', 1n, { 'fd.sip': address }),
    );
    const { events } = await run(
      `${operator('', '{ geo.country: country.iso_code }').replace('from: in', 'from: kernel')}\n  far: { type: filter, from: op, condition: geo.country = JP }`,
      { calls },
    );
    expect(events.map((event) => event.get('fd.sip'))).toEqual(['2001:db8::1']);
  });

  it('reads a file that replaces it; one that is no good leaves the old one, and is said', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearTimeout', 'clearInterval', 'Date'] });
    try {
      const running = await start(operator(', refresh: 10s', '{ geo.country: country.iso_code }'));
      const countryOf = async () => {
        const before = running.events.length;
        running.put([alertTo('203.0.113.7')]);
        await vi.waitFor(() => expect(running.events.length).toBe(before + 1), 20_000);
        return running.events.at(-1)?.get('geo.country');
      };
      const put = (content: Buffer | string) => {
        writeFileSync(`${file}.new`, content);
        renameSync(`${file}.new`, file);
      };
      expect(await countryOf()).toBe('FR');
      put('garbage');
      await vi.advanceTimersByTimeAsync(10_000);
      await vi.waitFor(() => expect(running.counters()).toMatchObject({ errors: 1 }), 20_000);
      await vi.advanceTimersByTimeAsync(10_000);
      await vi.waitFor(() => expect(running.counters()).toMatchObject({ errors: 2 }), 20_000);
      expect(await countryOf()).toBe('FR');
      expect(running.running.status().problems).toEqual([
        expect.stringMatching(/^operator op: .*places\.mmdb stays as it was: no MaxMind DB: /),
      ]);
      expect(running.lines.filter((line) => line.includes('stays as it was'))).toHaveLength(1);
      put(mmdb({ '203.0.113.0/24': { country: { iso_code: 'XX' } } }));
      await vi.advanceTimersByTimeAsync(10_000);
      await vi.waitFor(() => expect(running.counters()).toMatchObject({ refreshes: 1 }), 20_000);
      expect(await countryOf()).toBe('XX');
      expect(running.running.status().problems).toEqual([]);
      expect(running.lines.some((line) => /places\.mmdb is read again, after \d+ s/.test(line))).toBe(true);
      rmSync(file);
      await vi.advanceTimersByTimeAsync(10_000);
      await vi.waitFor(() => expect(running.counters()).toMatchObject({ errors: 3 }), 20_000);
      expect(await countryOf()).toBe('XX');
      await running.running.stop();
    } finally {
      vi.useRealTimers();
    }
  });

  it('a file with a damaged record costs no event', async () => {
    const content = mmdb({ '203.0.113.0/24': france });
    // The map's first key becomes a pointer to nowhere.
    content.fill(0x3f, content.indexOf('country') - 1, content.indexOf('country') + 3);
    writeFileSync(file, content);
    const { events, counters } = await run(operator(), { alerts: [alertTo('203.0.113.7')] });
    expect(events).toHaveLength(1);
    expect(events[0]?.get('geo.country')).toBeUndefined();
    expect(counters.errors).toBe(1);
  });

  it('says what is wrong', () => {
    const whole = mmdb({ '203.0.113.0/24': france });
    for (const [content, message] of [
      ['not at all', 'no MaxMind DB'],
      ['', 'no MaxMind DB'],
      [whole.subarray(whole.indexOf('abcdef4d6178', 0, 'hex')), 'no whole MaxMind DB'],
    ] as const) {
      writeFileSync(file, content);
      expect(errorsOf(operator())).toContain(`Cannot read ${file}: ${message}`);
    }
    rmSync(file);
    expect(errorsOf(operator())).toContain('ENOENT');
    symlinkSync('/dev/zero', file);
    expect(errorsOf(operator())).toContain(`Cannot read ${file}: it is a device, no regular file`);
    rmSync(file);
    expect(errorsOf(operator(', table: x.csv'))).toContain('Name a `table`, an `mmdb` file or `dns`, one of them');
  });
});

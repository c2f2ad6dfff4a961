/** The index of records: none is taken for whole that is not, and what it says of paths is what their texts say. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexRecords, PATH, ROW } from '../../native/record-index.ts';
import { HEADER, KIND, type Kind } from '../../src/events/kernel/layout.ts';
import { RING_HEADER, rowsFor } from '../../src/events/kernel/records.ts';
import { record, ring } from './slab-writer.ts';

function indexed(given: Uint8Array, room = given.length) {
  const bytes = Uint8Array.from(given);
  const rows = rowsFor(room);
  rows.fill(0xffff_ffff);
  indexRecords(bytes, bytes.length, rows);
  const found: { offset: number; kind: number; text: number; real: number; again: number; way: bigint }[] = [];
  let row = 0;
  for (; rows[row + ROW.kind] !== 0; row += ROW.size) {
    const [offset = 0, kind = 0, text = 0, real = 0, again = 0, low = 0, high = 0] = rows.subarray(row, row + ROW.size);
    found.push({ offset, kind, text, real, again, way: (BigInt(high) << 32n) | BigInt(low) });
  }
  return { damaged: rows[row + ROW.damaged], found };
}

/** What is said of a path, from its text. */
function saidOf(path: string, base = '') {
  const whole = base !== '' && path !== '' && !path.startsWith('/') ? `${base}/${path}` : path;
  return {
    crooked: /[/.]\/|\.$|.\/$/.test(path),
    hidden: whole.includes('/.'),
    name: path.slice(path.lastIndexOf('/') + 1),
  };
}

const said = (row: number, path: string) => ({
  crooked: (row & PATH.crooked) !== 0,
  hidden: (row & PATH.hidden) !== 0,
  name: path.slice(row >>> PATH.nameShift),
});

/** Dots and slashes side by side and apart, in names short and long. */
const path = fc
  .array(fc.constantFrom('/', '/', '.', 'a', 'name', '..', '.x', 'some-longer-name.txt', '0/'), { maxLength: 30 })
  .map((parts) => parts.join(''));

describe('the index of records', () => {
  it('says of paths what their texts say, wherever they begin', () => {
    const opens = fc.array(
      fc.oneof(
        fc.record({ raw: path, base: path, real: path }),
        path.map((raw) => ({ raw, base: '', real: raw })),
      ),
      { minLength: 1, maxLength: 8 },
    );
    let [crooked, hidden] = [0, 0];
    fc.assert(
      fc.property(opens, (all) => {
        const { found, damaged } = indexed(ring(all.map((open) => record({ kind: 'open', ...open }))));
        expect([found.length, damaged]).toEqual([all.length, 0]);
        for (const [index, { raw, base, real }] of all.entries()) {
          const { text, real: canonical } = found[index] as (typeof found)[number];
          expect(said(text, raw), raw).toEqual(saidOf(raw, base));
          expect(said(canonical, real), real).toEqual(saidOf(real));
          if (saidOf(raw).crooked) crooked++;
          if (saidOf(real).hidden) hidden++;
        }
      }),
      { numRuns: 500 },
    );
    expect(Math.min(crooked, hidden)).toBeGreaterThan(100);
  });

  it('has each whole record of every kind, and counts those whose size or lengths point outside', () => {
    const kinds = Object.keys(KIND) as Kind[];
    const spoilt = fc.constantFrom<((bytes: Buffer) => void) | undefined>(
      undefined,
      undefined,
      (bytes) => bytes.writeUInt16LE(0, HEADER.kind),
      (bytes) => bytes.writeUInt16LE(77, HEADER.kind),
      (bytes) => bytes.writeUInt32LE(bytes.length + 8, HEADER.size),
      (bytes) => bytes.writeUInt32LE(97, HEADER.size),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...kinds), spoilt), { maxLength: 20 }), (all) => {
        const records = all.map(([kind, spoil]) => {
          const bytes = record({ kind, raw: '/x', time: 1 });
          spoil?.(bytes);
          return { bytes, kind: spoil ? undefined : KIND[kind] };
        });
        const { found, damaged } = indexed(ring(records.map(({ bytes }) => bytes)));
        expect(found.map(({ kind }) => kind)).toEqual(
          records.map(({ kind }) => kind).filter((kind) => kind !== undefined),
        );
        expect(damaged).toBe(records.filter(({ kind }) => kind === undefined).length);
      }),
    );
  });

  it('says where the process is the one of the record before, and nothing of it has changed', () => {
    const own = { tgid: 7, start: 2 ** 33, exec_id: 2, ppid: 3, cgroup: 2 ** 34 };
    const others = [
      { tgid: 8 },
      { start: 2 ** 33 + 2 ** 32 },
      { exec_id: 3 },
      { ppid: 1 },
      { cgroup: 5 },
      {},
      { tid: 9 },
    ];
    const another = fc.constantFrom<object>(...others, {}, {}, {});
    const kinds = Object.keys(KIND) as Kind[];
    const kind = fc.oneof(fc.constantFrom<Kind>('open', 'call', 'socket'), fc.constantFrom(...kinds));
    const isPlain = (of: Kind) => ['open', 'call', 'socket'].includes(of);
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, another), { maxLength: 20 }), (all) => {
        const { found } = indexed(ring(all.map(([one, other]) => record({ kind: one, ...own, ...other }))));
        const same = (a: object, b: object) =>
          Object.entries({ ...own, ...a }).every(
            ([name, value]) => name === 'tid' || value === { ...own, ...b }[name as keyof typeof own],
          );
        const expected = all.map(([one, other], index) => {
          const [before, otherBefore] = all[index - 1] ?? ['exit' as const, {}];
          return isPlain(one) && isPlain(before) && same(other, otherBefore) ? 1 : 0;
        });
        expect(found.map(({ again }) => again)).toEqual(expected);
      }),
    );
  });

  it('gives a number to each way in which a path is opened, and never one that another has had', () => {
    const fields = {
      raw: fc.oneof(
        path,
        fc.integer({ min: 0, max: 9000 }).map((n) => `/proc/${n}/stat`),
        fc.constant(`/${'long/'.repeat(60)}`),
      ),
      base: fc.constantFrom('', '/', '/srv/app', '/srv/apq'),
      real: fc.constantFrom('', '/etc/x', '/etc/y', 'as written'),
      ret: fc.constantFrom(3, -2, -13),
      nr: fc.constantFrom(257, 257, 85),
      open_flags: fc.constantFrom(0, 0, 1),
      mode: fc.constantFrom(0, 0o644),
      resolve: fc.constantFrom(0, 0, 0x10),
      created: fc.constantFrom(0, 1),
      layer: fc.constantFrom(0, 0, 1, 2),
      flags: fc.subarray(['path_partial', 'path_outside', 'base_partial', 'unread'] as const),
    };
    const way = fc.record(fields);
    // Of these a number says nothing.
    const beside = fc.record({
      descriptor: fc.nat(100),
      time: fc.nat(),
      dirfd: fc.nat(9),
      ino: fc.nat(),
      comm: fc.constantFrom('a', 'b'),
    });
    const another = fc.oneof(
      fc.record({ raw: path }),
      ...Object.keys(fields).map((name) => way.map((other) => ({ [name]: other[name as keyof typeof fields] }))),
    );
    const ways = new Map<bigint, string>();
    let [changed, long] = [0, 0];
    fc.assert(
      fc.property(way, another, fc.array(beside, { minLength: 3, maxLength: 3 }), (one, change, more) => {
        const opens = [one, { ...one, ...change }, one].map((opened, index) => {
          const { descriptor, ...rest } = more[index] as (typeof more)[number];
          const open = { ...opened, real: opened.real === 'as written' ? opened.raw : opened.real };
          return { ...rest, ...open, kind: 'open' as const, ret: open.ret < 0 ? open.ret : descriptor };
        });
        const { found } = indexed(ring(opens.map(record)));
        const texts = opens.map((open) =>
          JSON.stringify(
            Object.keys(fields).map((name) => (name === 'ret' ? Math.min(open.ret, 0) : open[name as 'raw'])),
          ),
        );
        for (const [index, { way: number }] of found.entries()) {
          const { raw, base, real } = opens[index] as (typeof opens)[number];
          const isWritten = raw.startsWith('/') && raw === real;
          const isLong = raw.length + base.length + (isWritten ? 0 : real.length) > 250;
          expect(number === 0n).toBe(isLong);
          if (isLong) long++;
          else expect(ways.get(number) ?? texts[index]).toBe(texts[index]);
          if (!isLong) ways.set(number, texts[index] as string);
        }
        expect(found[2]?.way).toBe(found[0]?.way);
        if (texts[0] !== texts[1]) changed++;
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(ways.size, changed)).toBeGreaterThan(300);
    expect(long).toBeGreaterThan(10);
  });

  it('ends where a record would be longer than what is there', () => {
    const bytes = ring([record({ kind: 'open', raw: '/a' }), record({ kind: 'open', raw: '/b' })]);
    for (const cut of [1, 8, 100]) {
      const { found, damaged } = indexed(bytes.subarray(0, bytes.length - cut), bytes.length);
      expect([found.length, damaged]).toEqual([1, 1]);
    }
    expect(indexed(bytes.subarray(0, RING_HEADER - 1))).toEqual({ found: [], damaged: 0 });
  });

  it('never reads or writes outside, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const { found } = indexed(bytes);
        for (const { offset, kind } of found) {
          expect(kind).toBeLessThan(10);
          expect(offset).toBeLessThan(bytes.length);
        }
      }),
    );
    expect(() => indexRecords(new Uint8Array(8), 9, rowsFor(9))).toThrow(RangeError);
    expect(() => indexRecords(new Uint8Array(800), 800, rowsFor(200))).toThrow(RangeError);
  });
});

/** The tables of two filters, by way of which one is exchanged for the other. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { filterTables, tablesOfBoth } from '../../native/filter.ts';
import type { Clause, EndProperty } from '../../src/core/flow/necessary.ts';

const KEY = 4 + 64;

type Tables = ReturnType<typeof filterTables>;

/** What the prefixes want, by the prefix: bits of the text in the low half. */
function prefixesOf({ prefixes }: Tables): Map<string, number> {
  const bytes = Buffer.from(prefixes);
  const entries = Array.from({ length: bytes.length / (KEY + 4) }, (_, index) => {
    const at = index * (KEY + 4);
    return [bytes.toString('latin1', at, at + KEY), bytes.readUInt32LE(at + KEY)] as const;
  });
  return new Map(entries);
}

const END_KEY = 24;

/** What the ends want, by the bits of the prefix. */
function endsOf({ ends }: Tables): Map<string, number> {
  const bytes = Buffer.from(ends);
  const entries = Array.from({ length: bytes.length / (END_KEY + 4) }, (_, index) => {
    const at = index * (END_KEY + 4);
    const bits = [...bytes.subarray(at + 4, at + END_KEY)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    return [bits.slice(0, bytes.readUInt32LE(at)), bytes.readUInt32LE(at + END_KEY)] as const;
  });
  return new Map(entries);
}

/** Finds of prefixes the longest that another one begins with. */
function longestOf(prefixes: ReadonlyMap<string, number>): (of: string) => number {
  const lengths = [...new Set([...prefixes.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  return (of) => {
    const length = lengths.find((each) => each <= of.length && prefixes.has(of.slice(0, each)));
    return length === undefined ? 0 : (prefixes.get(of.slice(0, length)) ?? 0);
  };
}

const within = (small: ArrayLike<number>, large: ArrayLike<number>) =>
  Array.from(small).every((bits, index) => (bits & ~(large[index] ?? 0)) === 0);

const prefix = fc
  .array(fc.constantFrom('a', 'b', 'é'), { minLength: 1, maxLength: 4 })
  .map((names) => ({ of: 'text' as const, kind: 'prefix' as const, value: `/${names.join('/')}` }));
const end = fc
  .record({
    end: fc.constantFrom('local', 'remote', 'either'),
    networks: fc.uniqueArray(fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '0.0.0.0/0', '::1', 'fd00::/8'), {
      minLength: 1,
      maxLength: 3,
    }),
    ports: fc.uniqueArray(fc.constantFrom('22', '20-30', '1000-40000', '0-65535'), { minLength: 1, maxLength: 2 }),
    isPort: fc.boolean(),
    outside: fc.boolean(),
  })
  .map(
    ({ end, networks, ports, isPort, outside }): EndProperty => ({
      end: end as EndProperty['end'],
      of: isPort ? 'port' : 'address',
      values: isPort ? ports : networks,
      ...(outside ? { outside } : {}),
    }),
  );
const clause: fc.Arbitrary<Clause> = fc.oneof(
  fc.record({ ends: fc.array(end, { minLength: 1, maxLength: 2 }) }),
  fc.record({ paths: fc.array(prefix, { maxLength: 4 }) }),
  fc.record({ paths: fc.array(prefix, { maxLength: 4 }), writes: fc.boolean() }),
  fc.record({ comms: fc.subarray(['sh', 'cat']) }),
  fc.record({ reads: fc.boolean() }),
);
/** More than are looked for. */
const TOO_MANY_ENDS: Clause = {
  ends: [{ end: 'remote', of: 'address', values: Array.from({ length: 2100 }, (_, n) => `10.0.${n >> 8}.${n & 255}`) }],
};
const TOO_MANY: Clause = {
  paths: Array.from({ length: 2100 }, (_, index) => ({ of: 'text', kind: 'prefix', value: `/many/${index}` })),
};
const wanted = fc.oneof(
  { weight: 8, arbitrary: fc.array(clause, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant('all' as const) },
  { weight: 1, arbitrary: fc.constantFrom([TOO_MANY], [TOO_MANY], [TOO_MANY], [TOO_MANY_ENDS]) },
);
const filters = fc
  .record({ openat: wanted, creat: wanted, connect: wanted }, { requiredKeys: [] })
  .map((calls) => new Map(Object.entries(calls)));

test('let pass whatever either lets pass, by the same means', () => {
  let shorter = 0;
  let nested = 0;
  fc.assert(
    fc.property(filters, filters, (one, other) => {
      const both = tablesOfBoth(one, other);
      const joined = prefixesOf(both);
      const joinedEnds = [...endsOf(both)];
      for (const tables of [filterTables(one), filterTables(other)]) {
        for (const name of ['calls', 'keep', 'test', 'byComm', 'tests', 'hidden', 'endTests'] as const)
          expect(within(tables[name], both[name]), name).toBe(true);
        for (const name of ['starts', 'longStarts', 'commStarts'] as const)
          for (const [index, bits] of tables[name].entries()) expect(bits & ~(both[name][index] ?? 0n)).toBe(0n);
        // As the programs find them, of an end that nothing longer fits.
        const ownEnds = endsOf(tables);
        const longest = longestOf(ownEnds);
        const needed = joinedEnds.map(([key, bits]) => [longest(key), bits] as const);
        expect(needed.filter(([least, bits]) => (least & ~bits) !== 0)).toEqual([]);
        nested += joinedEnds.filter(([key], at) => needed[at]?.[0] !== 0 && !ownEnds.has(key)).length;
        const own = [...prefixesOf(tables)];
        for (const [key, bits] of own) expect(bits & ~(joined.get(key) ?? 0)).toBe(0);
        // The longest prefix decides: one of the other filter that is longer wants what the shorter one does.
        for (const [key, bits] of joined) {
          for (const [short, needed] of own) {
            const length = Buffer.from(short, 'latin1').readUInt32LE(0) / 8;
            if (length >= Buffer.from(key, 'latin1').readUInt32LE(0) / 8) continue;
            if (key.slice(4, 4 + length) !== short.slice(4, 4 + length)) continue;
            shorter++;
            expect(needed & ~bits).toBe(0);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
  expect(shorter).toBeGreaterThan(100);
  expect(nested).toBeGreaterThan(100);
});

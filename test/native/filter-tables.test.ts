/** The tables of two filters, by way of which one is exchanged for the other. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { filterTables, tablesOfBoth } from '../../native/filter.ts';
import type { Clause } from '../../src/core/necessary.ts';

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

const within = (small: ArrayLike<number>, large: ArrayLike<number>) =>
  Array.from(small).every((bits, index) => (bits & ~(large[index] ?? 0)) === 0);

const prefix = fc
  .array(fc.constantFrom('a', 'b', 'é'), { minLength: 1, maxLength: 4 })
  .map((names) => ({ of: 'text' as const, kind: 'prefix' as const, value: `/${names.join('/')}` }));
const clause: fc.Arbitrary<Clause> = fc.oneof(
  fc.record({ paths: fc.array(prefix, { maxLength: 4 }) }),
  fc.record({ paths: fc.array(prefix, { maxLength: 4 }), writes: fc.boolean() }),
  fc.record({ comms: fc.subarray(['sh', 'cat']) }),
  fc.record({ reads: fc.boolean() }),
);
/** More than are looked for. */
const TOO_MANY: Clause = {
  paths: Array.from({ length: 2100 }, (_, index) => ({ of: 'text', kind: 'prefix', value: `/many/${index}` })),
};
const wanted = fc.oneof(
  { weight: 8, arbitrary: fc.array(clause, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant('all' as const) },
  { weight: 1, arbitrary: fc.constant([TOO_MANY]) },
);
const filters = fc
  .record({ openat: wanted, creat: wanted }, { requiredKeys: [] })
  .map((calls) => new Map(Object.entries(calls)));

test('let pass whatever either lets pass, by the same means', () => {
  let shorter = 0;
  fc.assert(
    fc.property(filters, filters, (one, other) => {
      const both = tablesOfBoth(one, other);
      const joined = prefixesOf(both);
      for (const tables of [filterTables(one), filterTables(other)]) {
        for (const name of ['calls', 'keep', 'test', 'byComm', 'tests', 'hidden'] as const)
          expect(within(tables[name], both[name]), name).toBe(true);
        for (const [index, bits] of tables.starts.entries()) expect(bits & ~(both.starts[index] ?? 0n)).toBe(0n);
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
});

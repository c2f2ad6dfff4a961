import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PrefixTree } from '../../../src/rules/judge/prefix-tree.ts';
import { both, either, placesOf, someOf } from '../../../src/rules/judge/some.ts';
import { TextTable } from '../../../src/rules/judge/text-table.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\ud83d', '\ude00'), maxLength: 8 });

test('a tree of prefixes finds those that a text begins with, shortest first', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 30 }), text, (prefixes, given) => {
      const tree = new PrefixTree<string>();
      for (const prefix of prefixes) tree.set(prefix, prefix);
      const found = tree.find<string[]>(given, [], (all, each) => [...all, each]);
      const expected = [...new Set(prefixes)].filter((prefix) => given.startsWith(prefix));
      expect(found).toEqual(expected.sort((a, b) => a.length - b.length));
    }),
  );
});

test('a table of texts finds what a map does', () => {
  fc.assert(
    fc.property(fc.uniqueArray(text, { maxLength: 60 }), fc.array(text), (keys, asked) => {
      const entries = keys.map((key, index) => [key, index] as const);
      const table = new TextTable(entries);
      for (const each of [...keys, ...asked]) expect(table.get(each)).toBe(new Map(entries).get(each));
    }),
  );
});

test('some of many conditions are sets of their places', () => {
  const places = fc.uniqueArray(fc.nat(200), { maxLength: 50 }).map((list) => new Set(list));
  const sorted = (set: ReadonlySet<number>) => [...set].sort((a, b) => a - b);
  fc.assert(
    fc.property(places, places, (a, b) => {
      expect(placesOf(someOf(a))).toEqual(sorted(a));
      expect(placesOf(both(someOf(a), someOf(b)))).toEqual(sorted(a.intersection(b)));
      expect(placesOf(either(someOf(a), someOf(b)))).toEqual(sorted(a.union(b)));
    }),
  );
});

/** What is said to be true of no event of a type is true of none. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { type Rule, whyImpossible } from '../../../src/rules/index.ts';
import { conditionOf } from '../generated-conditions.ts';
import { load, rule } from '../support.ts';

const TYPES = ['openat', 'execve'] as const;
/** Events of none of these types have it. */
const ABSENT = { openat: 'proc.pname', execve: 'fd.name' } as const;
const PATHS = ['/etc/a', '/a', '<UNKNOWN>etc/a', undefined];
const WORDS = ['a', 'b', undefined];

const check = fc.oneof(
  fc.constantFrom(...TYPES).map((type) => `evt.type = ${type}`),
  fc
    .constantFrom('= etc/a', 'in (etc/a, a)', 'in (etc/a, /etc/a)', 'startswith etc/', '= /a', 'contains a', 'in ()')
    .map((rest) => `fd.name ${rest}`),
  fc
    .tuple(fc.constantFrom('proc.name', 'proc.pname'), fc.constantFrom('= a', '!= b', 'in (a, b)', 'in ()', 'exists'))
    .map((parts) => parts.join(' ')),
);
const condition = conditionOf(check);

test('what is impossible is true of no event', () => {
  const found = new Set<string>();
  fc.assert(
    fc.property(condition, fc.constantFrom(...TYPES), (text, type) => {
      const made = load(rule({ condition: text, output: 'o' }, 'R')).rules[0] as Rule;
      const why = whyImpossible(made.condition.typed, type, (field) => field === ABSENT[type]);
      if (why === undefined) return;
      found.add(typeof why.why === 'string' ? why.why : 'path');
      const matches = made.condition.bind(recordForm);
      for (const path of PATHS) {
        for (const name of WORDS) {
          for (const parent of WORDS) {
            const fields = JSON.parse(JSON.stringify({ 'fd.name': path, 'proc.name': name, 'proc.pname': parent }));
            delete fields[ABSENT[type]];
            expect([fields, matches(new EventRecord('syscall', type, 0n, fields))]).toEqual([fields, false]);
          }
        }
      }
    }),
    { numRuns: 2000 },
  );
  expect(found).toEqual(new Set(['absent', 'empty', 'path']));
});

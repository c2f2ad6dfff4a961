/** Many alternatives, as the rows of exceptions are: found by a value, they hold as if each had been looked at. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Catalogue } from '../../src/events/field.ts';
import { EventRecord, recordForm } from '../../src/events/record.ts';
import { compileCondition, refuter } from '../../src/rules/index.ts';
import { load, rule } from './support.ts';

const catalogue = catalogues.get('syscall') as Catalogue;
const words = ['a', 'b', 'c', 'd', 'e', 'f'];
const word = fc.constantFrom(...words);
const field = fc.constantFrom('proc.name', 'fd.name', 'proc.pname');
const check = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(field, word).map(([name, value]) => `${name} = ${value}`) },
  fc.tuple(field, word, word).map(([name, one, two]) => `${name} in (${one}, ${two})`),
  fc.tuple(field, word).map(([name, value]) => `${name} startswith ${value}`),
  fc.tuple(field, word).map(([name, value]) => `not ${name} = ${value}`),
  fc.constantFrom('fd.types intersects (file)', 'fd.sip = 1.2.3.4', 'proc.pid = 7', 'evt.type = open'),
);
const row = fc.array(check, { minLength: 1, maxLength: 3 }).map((checks) => `(${checks.join(' and ')})`);
const event = fc
  .record(
    {
      'proc.name': word,
      'fd.name': word,
      'proc.pname': word,
      'proc.pid': fc.constantFrom(7, 8),
      'fd.types': fc.constant(['file']),
    },
    { requiredKeys: [] },
  )
  .map((fields) => new EventRecord('syscall', 'open', 0n, fields));

test('closures and generated code say the same of many alternatives, and what is refuted says which', () => {
  let matched = 0;
  let judged = 0;
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 12, maxLength: 40 }),
      fc.array(event, { minLength: 1, maxLength: 8 }),
      (rows, events) => {
        const condition = compileCondition(rows.join(' or '), catalogue);
        const one = condition.bind(recordForm, {}, 'closures');
        const other = condition.bind(recordForm, {}, 'generated');
        const text = `evt.type = open and not (${rows.join(' or ')})`;
        const except = refuter(load(rule({ condition: text, output: 'o' }, 'R')).rules[0] as never, recordForm, () => {
          return false;
        });
        for (const each of events) {
          expect(one(each)).toBe(other(each));
          const refuted = except.refutations(each);
          expect(refuted.length > 0).toBe(other(each));
          // What is named is a row that the event holds.
          for (const { text: part } of refuted) {
            const inner = part.replace(/^not /, '');
            expect(compileCondition(inner, catalogue).bind(recordForm, {}, 'generated')(each)).toBe(true);
          }
          judged++;
          if (other(each)) matched++;
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(matched).toBeGreaterThan(judged / 20);
  expect(matched).toBeLessThan(judged);
});

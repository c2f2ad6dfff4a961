/** What a rule can make of an event of which some fields are not known. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FieldRef } from '../../../src/events/field.ts';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { type Rule, refuter } from '../../../src/rules/index.ts';
import { conditionOf } from '../generated-conditions.ts';
import { load, rule } from '../support.ts';

const KNOWN = ['proc.name', 'fd.name'];
const UNKNOWN = ['proc.pname', 'user.name'];
const isUnknown = ({ text }: FieldRef) => UNKNOWN.includes(text) || text === 'evt.type';
const words = ['a', 'b'];
const values = [...words, undefined];

const check = fc
  .tuple(fc.constantFrom(...KNOWN, ...UNKNOWN), fc.constantFrom('= a', '!= b', 'in (a, b)', 'exists', 'contains b'))
  .map((parts) => parts.join(' '));
const condition = conditionOf(check);

function ruleOf(text: string): Rule {
  return load(rule({ condition: `evt.type = openat and ${text}`, output: 'o' }, 'R')).rules[0] as Rule;
}

const recordOf = (fields: Record<string, string | undefined>) =>
  new EventRecord('syscall', 'openat', 0n, JSON.parse(JSON.stringify(fields)));

test('what is refuted matches with no value of what is not known', () => {
  let refuted = 0;
  fc.assert(
    fc.property(condition, fc.constantFrom(...values), fc.constantFrom(...values), (text, name, file) => {
      const made = ruleOf(text);
      const known = { 'proc.name': name, 'fd.name': file };
      const found = refuter(made, recordForm, isUnknown).refutations(recordOf(known));
      const all = values.flatMap((parent) => values.map((user) => ({ 'proc.pname': parent, 'user.name': user })));
      const matches = made.condition.bind(recordForm);
      const some = all.some((rest) => matches(recordOf({ ...known, ...rest })));
      expect(refuter(made, recordForm, isUnknown).mayMatch(recordOf(known))).toBe(found.length === 0);
      if (found.length > 0) {
        refuted++;
        expect(some).toBe(false);
      }
      // Of an event that is known whole each is told.
      const whole = { ...known, 'proc.pname': 'a' };
      const ofWhole = refuter(made, recordForm, () => false).refutations(recordOf(whole));
      expect(ofWhole.length > 0).toBe(!matches(recordOf(whole)));
    }),
    { numRuns: 500 },
  );
  expect(refuted).toBeGreaterThan(50);
});

test('the part that decides is shown as it is written, with its place and exception', () => {
  const text = `- macro: quiet
  condition: (proc.name = b and fd.name = f)
- rule: R
  desc: d
  condition: evt.type = openat and not quiet and proc.pname = a
  output: o
  priority: INFO
  exceptions:
    - name: known
      fields: [proc.name, fd.name]
      values: [[x, y], [a, f]]
`;
  const [made] = load(text).rules as readonly [Rule];
  const partsOf = (fields: Record<string, string>, unknown = isUnknown) =>
    refuter(made, recordForm, unknown)
      .refutations(recordOf(fields))
      .map(({ text: part, place, via }) => [part, `${place?.line}:${place?.column}`, ...via]);
  expect(partsOf({ 'proc.name': 'c', 'fd.name': 'f' })).toEqual([]);
  expect(partsOf({ 'proc.name': 'a', 'fd.name': 'f' })).toEqual([
    ['not (proc.name = a and  fd.name = f)', '10:16', 'in exception known'],
  ]);
  expect(partsOf({ 'proc.name': 'b', 'fd.name': 'f' })).toEqual([['not quiet', '5:40']]);
  expect(partsOf({ 'proc.name': 'b', 'proc.pname': 'b' }, () => false)).toEqual([['proc.pname = a', '5:50']]);
});

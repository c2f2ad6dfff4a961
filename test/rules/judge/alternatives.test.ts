/** Rules with many exceptions say what they would if each exception were looked at, and which of them an event holds. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { bindRules, compileCondition, type Rule, refuter } from '../../../src/rules/index.ts';
import { load, namesFound, rule, syscall, type Values } from '../support.ts';

/** A check, when it holds, and values for which it does. */
interface Check {
  readonly text: string;
  readonly holds: (values: Values) => boolean;
  readonly like: Values;
}

const word = fc.integer({ min: 0, max: 60 }).map((n) => `word${n}`);
const field = fc.constantFrom('proc.name', 'fd.name', 'proc.pname');
const ofText = (name: string, text: string, value: string, holds: (value: string) => boolean): Check => ({
  text: `${name} ${text}`,
  holds: (values) => typeof values[name] === 'string' && holds(values[name]),
  like: { [name]: value },
});
const asking: fc.Arbitrary<Check> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(field, word).map(([name, a]) => ofText(name, `= ${a}`, a, (value) => value === a)) },
  fc
    .tuple(field, word, word)
    .map(([name, a, b]) => ofText(name, `in (${a}, ${b})`, b, (value) => value === a || value === b)),
);
const check: fc.Arbitrary<Check> = fc.oneof(
  { weight: 5, arbitrary: asking },
  fc.tuple(field, word).map(([name, a]) => ofText(name, `startswith ${a}`, `${a}x`, (value) => value.startsWith(a))),
  fc.tuple(field, word).map(([name, a]) => ofText(name, `!= ${a}`, 'other', (value) => value !== a)),
  fc.tuple(field, word).map(([name, a]): Check => {
    const { text, holds } = ofText(name, `= ${a}`, a, (value) => value === a);
    return { text: `not ${text}`, holds: (values) => !holds(values), like: {} };
  }),
  fc.constant<Check>({ text: 'proc.pid = 7', holds: (values) => values['proc.pid'] === 7, like: { 'proc.pid': 7 } }),
  fc.constant<Check>({ text: 'fd.sip = 1.2.3.4', holds: () => false, like: {} }),
);
/** An exception: what has to hold together. One that holds of most events would hide what becomes of the others. */
const exception = fc
  .tuple(asking, check, check)
  .chain((checks) => fc.shuffledSubarray(checks).map((some) => [checks[0], ...some]));
const values = fc.record(
  { 'proc.name': word, 'fd.name': word, 'proc.pname': word, 'proc.pid': fc.constantFrom(7, 8) },
  { requiredKeys: [] },
);

test('many exceptions', () => {
  let excepted = 0;
  let judged = 0;
  fc.assert(
    fc.property(
      // Few are looked at one by one.
      fc.oneof(
        fc.array(exception, { minLength: 1, maxLength: 31 }),
        fc.array(exception, { minLength: 60, maxLength: 200 }),
      ),
      fc.array(fc.tuple(values, fc.option(fc.nat())), { minLength: 1, maxLength: 20 }),
      (exceptions, given) => {
        const condition = exceptions.map((checks) => `(${checks.map(({ text }) => text).join(' and ')})`).join(' or ');
        const { rules, ok } = load(rule({ condition: `evt.type = openat and not (${condition})` }));
        expect(ok).toBe(true);
        const isExcepted = (shown: Values) => exceptions.some((checks) => checks.every(({ holds }) => holds(shown)));
        const rulesets = (['closures', 'generated', 'cached'] as const).map((engine) =>
          bindRules(rules, recordForm, { matching: 'all', engine }),
        );
        const except = refuter(rules[0] as Rule, recordForm, () => false);
        for (const [own, like] of given) {
          // Some have what an exception asks for.
          const asked = like === null ? [] : (exceptions[like % exceptions.length] ?? []);
          const shown: Values = Object.assign({}, own, ...asked.map((each) => each.like));
          const event = new EventRecord('syscall', 'openat', 0n, { ...shown });
          const names = isExcepted(shown) ? [] : ['r1'];
          for (const ruleset of rulesets) expect(namesFound(ruleset, event)).toEqual(names);
          expect(except.mayMatch(event)).toBe(names.length === 1);
          const refutations = except.refutations(event);
          expect(refutations).toHaveLength(1 - names.length);
          // What is named is an exception that the event holds.
          for (const { text } of refutations) {
            expect(compileCondition(text.replace(/^not /, ''), syscall).bind(recordForm)(event)).toBe(true);
          }
          judged++;
          excepted += refutations.length;
        }
      },
    ),
  );
  expect(excepted).toBeGreaterThan(judged / 10);
  expect(excepted).toBeLessThan(0.9 * judged);
});

/** What is said to be never true is not, whatever an event has. */

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { compileCondition, contradiction } from '../../../src/rules/index.ts';
import { catalogue, eventOf, form } from '../support.ts';

const found = (condition: string) => contradiction(compileCondition(condition, catalogue).typed);

describe('a contradiction', () => {
  it.each([
    ['t.s = a and t.s = b', 't.s'],
    ['t.s in (a, b) and (t.i = 1 and t.s = c)', 't.s'],
    ['(t.s = a or t.s = b) and t.i = 1 and not (t.s != c or t.i = 2)', undefined],
    ['(t.s = a or t.s = b) and t.s in (c, d)', 't.s'],
    ['t.i = 1 and (t.s = x or t.i = 1) and (t.i = 2 or t.i = 3)', 't.i'],
    ['t.b = true and t.b = false', 't.b'],
    ['not (t.s = x or not (t.i = 1 and t.i = 2))', 't.i'],
  ])('%s', (condition, field) => expect(found(condition)).toBe(field));

  it.each([
    't.s = a and t.other = b',
    't.s = a or t.s = b',
    't.s = a and t.s != b',
    't.s = a and not t.s = b',
    't.ends = 10.0.0.1 and t.ends = 10.0.0.2',
    't.ports = 1 and t.ports = 2',
    't.list in (a) and t.list in (b)',
    't.anc = a and t.anc = b',
    't.anc[1] = a and t.anc[2] = b',
    'tolower(t.s) = a and t.s = A',
    't.s startswith a and t.s = b',
    't.i = 1 and (t.i = 2 or t.s = a)',
  ])('is none: %s', (condition) => expect(found(condition)).toBeUndefined());
});

test('no event meets a condition in which one is found', () => {
  const texts = fc.constantFrom('a', 'b', 'c');
  const equal = fc.tuple(fc.constantFrom('t.s', 't.other'), texts).map(([f, text]) => `${f} = ${text}`);
  const check = fc.oneof(
    { weight: 3, arbitrary: equal },
    fc
      .tuple(fc.constantFrom('t.s', 't.other'), fc.constantFrom('=', '!=', 'startswith'), texts)
      .map((all) => all.join(' ')),
    fc
      .tuple(fc.constantFrom('t.s', 't.other', 't.anc'), fc.uniqueArray(texts, { minLength: 1 }))
      .map(([f, all]) => `${f} in (${all})`),
    fc
      .tuple(fc.constantFrom('t.i', 't.u', 't.ports'), fc.constantFrom('=', '!=', '>'), fc.nat(2))
      .map((all) => all.join(' ')),
  );
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4 },
      check,
      fc
        .tuple(tie('condition'), fc.constantFrom(' and ', ' or '), tie('condition'))
        .map(([a, by, b]) => `(${a}${by}${b})`),
      fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a} and ${b})`),
      tie('condition').map((inner) => `not (${inner})`),
    ),
  }));
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const values = fc.record({
    't.s': maybe(texts),
    't.other': maybe(texts),
    't.anc': maybe(fc.array(texts)),
    't.i': maybe(fc.nat(2)),
    't.u': maybe(fc.nat(2)),
    't.ports': maybe(fc.array(fc.nat(2), { maxLength: 2 })),
  });
  let contradictions = 0;
  fc.assert(
    fc.property(condition, fc.array(values, { minLength: 20, maxLength: 20 }), (text, events) => {
      const compiled = compileCondition(text, catalogue);
      if (contradiction(compiled.typed) === undefined) return;
      contradictions++;
      const holds = compiled.bind(form);
      for (const each of events) expect(holds(eventOf(each as never))).toBe(false);
    }),
    { numRuns: 4000 },
  );
  expect(contradictions).toBeGreaterThan(100);
});

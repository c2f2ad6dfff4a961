/** All that is wrong with a rules file is told at once, but not what follows from it; Falco tells the first. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { falcoLoadResults, loadRules } from '../../../src/rules/index.ts';
import { load, rule } from '../support.ts';

interface Item {
  readonly text: string;
  /** When what is wrong with it is found: as it is read, as macros are parsed or put in place, as rules are compiled. */
  readonly stage?: 0 | 1 | 2 | 3;
  /** The error that it has; none: nothing is wrong with it, or only with what it names. */
  readonly error?: string;
}

const inMacro = (name: string, condition: string) => `- macro: ${name}\n  condition: ${condition}\n`;

/** The kinds of item, each by a number that makes it one of its own. */
const kinds: readonly ((n: number) => Item)[] = [
  (n) => ({ text: rule({}, `right${n}`) }),
  (n) => ({ text: rule({ priority: `P${n}` }, `r${n}`), stage: 0, error: `'P${n}' is not a priority` }),
  (n) => ({ text: `- rule: r${n}\n  desc: d\n  condition: evt.num=1\n`, stage: 0, error: "key 'output'" }),
  (n) => ({ text: rule({ condition: `no.field${n}=1` }, `r${n}`), stage: 3, error: `no.field${n}` }),
  (n) => ({ text: rule({ condition: `absent${n} and evt.num=1` }, `r${n}`), stage: 3, error: `'absent${n}'` }),
  (n) => ({ text: rule({ output: `o %no.output${n}` }, `r${n}`), stage: 3, error: `no.output${n}` }),
  (n) => ({ text: inMacro(`m${n}`, 'evt.num='), stage: 1, error: 'expected' }),
  (n) => ({ text: inMacro(`m${n}`, `lost${n}`), stage: 2, error: `'lost${n}'` }),
  (n) => ({
    text: inMacro(`m${n}`, 'evt.num=') + rule({ condition: `m${n} and no.f=1` }, `f${n}`),
    stage: 1,
    error: 'expected',
  }),
  (n) => ({
    text: inMacro(`m${n}`, `lost${n}`) + inMacro(`k${n}`, `not m${n}`) + rule({ condition: `k${n}` }, `f${n}`),
    stage: 2,
    error: `'lost${n}'`,
  }),
];
/** What others may name. */
const named: readonly ((n: number) => Item)[] = [
  (n) => ({ text: `- list: l${n}\n  items: a\n`, stage: 0, error: 'is not a sequence' }),
  (n) => ({ text: inMacro(`m${n}`, '[]') + rule({ condition: `m${n}` }, `f${n}`), stage: 0, error: 'not a scalar' }),
  (n) => ({
    text: `- macro: m${n}\n- macro: m${n}\n  condition: or evt.num=1\n  override: {condition: append}\n`,
    stage: 0,
    error: "key 'condition'",
  }),
];

const some = (of: typeof kinds, maxLength: number) => fc.array(fc.constantFrom(...of), { maxLength });

test('as many errors as items have by themselves, in the order in which they are found', () => {
  fc.assert(
    fc.property(some(kinds, 8), some(named, 2), (first, second) => {
      const all = [...first, ...second].map((make, n) => make(n));
      const errors = load(all.map(({ text }) => text).join('')).diagnostics.filter(
        ({ severity }) => severity === 'error',
      );
      const found = all.flatMap(({ stage, error }) => (stage === undefined ? [] : [{ stage, error }]));
      // Where something is missing that can be named, who names it is not asked.
      const told =
        second.length > 0 ? found.filter(({ stage }) => stage === 0) : found.toSorted((a, b) => a.stage - b.stage);
      expect(errors.map(({ message }) => message)).toEqual(
        told.map(({ error }) => expect.stringContaining(error as string)),
      );
    }),
  );
});

test.each([
  ['as it is read', rule({ priority: 'P' }), rule({ extra: '1', output: '[]' }, 'r2'), 'LOAD_ERR_YAML_VALIDATE'],
  [
    'as it is compiled',
    rule({ condition: 'no.field=1' }),
    rule({ condition: 'no.f=1' }, 'r2'),
    'LOAD_ERR_COMPILE_CONDITION',
  ],
])(
  'Falco ends with the first that is found %s: in its form there is none after it, and no warning',
  (_, first, second, code) => {
    const warned = rule({ condition: 'evt.dir = <', extra: '1' }, 'r3');
    const result = load(`- macor: m\n${first}${second}${warned}`);
    expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toHaveLength(2);
    const [told] = falcoLoadResults(result);
    expect(told?.errors.map((each) => each.code)).toEqual([code]);
    expect(told?.errors[0]?.context.locations.map(({ item_name }) => item_name)).toContain('r1');
    const whileRead = code === 'LOAD_ERR_YAML_VALIDATE' ? [] : ['LOAD_UNKNOWN_KEY'];
    expect(told?.warnings.map((each) => each.code)).toEqual(['LOAD_UNKNOWN_ITEM', ...whileRead]);
  },
);

test('files after one with errors are not looked at', () => {
  const files = [rule({ priority: 'P' }) + rule({ priority: 'Q' }, 'r2'), rule({ priority: 'R' })];
  const { diagnostics } = loadRules(
    files.map((content, n) => ({ name: `${n}.yaml`, content })),
    { catalogues },
  );
  expect(diagnostics.map(({ at }) => `${at?.file}:${at?.line}`)).toEqual(['0.yaml:5', '0.yaml:10']);
});

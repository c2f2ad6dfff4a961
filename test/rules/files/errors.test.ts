/** All that is wrong with a rules file is told at once, but not what follows from it; Falco tells the first. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { falcoLoadResults, loadRules } from '../../../src/rules/index.ts';
import { load, rule } from '../support.ts';

interface Item {
  readonly text: string;
  /**
   * When what is wrong with it is found: as it is read, as macros are parsed or put in place, as rules are compiled, as lists
   * are loaded.
   */
  readonly stage?: 0 | 1 | 2 | 3 | 4;
  /** The errors that it has, in order; none: nothing is wrong with it, or only with what it names. */
  readonly errors?: readonly string[];
}

const inMacro = (name: string, condition: string) => `- macro: ${name}\n  condition: ${condition}\n`;
const inList = (name: string, items: string) => `- list: ${name}\n  items: ${items}\n`;
const more = (kind: string, name: string, key: string, value: string) =>
  `- ${kind}: ${name}\n  ${key}: ${value}\n  override: { ${key}: append }\n`;

/** The kinds of item, each by a number that makes it one of its own. */
const kinds: readonly ((n: number) => Item)[] = [
  (n) => ({ text: rule({}, `right${n}`) }),
  (n) => ({ text: rule({ priority: `P${n}` }, `r${n}`), stage: 0, errors: [`'P${n}' is not a priority`] }),
  (n) => ({ text: `- rule: r${n}\n  desc: d\n  condition: evt.num=1\n`, stage: 0, errors: ["key 'output'"] }),
  (n) => ({ text: rule({ condition: `no.field${n}=1` }, `r${n}`), stage: 3, errors: [`no.field${n}`] }),
  (n) => ({ text: rule({ condition: `absent${n} and evt.num=1` }, `r${n}`), stage: 3, errors: [`'absent${n}'`] }),
  (n) => ({ text: rule({ output: `o %no.output${n}` }, `r${n}`), stage: 3, errors: [`no.output${n}`] }),
  // Several mistakes in one rule.
  (n) => ({
    text: rule(
      {
        output: `o %no.out${n} %toupper(no.in${n}) %evt.num %no.last${n}`,
        condition: `no.a${n}=1 and (evt.num=b${n} or evt.type=c${n}) and not no.d${n} exists`,
        exceptions: `[{ name: e, fields: [evt.num], values: [[1, 2]] }]`,
      },
      `r${n}`,
    ),
    stage: 3,
    errors: ['equal length', `no.out${n}`, `no.in${n}`, `no.last${n}`, `no.a${n}`, `b${n}`, `c${n}`, `no.d${n}`],
  }),
  (n) => ({ text: inMacro(`m${n}`, 'evt.num='), stage: 1, errors: ['expected'] }),
  (n) => ({ text: inMacro(`m${n}`, `lost${n}`), stage: 2, errors: [`'lost${n}'`] }),
  (n) => ({
    text: inMacro(`m${n}`, 'evt.num=') + rule({ condition: `m${n} and no.f=1` }, `f${n}`),
    stage: 1,
    errors: ['expected'],
  }),
  (n) => ({
    text: inMacro(`m${n}`, `lost${n}`) + inMacro(`k${n}`, `not m${n}`) + rule({ condition: `k${n}` }, `f${n}`),
    stage: 2,
    errors: [`'lost${n}'`],
  }),
  // One mistake in a macro or list of several rules.
  (n) => ({
    text:
      inMacro(`m${n}`, `no.f${n}=1 or no.g${n}=2`) +
      rule({ condition: `m${n} and m${n}` }, `f${n}`) +
      rule({ condition: `m${n}` }, `g${n}`),
    stage: 3,
    errors: [`no.f${n}`, `no.g${n}`],
  }),
  (n) => ({
    text:
      inList(`l${n}`, `[x${n}]`) +
      rule({ condition: `evt.num in (l${n})` }, `f${n}`) +
      rule({ condition: `evt.num in (l${n})` }, `g${n}`),
    stage: 3,
    errors: [`x${n}`],
  }),
  // What cannot be read hides only what names it.
  (n) => ({ text: inList(`l${n}`, 'a'), stage: 0, errors: ['is not a sequence'] }),
  (n) => ({
    text:
      `- list: l${n}\n  items_from: { file: f, refresh: 3 }\n${inList(`k${n}`, `[1, l${n}]`)}` +
      inMacro(`m${n}`, `evt.num in (k${n})`) +
      rule({ condition: `evt.num in (l${n})` }, `f${n}`) +
      rule({ condition: `m${n}` }, `g${n}`) +
      rule({ condition: `evt.num in (k${n})` }, `h${n}`) +
      more('list', `l${n}`, 'items', '[1]'),
    stage: 0,
    errors: ["'3' is not a time"],
  }),
  (n) => ({
    text: inMacro(`m${n}`, '[]') + rule({ condition: `m${n}` }, `f${n}`) + more('macro', `m${n}`, 'condition', 'or m'),
    stage: 0,
    errors: ['not a scalar'],
  }),
  (n) => ({
    text: `- macro: m${n}\n${more('macro', `m${n}`, 'condition', 'or evt.num=1')}`,
    stage: 0,
    errors: ["key 'condition'"],
  }),
  (n) => ({
    text: rule({ priority: `P${n}` }, `r${n}`) + more('rule', `r${n}`, 'condition', 'and evt.num=2'),
    stage: 0,
    errors: [`'P${n}' is not a priority`],
  }),
  (n) => ({ text: more('macro', `a${n}`, 'condition', 'or evt.num=1'), stage: 0, errors: ['no macro by that name'] }),
  (n) => ({ text: more('list', `a${n}`, 'items', '[a]'), stage: 0, errors: ['no list by that name'] }),
  (n) => ({ text: more('rule', `a${n}`, 'condition', 'and x'), stage: 0, errors: ['no rule by that name'] }),
  (n) => ({
    text: rule({}, `r${n}`) + more('rule', `r${n}`, 'exceptions', '[{ name: e, values: [[a]] }]'),
    stage: 0,
    errors: ['has no exception e'],
  }),
  (n) => ({
    text:
      `- list: l${n}\n  items_from: { file: absent${n}.txt }\n` +
      rule({ condition: `evt.num in (l${n}) or evt.num=1` }, `r${n}`),
    stage: 4,
    errors: [`absent${n}.txt`],
  }),
];

function errorsOf(text: string): readonly string[] {
  const { diagnostics } = load(text);
  return diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message);
}

test('as many errors as items have by themselves, in the order in which they are found', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 10 }), (makes) => {
      const all = makes.map((make, n) => make(n));
      const found = all.flatMap(({ stage, errors = [] }) => (stage === undefined ? [] : [{ stage, errors }]));
      const told = found.toSorted((a, b) => a.stage - b.stage).flatMap(({ errors }) => errors);
      expect(errorsOf(all.map(({ text }) => text).join(''))).toEqual(told.map((each) => expect.stringContaining(each)));
    }),
  );
});

test.each([
  ['the engine is too old', 'required_engine_version: 99.0.0', 'Rules require engine version 99.0.0'],
  ['a list has no name', 'list: []', 'not a scalar'],
  ['a macro has an anchor for a name that there is not', 'macro: *m', 'anchor'],
])('where %s, what it could be for is not told', (_, first, error) => {
  const wrong = rule({ condition: 'no.f=1' }) + rule({ priority: 'P' }, 'r2');
  expect(errorsOf(`- ${first}\n${wrong}`)).toEqual([
    expect.stringContaining(error),
    expect.stringContaining("'P' is not a priority"),
  ]);
});

test('a mistake in a macro is one, however often its condition comes to it', () => {
  const doubled = Array.from({ length: 17 }, (_, n) => inMacro(`m${n + 1}`, `m${n} or m${n}`));
  const text = inMacro('m0', 'no.f=1') + doubled.join('') + rule({ condition: 'm17' });
  expect(errorsOf(text)).toEqual([expect.stringContaining('no.f')]);
});

test('what is skipped for names that there are not has no other mistakes than those that are told of it', () => {
  const skip = { 'skip-if-unknown-filter': 'true' };
  expect(errorsOf(rule({ ...skip, condition: 'no.f=1 and evt.num=x', output: 'o %no.o' }))).toEqual([]);
  const told = errorsOf(rule({ ...skip, condition: 'evt.num=x and no.f=1 and evt.num=y' }));
  expect(told).toEqual([expect.stringContaining('x'), expect.stringContaining('y')]);
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

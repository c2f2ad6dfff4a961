/** Conditions over the fields of the test catalogue, and events for them, made at random: for comparing engines. */

import fc from 'fast-check';
import type { Value } from '../../src/events/field.ts';
import type { Values } from './support.ts';

/** Few values, so that conditions hold now and then; the odd ones are where engines could differ. */
const texts = [
  '',
  'a',
  'ab',
  'abc',
  'ABC',
  '/etc/passwd',
  '/etc',
  'é',
  '\u{1f600}',
  '\uffff',
  '__proto__',
  '1',
  'a b',
  '"',
];
const integers = ['0', '1', '-1', '127', '128', '255', '9007199254740991', '9007199254740993', '9223372036854775807'];
const addresses = ['10.0.0.1', '10.0.0.2', '::1', '192.168.1.1'];
const networks = ['10.0.0.0/8', '10.0.0.1/32', '::/1', '0.0.0.0/0'];
const ports = ['0', '22', 'https', '65535'];

const word = fc.constantFrom(...texts);
const quoted = (text: fc.Arbitrary<string>) => text.map((each) => JSON.stringify(each).replaceAll('\\u', 'u'));
const list = (item: fc.Arbitrary<string>) =>
  fc.array(item, { minLength: 1, maxLength: 5 }).map((items) => `(${items.join(', ')})`);
const operator = (...names: string[]) => fc.constantFrom(...names);
const modifier = fc.constantFrom('anyof', 'oneof', 'allof');

/** `left operator right` for a type: alone, with modifiers, as a member of a list. */
function comparisons(left: fc.Arbitrary<string>, right: fc.Arbitrary<string>, ...operators: string[]) {
  const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((each) => each.join(' '));
  return fc.oneof(
    join(left, operator(...operators), right),
    join(left, operator('in', 'intersects'), list(right)),
    join(left, operator(...operators), modifier, list(right)),
    left.map((each) => `${each} exists`),
  );
}

const textTerm = fc.constantFrom(
  't.s',
  't.other',
  'tolower(t.s)',
  'toupper(t.other)',
  'basename(t.s)',
  'b64(t.s)',
  'concat(t.s, x, t.other)',
  'join("/", (t.s, t.other))',
  'join(",", t.list)',
  'getopt(t.list, "ab:")[a]',
);
const textOperators = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'contains',
  'icontains',
  'startswith',
  'endswith',
  'glob',
  'iglob',
];
const pattern = fc.constantFrom('*', 'a*', '*c', '?', '[ab]', '/etc/*', 'É', '\\*');
const number = fc.constantFrom(...integers);
const numeric = ['=', '!=', '<', '<=', '>', '>='];
const bytes = fc.constantFrom('00', 'ff', '6162');

const check = fc.oneof(
  comparisons(textTerm, quoted(word), ...textOperators),
  comparisons(textTerm, quoted(fc.oneof(word, pattern)), 'glob', 'iglob'),
  fc.tuple(textTerm, list(quoted(word))).map(([left, right]) => `${left} pmatch ${right}`),
  fc.tuple(textTerm, fc.constantFrom('a+b', '[a-c]*', '.*/passwd', '(é|a)b?')).map((each) => each.join(' regex ')),
  comparisons(
    fc.constantFrom('t.i', 't.i8', 't.u', 't.hex', 't.ns', 't.d', 'len(t.s)', 'len(t.list)'),
    number,
    ...numeric,
  ),
  comparisons(fc.constant('t.b'), fc.constantFrom('true', 'false'), '=', '!='),
  comparisons(fc.constant('t.buf'), quoted(word), '=', '!=', 'contains', 'startswith', 'endswith'),
  fc.tuple(fc.constantFrom('bcontains', 'bstartswith'), bytes).map(([name, hex]) => `t.buf ${name} ${hex}`),
  comparisons(fc.constantFrom('t.ip', 't.ends'), fc.constantFrom(...addresses), '=', '!='),
  comparisons(fc.constant('t.net'), fc.constantFrom(...networks), '=', '!='),
  fc
    .tuple(fc.constantFrom('in', 'intersects'), list(fc.constantFrom(...networks)))
    .map((each) => `t.nets ${each.join(' ')}`),
  comparisons(fc.constantFrom('t.port', 't.ports'), fc.constantFrom(...ports), ...numeric),
  comparisons(fc.constant('t.dyn.x'), quoted(fc.oneof(word, number)), ...textOperators),
  fc.tuple(fc.constantFrom('in', 'intersects'), list(quoted(word))).map((each) => `t.list ${each.join(' ')}`),
  comparisons(fc.constantFrom('t.anc', 't.anc[1]'), quoted(word), '=', '!=', 'contains', 'startswith'),
  // Fields on both sides.
  fc
    .tuple(operator(...textOperators), fc.constantFrom('t.other', 't.s'))
    .map(([name, right]) => `t.s ${name} val(${right})`),
  fc.constantFrom('t.i < val(t.i)', 't.ends = val(t.ip)', 't.ports != val(t.port)', 't.list in val(t.list)'),
);

/** The text of a condition. */
export const condition: fc.Arbitrary<string> = fc.letrec<{ any: string; junction: string; not: string }>((tie) => ({
  any: fc.oneof({ maxDepth: 4, withCrossShrink: true }, check, tie('junction'), tie('not')),
  junction: fc
    .tuple(fc.constantFrom(' and ', ' or '), fc.array(tie('any'), { minLength: 2, maxLength: 5 }))
    .map(([kind, items]) => `(${items.join(kind)})`),
  not: tie('any').map((item) => `not (${item})`),
})).any;

const text = fc.oneof(
  { weight: 4, arbitrary: word },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
);
const integer: fc.Arbitrary<Value> = fc.oneof(
  number.map((each) => (Number.isSafeInteger(Number(each)) ? Number(each) : BigInt(each))),
  fc.integer(),
  fc.constant(Number.NaN),
);
const address = fc.oneof(fc.constantFrom(...addresses), fc.ipV4(), fc.ipV6(), word);
const port = fc.constantFrom(0, 22, 443, 65_535);
const buffer = fc.oneof(
  fc.uint8Array({ maxLength: 4 }),
  word.map((each) => Buffer.from(each)),
);
const several = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 }) as fc.Arbitrary<Value>;
/** Now and then a value is not what the field's type says, as in a record that somebody wrote by hand. */
const mostly = (usual: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof(
    { weight: 9, arbitrary: usual },
    { weight: 1, arbitrary: fc.oneof(text, integer, fc.boolean(), buffer, several(text)) },
  );

export const values: fc.Arbitrary<Values> = fc.record(
  {
    't.s': mostly(text),
    't.other': mostly(text),
    't.i': mostly(integer),
    't.i8': mostly(integer),
    't.u': mostly(integer),
    't.hex': mostly(integer),
    't.ns': mostly(integer),
    't.d': mostly(fc.oneof(integer, fc.double())),
    't.b': mostly(fc.boolean()),
    't.buf': mostly(buffer),
    't.ip': mostly(address),
    't.net': mostly(address),
    't.nets': mostly(several(address)),
    't.port': mostly(port),
    't.dyn.x': fc.oneof(text, integer, fc.boolean(), buffer),
    't.list': mostly(several(text)),
    't.ends': mostly(fc.oneof(several(address), address)),
    't.ports': mostly(fc.oneof(several(port), port)),
    't.anc': mostly(several(text)),
    't.anc[1]': mostly(text),
  },
  { requiredKeys: [] },
);

/** Conditions that are made of checks of a test's own with `and`, `or` and `not`. */
export function conditionOf(check: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.letrec<{ expr: string }>((tie) => ({
    expr: fc.oneof(
      { maxDepth: 4 },
      check,
      fc.tuple(tie('expr'), fc.constantFrom('and', 'or'), tie('expr')).map((parts) => `(${parts.join(' ')})`),
      tie('expr').map((expr) => `not (${expr})`),
    ),
  })).expr;
}

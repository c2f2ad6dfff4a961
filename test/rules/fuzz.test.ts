import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Argument, Expr, Literal, Span, Term } from '../../src/rules/ast.ts';
import { listOperators, modifiers, orderingOperators, textOperators } from '../../src/rules/ast.ts';
import { compileCondition, compileFormat, RuleError } from '../../src/rules/index.ts';
import { parseCondition } from '../../src/rules/parser.ts';
import { printExpr } from '../../src/rules/print.ts';
import type { Values } from './support.ts';
import { catalogue, eventOf, form, load, rule } from './support.ts';

const span: Span = { start: 0, end: 0 };
const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/);
const text = fc.oneof(
  word,
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('', 'a b', '"', "'", '\\', 'x\\', 'a=b', '\0', '\n'),
);
const literal: fc.Arbitrary<Literal> = text.map((value) => ({ kind: 'literal', text: value, quoted: true, span }));
const digits = fc.integer().map((value): Literal => ({ kind: 'literal', text: String(value), quoted: false, span }));
const field: fc.Arbitrary<Term> = fc
  .record({ a: word, b: word, arg: fc.option(text, { nil: undefined }) })
  .map(({ a, b, arg }) => ({ kind: 'field', name: `${a}.${b}`, ...(arg === undefined ? {} : { arg }), span }));

const { term } = fc.letrec<{ term: Term; transformer: Term; argument: Argument }>((tie) => ({
  term: fc.oneof({ maxDepth: 2, withCrossShrink: true }, field, tie('transformer')),
  transformer: fc
    .record({
      name: fc.constantFrom('tolower', 'b64', 'len', 'join', 'concat', 'getopt'),
      args: fc.array(tie('argument'), { minLength: 1, maxLength: 3 }),
      arg: fc.option(text, { nil: undefined }),
    })
    .map(
      ({ name, args, arg }) =>
        ({ kind: 'transformer', name, args, ...(arg === undefined ? {} : { arg }), span }) as Term,
    ),
  argument: fc.oneof(
    { maxDepth: 2 },
    literal,
    digits,
    tie('term'),
    fc
      .array(fc.oneof({ maxDepth: 1 }, literal, digits, tie('term')), { maxLength: 3 })
      .map((items) => ({ kind: 'arguments', items, span }) as Argument),
  ),
}));

const list = fc.array(literal, { maxLength: 4 }).map((items) => ({ kind: 'list', items, span }));
const check = fc
  .oneof(
    term.map((left) => ({ kind: 'exists', left, span })),
    fc.record({ left: term, operator: fc.constantFrom(...orderingOperators), right: digits }),
    fc.record({
      left: term,
      operator: fc.constantFrom(...textOperators),
      right: fc.oneof(
        literal,
        term.filter((each) => each.kind === 'transformer'),
      ),
    }),
    fc.record({
      left: term,
      operator: fc.constantFrom(...textOperators),
      modifier: fc.constantFrom(...modifiers),
      right: list,
    }),
    fc.record({ left: term, operator: fc.constantFrom(...listOperators), right: list }),
  )
  .map((each) => ('kind' in each ? each : { kind: 'compare', ...each, span })) as fc.Arbitrary<Expr>;

const { expr } = fc.letrec<{ expr: Expr; junction: Expr; not: Expr }>((tie) => ({
  expr: fc.oneof({ maxDepth: 4, withCrossShrink: true }, check, tie('junction'), tie('not')),
  junction: fc
    .record({ kind: fc.constantFrom('and', 'or'), items: fc.array(tie('expr'), { minLength: 2, maxLength: 4 }) })
    .map((each) => ({ ...each, span }) as Expr),
  not: tie('expr').map((item) => ({ kind: 'not', item, span }) as Expr),
}));

/** The tree without what printing does not keep: places, and whether a constant was quoted. */
function shape(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value) => (key === 'span' || key === 'quoted' ? undefined : value)));
}

describe('a condition that is printed', () => {
  test('parses to the same tree', () => {
    fc.assert(
      fc.property(expr, (tree) => {
        expect(shape(parseCondition(printExpr(tree), { maxDepth: 1000 }))).toEqual(shape(tree));
      }),
    );
  });
});

const tokens = fc.constantFrom(
  't.s',
  't.i',
  't.list',
  't.buf',
  't.ip',
  't.net',
  't.b',
  't.dyn.x',
  't.anc',
  't.anc[1]',
  'and',
  'or',
  'not',
  '(',
  ')',
  ',',
  '=',
  '!=',
  '>',
  '<=',
  'in',
  'contains',
  'regex',
  'glob',
  'pmatch',
  'intersects',
  'exists',
  'anyof',
  'oneof',
  'val(',
  'tolower(',
  'join(',
  'getopt(',
  '"',
  "'",
  '\\',
  '\\x',
  '[',
  ']',
  '*',
  '1',
  '-1',
  'abc',
  '10.0.0.1',
  '10.0.0.0/8',
  '::1',
  'true',
  '{',
  '%',
  '#',
  '\n',
  '0x',
  '.',
  '?',
);
const soup = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(tokens, { maxLength: 14 }).map((parts) => parts.join(' ')),
  fc.array(tokens, { maxLength: 14 }).map((parts) => parts.join('')),
);

const values: fc.Arbitrary<Values> = fc.record(
  {
    't.s': fc.string(),
    't.i': fc.integer(),
    't.list': fc.array(fc.string(), { maxLength: 3 }),
    't.buf': fc.uint8Array({ maxLength: 8 }),
    't.ip': fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
    't.net': fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
    't.b': fc.boolean(),
    't.dyn.x': fc.oneof(fc.string(), fc.integer(), fc.uint8Array({ maxLength: 4 }), fc.boolean()),
    't.anc': fc.array(fc.string(), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

/** In `make test-long` the four tests below try ten million texts. A stall shows as a test that never ends. */
const long = process.env.FALCO_PIPE_LONG !== undefined;
const patience = long ? 4 * 3_600_000 : 30_000;
// Most texts are refused, and most of what that takes is to note where from.
if (long) Error.stackTraceLimit = 0;

/** Conditions of the kind that people write, with parts of them changed. */
const written = [
  'evt.type in (open, openat) and fd.name startswith /etc and not proc.name in (sshd, "a b")',
  't.s contains "x" or (t.i >= -5 and not t.list intersects (a, b)) and tolower(t.s) != val(t.other)',
  't.ends = 10.0.0.1 and t.net in (10.0.0.0/8, ::1/64) or t.buf bcontains 00ff and t.anc[1] = anyof (a, b)',
  'join("/", (t.s, t.other)) regex "^a(b|c)+$" and getopt(t.list, "ab:")[a] exists and t.s pmatch (/usr/*, /bin)',
];
const change = fc.record({
  at: fc.nat(120),
  cut: fc.nat(10),
  put: fc.oneof(tokens, fc.string({ unit: 'binary', maxLength: 3 })),
});
const mutated = fc
  .tuple(fc.constantFrom(...written), fc.array(change, { minLength: 1, maxLength: 4 }))
  .map(([text, changes]) =>
    changes.reduce((each, { at, cut, put }) => each.slice(0, at) + put + each.slice(at + cut), text),
  );

describe('whatever text is given', () => {
  test('a condition compiles and judges, or is refused with a place', { timeout: patience }, () => {
    fc.assert(
      fc.property(fc.oneof(soup, mutated), values, (condition, present) => {
        try {
          expect(typeof compileCondition(condition, catalogue).bind(form)(eventOf(present))).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(RuleError);
          expect((error as RuleError).diagnostics[0]?.at?.line).toBeGreaterThan(0);
        }
      }),
      { numRuns: long ? 7_000_000 : 1500 },
    );
  });

  test('a format compiles and prints, or is refused with a place', { timeout: patience }, () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant('%'), tokens), { maxLength: 8 }).map((parts) => parts.join('')),
        values,
        (format, present) => {
          try {
            const bound = compileFormat(format, catalogue).bind(form);
            expect(typeof bound.text(eventOf(present))).toBe('string');
            expect(typeof bound.fields(eventOf(present))).toBe('object');
          } catch (error) {
            expect(error).toBeInstanceOf(RuleError);
          }
        },
      ),
      { numRuns: long ? 2_800_000 : 1000 },
    );
  });

  const file = `- required_engine_version: 0.31.0
- list: l
  items: [a, "b c"]
- macro: m
  condition: proc.name in (l)
${rule({ condition: 'evt.type=openat and m', output: 'o %proc.name', exceptions: '[{name: e, fields: proc.pid, values: [1]}]' })}- rule: r1
  condition: and fd.name pmatch (/etc)
  override: {condition: append}
`;
  const pieces = fc.constantFrom(
    '',
    '-',
    ':',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '|',
    '>',
    '&a',
    '*a',
    '\n',
    '  ',
    '\t',
    '#',
    '!',
    '%',
    '---',
    'null',
    '1',
    'append',
    'rule',
    '(',
  );

  test('a mutated rules file loads or is refused', { timeout: patience }, () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(file.length), cut: fc.nat(12), put: pieces }), { minLength: 1, maxLength: 4 }),
        (changes) => {
          let content = file;
          for (const { at, cut, put } of changes) content = content.slice(0, at) + put + content.slice(at + cut);
          const result = load(content);
          expect(result.files).toHaveLength(1);
          const errors = result.diagnostics.filter(({ severity }) => severity === 'error');
          expect(errors.length > 0).toBe(!result.ok);
          for (const { at } of result.diagnostics)
            expect(at === undefined || (at.line > 0 && at.column > 0)).toBe(true);
        },
      ),
      { numRuns: long ? 100_000 : 500 },
    );
  });

  test('random text is refused or empty', { timeout: patience }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (content) => {
        expect(load(content).files).toHaveLength(1);
      }),
      { numRuns: long ? 100_000 : 300 },
    );
  });
});

describe('texts that are large on purpose', () => {
  // Each would run for minutes, or exhaust the stack, if its cost grew faster than its size.
  test.each([
    ['a dotted name', `t${'.a'.repeat(100_000)} = 1`, 'unknown field'],
    ['a field in a format', `%t${'.a'.repeat(100_000)}`, 'unknown field'],
    ['nested transformers', `${'tolower('.repeat(5000)}t.s${')'.repeat(5000)} = x`, 'exceeded max depth limit'],
    ['an open quote', `t.s = "${'\\"'.repeat(200_000)}`, 'expected a string value'],
  ])('%s', (_, content, message) => {
    const compileIt = content.startsWith('%') ? compileFormat : compileCondition;
    expect(() => compileIt(content, catalogue)).toThrow(message);
  });

  test('a glob of many stars', () => {
    const condition = compileCondition(`t.s glob "${'*a'.repeat(2000)}b"`, catalogue).bind(form);
    expect(condition(eventOf({ 't.s': 'a'.repeat(20_000) }))).toBe(false);
  });

  test('exceptions and lists of thousands', () => {
    const tuples = Array.from({ length: 3000 }, (_, n) => `[a${n}, b${n}]`).join(', ');
    const items = Array.from({ length: 20_000 }, (_, n) => `item${n}`).join(', ');
    const exceptions = `[{name: e, fields: [proc.name, proc.pname], values: [${tuples}]}]`;
    const condition = 'evt.type=openat and proc.name in (l)';
    const result = load(`- list: l\n  items: [${items}]\n${rule({ condition, exceptions })}`);
    expect(result.diagnostics).toEqual([]);
    expect(result.rules).toHaveLength(1);
  });
});

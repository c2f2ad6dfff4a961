import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Place } from '../../src/core/errors.ts';
import { type Condition, compileCondition, compileFormat, type Format, RuleError } from '../../src/rules/index.ts';
import {
  type Literal,
  listOperators,
  modifiers,
  orderingOperators,
  type Span,
  textOperators,
} from '../../src/rules/language.ts';
import type { Argument, Expr, Term } from '../../src/rules/syntax/ast.ts';
import { parseCondition } from '../../src/rules/syntax/parser.ts';
import { exactText } from './exact-text.ts';
import { everyField, someCondition, someFile, someFormat, someText, someValues } from './made-texts.ts';
import { Random, tryTexts } from './millions.ts';
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
        expect(shape(parseCondition(exactText(tree), { maxDepth: 1000 }))).toEqual(shape(tree));
      }),
    );
  });
});

/** In `make test-long` the tests below try ten million texts: how many each, and in `make test`. */
const long = process.env.FALCO_PIPE_LONG !== undefined;
const runs = long
  ? { conditions: 5_000_000, formats: 2_500_000, files: 1_500_000, texts: 1_000_000 }
  : { conditions: 1500, formats: 1000, files: 500, texts: 300 };
const patience = long ? 4 * 3_600_000 : 30_000;
// Most texts are refused, and most of what that takes is to note where from.
if (long) Error.stackTraceLimit = 0;

/** What is refused says where: in the text, whose lines and columns begin at 1. */
function assertPlace(at: Place | undefined, text: string): void {
  assert.ok(at !== undefined && at.line > 0 && at.column > 0 && at.line <= text.split('\n').length, 'a place');
}

describe('whatever text is given', () => {
  test('a condition compiles and judges, or is refused with a place', { timeout: patience }, () =>
    tryTexts('conditions', runs.conditions, {
      text: someCondition,
      check(text, random) {
        let condition: Condition;
        try {
          condition = compileCondition(text, everyField);
        } catch (error) {
          assert.ok(error instanceof RuleError, error as Error);
          for (const { at } of error.diagnostics) assertPlace(at, text);
          return;
        }
        const event = eventOf(someValues(random), 'openat');
        const closure = condition.bind(form, {}, 'closures')(event);
        assert.equal(typeof closure, 'boolean');
        assert.equal(condition.bind(form)(event), closure, 'both engines');
      },
    }),
  );

  test('a format compiles and prints, or is refused with a place', { timeout: patience }, () =>
    tryTexts('formats', runs.formats, {
      text: someFormat,
      check(text, random) {
        let format: Format;
        try {
          format = compileFormat(text, everyField);
        } catch (error) {
          assert.ok(error instanceof RuleError, error as Error);
          for (const { at } of error.diagnostics) assertPlace(at, text);
          return;
        }
        const bound = format.bind(form);
        const event = eventOf(someValues(random), 'openat');
        assert.equal(typeof bound.text(event), 'string');
        assert.equal(typeof bound.fields(event), 'object');
        assert.equal(typeof bound.line(event).complete, 'boolean');
      },
    }),
  );

  function assertLoads(content: string): void {
    const result = load(content);
    assert.equal(result.files.length, 1);
    const errors = result.diagnostics.filter(({ severity }) => severity === 'error');
    assert.equal(errors.length > 0, !result.ok, 'what is refused has an error');
    for (const { at } of result.diagnostics) if (at !== undefined) assertPlace(at, content);
    // What was taken can be used.
    for (const { condition, output } of result.rules) {
      condition.bind(form, {}, 'closures')(eventOf({}, 'openat'));
      output.bind(form).text(eventOf({}, 'openat'));
    }
  }

  test('a mutated rules file loads or is refused', { timeout: patience }, () =>
    tryTexts('files', runs.files, { text: someFile, check: assertLoads }),
  );

  test('random text is refused or empty', { timeout: patience }, () =>
    tryTexts('texts', runs.texts, { text: someText, check: assertLoads }),
  );

  test('what fails is made small, and can be made again', async () => {
    const texts: string[] = [];
    const check = (text: string) => {
      texts.push(text);
      if (text.includes('=')) throw new Error('an equals sign');
    };
    const failing = tryTexts('conditions', 1000, { text: someCondition, check });
    await expect(failing).rejects.toThrow(/text \d+ of seed \d+ .* fails: "=";.*an equals sign/s);
    const made = (seed: number) => someCondition(new Random(seed));
    expect(made(5)).toBe(made(5));
    expect(new Set(Array.from({ length: 100 }, (_, seed) => made(seed))).size).toBeGreaterThan(90);
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

  test('aliases of thousands', () => {
    const lists = Array.from({ length: 8000 }, (_, n) => `- list: l${n}\n  items: *items\n`).join('');
    const result = load(`- list: l\n  items: &items\n    - a\n    - b\n${lists}`);
    expect(result.ok).toBe(true);
    expect(result.lists.at(-1)?.items.map(({ text }) => text)).toEqual(['a', 'b']);
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

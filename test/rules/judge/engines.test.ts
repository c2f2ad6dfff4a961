import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event, FieldRef, Form, Slot } from '../../../src/events/field.ts';
import type { Condition } from '../../../src/rules/condition.ts';
import { bindRules, compileCondition, type Rule, RuleError } from '../../../src/rules/index.ts';
import type { Engine } from '../../../src/rules/judge/engine.ts';
import { condition, values } from '../generated-conditions.ts';
import { catalogue, eventOf, form, load, namesFound, rule, syscall } from '../support.ts';

const long = process.env.FALCO_PIPE_LONG === '1';
/** Conditions in one set, events that each judges: a run makes as many pairs as their product. */
const CONDITIONS = 10;
const EVENTS = 10;
const RUNS = (long ? 1_000_000 : 5000) / (CONDITIONS * EVENTS);

/** Conditions that the checker refuses are no case for engines. */
function compiled(text: string): readonly Condition[] {
  try {
    return [compileCondition(text, catalogue)];
  } catch (error) {
    if (error instanceof RuleError) return [];
    throw error;
  }
}

const ruleOf = (each: Condition, index: number) => ({ name: `${index}`, enabled: true, condition: each }) as Rule;

function matches(conditions: readonly Condition[], events: readonly Event[], of: Form<Event>, engine: Engine): unknown {
  const ruleset = bindRules(conditions.map(ruleOf), of, { matching: 'all', engine });
  return events.map((event) => {
    const found: string[] = [];
    const failed: string[] = [];
    ruleset.judge(
      event,
      ({ name }) => found.push(name),
      ({ name }) => failed.push(name),
    );
    return { found, failed };
  });
}

/** Two parts of events by which verdicts are kept: the texts and the numbers; a third is never remembered. */
function withFacets(): Form<Event> {
  const facet = (name: string, fields: readonly string[], remembers = true) => {
    const slots = new Map<string, Slot>();
    return {
      name,
      recurs: () => true,
      covers: ({ text }: FieldRef) => fields.includes(text),
      slot(event: Event) {
        if (!remembers) return undefined;
        const key = fields.map((field) => shown(event.get(field))).join('\n');
        const slot = slots.get(key) ?? { kept: undefined };
        slots.set(key, slot);
        return slot;
      },
    };
  };
  return {
    ...form,
    facets: [facet('texts', ['t.s', 't.other']), facet('numbers', ['t.i', 't.b']), facet('list', ['t.list'], false)],
  };
}

const shown = (value: unknown) =>
  JSON.stringify([typeof value, value], (_, each: unknown) =>
    typeof each === 'bigint' || Number.isNaN(each) ? `${each}` : each,
  );

describe('closures, generated functions and kept verdicts say the same', () => {
  const sets = fc.array(condition, { minLength: CONDITIONS, maxLength: CONDITIONS });
  const events = fc.array(values, { minLength: EVENTS, maxLength: EVENTS });

  test('of random conditions and events', () => {
    let pairs = 0;
    let held = 0;
    fc.assert(
      fc.property(sets, events, (texts, present) => {
        const given = present.map((each) => eventOf(each));
        const conditions = texts.flatMap(compiled);
        const expected = matches(conditions, given, form, 'closures');
        expect(matches(conditions, given, form, 'generated')).toEqual(expected);
        expect(matches(conditions, [...given, ...given], withFacets(), 'cached')).toEqual([expected, expected].flat());
        pairs += conditions.length * given.length;
        held += (expected as { found: string[] }[]).reduce((sum, { found }) => sum + found.length, 0);
      }),
      // Two thirds of the conditions are accepted.
      { numRuns: RUNS * 2 },
    );
    // Most conditions are accepted, and hold for some events but not for all.
    expect(pairs).toBeGreaterThan(RUNS * CONDITIONS * EVENTS);
    expect(held).toBeGreaterThan(pairs / 20);
    expect(held).toBeLessThan(pairs / 1.2);
  });

  test('of so many conditions that they are found by what they look for', () => {
    const many = fc.array(condition, { minLength: 100, maxLength: 100 });
    fc.assert(
      fc.property(many, fc.array(values, { minLength: 4, maxLength: 4 }), (texts, present) => {
        const given = present.map((each) => eventOf(each));
        const conditions = texts.flatMap(compiled);
        const expected = matches(conditions, given, form, 'closures');
        expect(matches(conditions, given, form, 'generated')).toEqual(expected);
        expect(matches(conditions, [...given, ...given], withFacets(), 'cached')).toEqual([expected, expected].flat());
      }),
      { numRuns: long ? 1000 : 15 },
    );
  });

  test('of one condition alone', () => {
    fc.assert(
      fc.property(condition, fc.array(values, { minLength: 5, maxLength: 5 }), (text, given) => {
        const [one] = compiled(text);
        if (one === undefined) return;
        const [closure, generated] = [one.bind(form, {}, 'closures'), one.bind(form, {}, 'generated')];
        for (const each of given) expect(generated(eventOf(each))).toBe(closure(eventOf(each)));
      }),
      { numRuns: 300 },
    );
  });

  test('of conditions that are too large for one function', () => {
    const names = Array.from({ length: 1500 }, (_, n) => `t.s = "s${n}" and t.i = ${n}`);
    const deep = Array.from({ length: 90 }, (_, n) => n).reduce(
      (inner, n) => `(t.i != ${n} or not (t.s = s${n} and ${inner}))`,
      't.b = true',
    );
    for (const text of [
      names.map((each) => `(${each})`).join(' or '),
      names.map((each) => `not (${each})`).join(' and '),
      deep,
    ]) {
      const one = compileCondition(text, catalogue);
      const [closure, generated] = [one.bind(form, {}, 'closures'), one.bind(form, {}, 'generated')];
      for (const n of [0, 1, 89, 700, 1499, 1500]) {
        for (const given of [
          { 't.s': `s${n}`, 't.i': n },
          { 't.s': `s${n}`, 't.i': n + 1 },
          { 't.s': `s${n}`, 't.i': n, 't.b': true },
        ]) {
          expect(generated(eventOf(given))).toBe(closure(eventOf(given)));
        }
      }
    }
  });

  test('of hundreds of rules, in the order of the rules', () => {
    const content = Array.from({ length: 200 }, (_, n) =>
      rule({ condition: `evt.type in (openat, execve) and (fd.num >= ${n} or proc.name = p${n})` }, `r${n}`),
    ).join('');
    const { rules, ok } = load(content);
    expect(ok).toBe(true);
    for (const matching of ['all', 'first'] as const) {
      const names = (['closures', 'generated', 'cached'] as const).map((engine) => {
        const ruleset = bindRules(rules, form, { matching, engine });
        return namesFound(ruleset, eventOf({ 'fd.num': 99, 'proc.name': 'p150' }, 'openat'));
      });
      expect(names[0]).toHaveLength(matching === 'first' ? 1 : 101);
      expect(names[1]).toEqual(names[0]);
      expect(names[2]).toEqual(names[0]);
    }
  });
});

describe('a rule that throws', () => {
  const throwing: Form<Event> = {
    ...form,
    reader: (ref) => (event) => {
      if (ref.text === 'proc.cmdline') throw new Error('unreadable');
      return event.get(ref.text);
    },
  };

  test.each(['closures', 'generated', 'cached'] as const)('is reported, the others judge: %s', (engine) => {
    const conditions = ['proc.name = a', 'proc.cmdline = b', 'proc.name = a and fd.num = 1'];
    const rules = conditions.map((each, index) => ruleOf(compileCondition(each, syscall), index));
    const ruleset = bindRules(rules, throwing, { matching: 'all', engine });
    const found: string[] = [];
    const failed: string[] = [];
    const event = eventOf({ 'proc.name': 'a', 'fd.num': 1 }, 'openat');
    ruleset.judge(
      event,
      ({ name }) => found.push(name),
      ({ name }) => failed.push(name),
    );
    expect(found).toEqual(['0', '2']);
    expect(failed).toEqual(['1']);
  });
});

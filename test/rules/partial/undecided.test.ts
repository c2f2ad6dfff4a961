import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event, FieldRef, Form, Value } from '../../../src/events/field.ts';
import { bindRules, type Rule, UndecidedRules } from '../../../src/rules/index.ts';
import { conditionOf } from '../generated-conditions.ts';
import { load, namesFound, rule } from '../support.ts';

/** Known from the start, and late. */
const KNOWN = ['proc.name', 'proc.pname'];
const LATE = ['container.name', 'container.image.repository'];
const isLate = ({ text }: FieldRef) => LATE.includes(text);

function eventOf(values: Readonly<Record<string, Value | undefined>>): Event {
  const get = (name: string) => (name === 'evt.type' ? 'openat' : values[name]);
  return { source: 'syscall', type: 'openat', time: 0n, get };
}

const form: Form<Event> = {
  name: 'plain',
  reader:
    ({ text }) =>
    (event) =>
      event.get(text),
};

const words = ['a', 'b', 'ab'];
const check = fc
  .tuple(
    fc.constantFrom(...KNOWN, ...LATE),
    fc.constantFrom('=', '!=', 'contains', 'in', 'exists'),
    fc.constantFrom(...words),
  )
  .map(([field, operator, word]) => {
    if (operator === 'exists') return `${field} exists`;
    if (operator === 'in') return `tolower(${field}) in (${word}, b)`;
    return `${field} ${operator} ${word}`;
  });
const condition = conditionOf(check);
const value = fc.option(fc.constantFrom(...words), { nil: undefined });

function rulesOf(conditions: readonly string[], output = 'o %proc.name'): readonly Rule[] {
  const loaded = load(
    conditions.map((text, index) => rule({ condition: `evt.type = openat and ${text}`, output }, `r${index}`)).join(''),
  );
  expect(loaded.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return loaded.rules;
}

function undecidedOf(rules: readonly Rule[], matching: 'all' | 'first') {
  const showsLate = ({ output }: Rule) => output.reads.some(isLate);
  return new UndecidedRules(rules, { form, isLate, matching, showsLate });
}

const failed = (_rule: Rule, error: unknown) => {
  throw error;
};

describe('Rules on an event of which not all is known yet', () => {
  it('decide only what no answer can change, and leave nothing out', () => {
    fc.assert(
      fc.property(condition, value, value, (text, name, pname) => {
        const [only] = rulesOf([text]) as [Rule];
        const known = { 'proc.name': name, 'proc.pname': pname };
        let hits = 0;
        const undecided = undecidedOf([only], 'all').judge(eventOf(known), () => hits++, failed);
        expect(hits + undecided.length).toBeLessThanOrEqual(1);
        const answers = [undefined, ...words].flatMap((first) =>
          [undefined, ...words].map((second) => [first, second]),
        );
        const verdicts = answers.map(([first, second]) =>
          only.condition.bind(form)(eventOf({ ...known, [LATE[0] as string]: first, [LATE[1] as string]: second })),
        );
        if (hits === 1) expect(verdicts).not.toContain(false);
        else if (undecided.length === 0) expect(verdicts).not.toContain(true);
      }),
      { numRuns: 300 },
    );
  });

  it('go on at once where what is unknown does not matter', () => {
    const rules = rulesOf([
      'proc.name = sh',
      'proc.name = sh or container.name = x',
      'proc.name = ls and container.name = x',
    ]);
    const hits: string[] = [];
    const undecided = undecidedOf(rules, 'all').judge(
      eventOf({ 'proc.name': 'sh' }),
      ({ name }) => void hits.push(name),
      failed,
    );
    expect([hits, undecided]).toEqual([['r0', 'r1'], []]);
  });

  it('wait for what only their alert shows', () => {
    const rules = rulesOf(['proc.name = sh'], 'in %container.name');
    const undecided = undecidedOf(rules, 'all').judge(eventOf({ 'proc.name': 'sh' }), () => expect.fail(), failed);
    expect(undecided).toEqual(rules);
    expect(undecidedOf(rules, 'all').judge(eventOf({ 'proc.name': 'ls' }), () => expect.fail(), failed)).toEqual([]);
  });

  it('keep their order where only the first counts', () => {
    fc.assert(
      fc.property(
        fc.array(condition, { minLength: 1, maxLength: 4 }),
        value,
        value,
        value,
        (texts, name, late1, late2) => {
          const rules = rulesOf(texts);
          const known = { 'proc.name': name };
          const whole = eventOf({ ...known, [LATE[0] as string]: late1, [LATE[1] as string]: late2 });
          const wanted = namesFound(bindRules(rules, form, { matching: 'first' }), whole);
          const got: string[] = [];
          const hit = ({ name }: Rule) => void got.push(name);
          const undecided = undecidedOf(rules, 'first').judge(eventOf(known), hit, failed);
          const later = undecided.find(({ condition }) => condition.bind(form)(whole));
          if (later) hit(later);
          expect(got).toEqual(wanted);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('a rule that throws is told, and the others still judge', () => {
    const rules = rulesOf(['proc.pname = a', 'proc.name = sh']);
    const event: Event = {
      ...eventOf({}),
      get(name) {
        if (name === 'proc.pname') throw new Error('unreadable');
        return 'sh';
      },
    };
    const told: string[] = [];
    undecidedOf(rules, 'all').judge(
      event,
      ({ name }) => void told.push(`hit ${name}`),
      ({ name }) => void told.push(`failed ${name}`),
    );
    expect(told).toEqual(['failed r0', 'hit r1']);
  });
});

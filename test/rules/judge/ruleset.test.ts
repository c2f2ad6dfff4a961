import { describe, expect, test, vi } from 'vitest';
import { atOnce } from '../../../src/core/steps.ts';
import type { Catalogue, Event, Form } from '../../../src/events/field.ts';
import {
  bindRules,
  compileCondition,
  describeRules,
  explainRule,
  falcoLoadResults,
  loadReport,
  type Rule,
} from '../../../src/rules/index.ts';
import { eventOf, form, load, namesFound, rule, syscall, type Values } from '../support.ts';

describe('event types of a condition', () => {
  test.each<[string, 'all' | readonly string[]]>([
    ['evt.type=open', ['open']],
    ['evt.type in (open, openat) and proc.name=x', ['open', 'openat']],
    ['evt.type=open and evt.type=close', []],
    ['evt.type=open or proc.name=x', 'all'],
    ['proc.name=x', 'all'],
    ['not (evt.type!=open or proc.name=x)', ['open']],
    ['not evt.type!=open', ['open']],
    ['evt.type exists', 'all'],
    ['not evt.type exists', []],
    ['evt.num=0', []],
    ['evt.num<1 or evt.type=open', ['open']],
    ['not evt.num=0', 'all'],
    ['evt.type = anyof (open, close)', ['open', 'close']],
    ['evt.type contains open', 'all'],
    ['evt.type=madvise', ['madvise']],
  ])('%s', (condition, expected) => {
    const { eventTypes } = compileCondition(condition, syscall);
    expect(eventTypes === 'all' ? eventTypes : [...eventTypes]).toEqual(expected);
  });

  test('what excludes names has all others', () => {
    const { eventTypes } = compileCondition('evt.type!=open', syscall);
    expect(eventTypes).not.toBe('all');
    expect((eventTypes as ReadonlySet<string>).has('open')).toBe(false);
    expect((eventTypes as ReadonlySet<string>).has('openat')).toBe(true);
  });

  test('unknown names are refused with a suggestion', () => {
    expect(() => compileCondition('evt.type=opnat', syscall)).toThrow(
      /unknown event type opnat[\s\S]*Did you mean openat\?/,
    );
  });
});

/** The names of the rules that match. */
function matching(
  rules: readonly Rule[],
  event: Event,
  how: 'first' | 'all' = 'all',
  of: Form<Event> = form,
): readonly string[] {
  const names: string[] = [];
  bindRules(rules, of, { matching: how }).judge(
    event,
    ({ name }) => names.push(name),
    ({ name }, error) => names.push(`${name}: ${String(error)}`),
  );
  return names;
}

function rulesOf(conditions: Readonly<Record<string, string>>): readonly Rule[] {
  return load(
    Object.entries(conditions)
      .map(([name, condition]) => rule({ condition, warn_evttypes: 'false' }, name))
      .join(''),
  ).rules;
}

const event = (type: string, values: Values = {}) => eventOf({ 'evt.type': type, ...values }, type);

describe('a set of rules', () => {
  const rules = rulesOf({
    opens: 'evt.type in (open, openat) and proc.name=cat',
    notOpen: 'evt.type!=open and proc.name=cat',
    any: 'proc.name=cat',
    never: 'evt.num=0',
    negated: 'not evt.type=openat and proc.name=cat',
  });

  test('judges by event type and condition, in the order of definition', () => {
    expect(matching(rules, event('openat', { 'proc.name': 'cat' }))).toEqual(['opens', 'notOpen', 'any']);
    expect(matching(rules, event('open', { 'proc.name': 'cat' }))).toEqual(['opens', 'any', 'negated']);
    expect(matching(rules, event('open', { 'proc.name': 'dog' }))).toEqual([]);
    expect(matching(rules, event('strange', { 'proc.name': 'cat' }))).toEqual(['notOpen', 'any', 'negated']);
  });

  test('ends at the first match when asked to', () => {
    expect(matching(rules, event('openat', { 'proc.name': 'cat' }), 'first')).toEqual(['opens']);
  });

  test('a rule that throws is reported and the others judge', () => {
    const failing: Form<Event> = {
      name: 'failing',
      reader: (ref) => (each) => {
        if (ref.text === 'proc.pid') throw new Error('gone');
        return each.get(ref.text);
      },
    };
    const two = rulesOf({ bad: 'evt.type=open and proc.pid=1', good: 'evt.type=open and proc.name=cat' });
    expect(matching(two, event('open', { 'proc.name': 'cat' }), 'all', failing)).toEqual(['bad: Error: gone', 'good']);
  });

  test('disabled rules take no part', () => {
    const disabled = load(rule({ enabled: 'false' })).rules;
    expect(matching(disabled, event('openat'))).toEqual([]);
  });

  test('fields that a form never has count as absent', () => {
    const empty: Form<Event> = { name: 'empty', reader: () => undefined };
    const all = rulesOf({ a: 'proc.name exists', b: 'not proc.name exists', c: 'proc.name != x' });
    expect(matching(all, event('open'), 'all', empty)).toEqual(['b']);
  });

  test('made ahead, the first event of a common type waits for nothing', () => {
    const names = Array.from({ length: 12 }, (_, n) => `p${n}`);
    const many = rulesOf(
      Object.fromEntries(names.map((name) => [name, `evt.type=open and (proc.name=${name} or proc.pid=1)`])),
    );
    const few = rulesOf({ few: 'evt.type=close and proc.name=cat' });
    const ruleset = bindRules([...many, ...few], { ...form, common: ['open'] }, { matching: 'all' });
    atOnce(ruleset.warm());
    const made = vi.spyOn(globalThis, 'Function');
    const hits = (type: string, values: Values) => namesFound(ruleset, event(type, values));
    expect(hits('open', { 'proc.name': 'p3' })).toEqual(['p3']);
    expect(hits('open', { 'proc.pid': 1 })).toEqual(names);
    expect(made).not.toHaveBeenCalled();
    expect(hits('close', { 'proc.name': 'cat' })).toEqual(['few']);
    expect(made).toHaveBeenCalled();
    made.mockRestore();
  });

  test('any number of event types is judged right', () => {
    const [first] = rulesOf({ any: 'proc.name=cat' });
    const ruleset = bindRules([first as Rule], form, { matching: 'all' });
    const found = Array.from({ length: 5000 }, (_, n) =>
      namesFound(ruleset, event(`type${n}`, { 'proc.name': 'cat' })),
    );
    expect(found.flat()).toHaveLength(5000);
  });
});

describe('what rules say of themselves', () => {
  const content = `- list: shells
  items: [bash, sh]
- macro: shell
  condition: proc.name in (shells)
${rule({ condition: 'evt.type=execve and shell', output: 'o %proc.name', exceptions: '[{name: e, fields: proc.pid, values: [1]}]' })}`;
  const result = load(content);

  test('an explanation has the tree with the place of each part', () => {
    const { condition, eventTypes } = explainRule(result.rules[0] as Rule);
    expect(eventTypes).toEqual(new Set(['execve']));
    expect(condition).toMatchObject({
      kind: 'and',
      items: [
        {
          kind: 'and',
          items: [
            { kind: 'check', text: 'evt.type = execve', place: { line: 7, column: 14 } },
            {
              kind: 'macro',
              text: 'shell',
              place: { line: 7, column: 34 },
              items: [{ kind: 'check', text: 'proc.name in (bash, sh)', place: { line: 4, column: 14 } }],
            },
          ],
        },
        {
          kind: 'not',
          items: [{ kind: 'check', text: 'proc.pid in (1)', via: ['in exception e'], place: { line: 10 } }],
        },
      ],
    });
  });

  test('a description has what falco -L has', () => {
    const described = describeRules(result);
    expect(described.rules[0]?.details).toEqual({
      macros: ['shell'],
      lists: [],
      condition_operators: ['=', 'in'],
      condition_fields: ['evt.type', 'proc.name', 'proc.pid'],
      output_fields: ['proc.name'],
      exception_names: ['e'],
      exception_operators: ['in'],
      exception_fields: ['proc.pid'],
      events: ['execve'],
      plugins: [],
      condition_compiled: '((evt.type = execve and proc.name in (bash, sh)) and not proc.pid in (1))',
      output_compiled: 'o %proc.name',
    });
    expect(described.macros[0]?.details).toMatchObject({
      used: true,
      lists: ['shells'],
      condition_fields: ['proc.name'],
    });
    expect(described.lists[0]?.details).toMatchObject({ used: true, items_compiled: ['bash', 'sh'] });
  });

  test('load results have the form of falco -V', () => {
    const bad = load(rule({ condition: 'evt.type=openat and proc.pid=abc' }));
    const [found] = falcoLoadResults(bad);
    expect(found).toMatchObject({ name: 'rules.yaml', successful: false, schema_valid: true, warnings: [] });
    expect(found?.errors[0]).toMatchObject({
      code: 'LOAD_ERR_COMPILE_CONDITION',
      codedesc: 'Error compiling condition',
      message: 'abc is not a valid number',
    });
    expect(
      found?.errors[0]?.context.locations.map((step) => [step.item_type, step.item_name, step.position.line]),
    ).toEqual([
      ['rules content', '', 0],
      ['rule', 'r1', 0],
      ['rule condition', '', 2],
      ['condition expression', '', 3],
    ]);
    expect(loadReport(bad.files[0] as (typeof bad.files)[0])).toMatchInlineSnapshot(`
      "rules.yaml: Invalid
      1 Errors:
      In rules content: (rules.yaml:0:0)
          rule 'r1': (rules.yaml:0:2)
          rule condition: (rules.yaml:2:13)
          condition expression: ("evt.type=openat a...":3:34)
      ------
        condition: evt.type=openat and proc.pid=abc
                                                ^
      ------
      LOAD_ERR_COMPILE_CONDITION (Error compiling condition): abc is not a valid number"
    `);
    expect(loadReport(bad.files[0] as (typeof bad.files)[0], false)).toBe(
      'rules.yaml: Invalid\n 1 errors: [LOAD_ERR_COMPILE_CONDITION (Error compiling condition)]',
    );
  });
});

test('the form of events without a known set of types is judged by the condition alone', () => {
  const unknown: Catalogue = { source: 'plugin', fields: syscall.fields, find: (text) => syscall.find(text) };
  const condition = compileCondition('evt.type=anything', unknown);
  expect(condition.eventTypes).toBe('all');
  expect(condition.bind(form)(event('anything'))).toBe(true);
});

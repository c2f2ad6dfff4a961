import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import type { Event } from '../../../src/events/field.ts';
import { bindRules, explainRule, explainVerdict, type JudgedNode, type Rule } from '../../../src/rules/index.ts';
import { catalogue, eventOf, form, load, namesFound, rule, type Values } from '../support.ts';

function firstRule(content: string): Rule {
  const { rules, diagnostics } = load(content, { catalogues: new Map([...catalogues, ['test', catalogue]]) });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return rules[0] as Rule;
}

/** A tree in one line: what decides is marked by !, what is absent by ?. */
function shown({ kind, text, mark, decides, items }: JudgedNode): string {
  const sign = `${decides ? '!' : ''}${mark === 'absent' ? '?' : mark === 'true' ? '+' : '-'}`;
  const inner = items.length === 0 ? '' : `(${items.map(shown).join(' ')})`;
  return `${sign}${kind === 'check' ? text : kind === 'macro' ? text : kind}${inner}`;
}

const content = `- list: shells
  items: [bash, sh]
- macro: shell
  condition: proc.name in (shells)
- macro: quiet
  condition: proc.tty = 0 or not shell
${rule({
  condition: 'evt.type = execve and quiet',
  exceptions: '[{name: known, fields: [proc.pid], comps: [in], values: [[[1, 2]]]}]',
})}`;

function execve(values: Values, type = 'execve'): Event {
  return { ...eventOf(values, type), source: 'syscall' };
}

describe('why a rule does or does not match', () => {
  const explained = (event: Event) => shown(explainVerdict(firstRule(content), event, form).condition);

  test('of an and that is false, the parts that are false decide', () => {
    expect(explained(execve({ 'proc.name': 'bash', 'proc.tty': 4, 'proc.pid': 7 }))).toBe(
      '!-and(!-and(+evt.type = execve !-quiet(!-or(!-proc.tty = 0 !-not(!+shell(!+proc.name in (bash, sh)))))) ' +
        '+not(-proc.pid in (1, 2)))',
    );
  });

  test('of an or that is true, the parts that are true decide', () => {
    expect(explained(execve({ 'proc.name': 'bash', 'proc.tty': 0, 'proc.pid': 7 }))).toBe(
      '!+and(!+and(!+evt.type = execve !+quiet(!+or(!+proc.tty = 0 -not(+shell(+proc.name in (bash, sh)))))) ' +
        '!+not(!-proc.pid in (1, 2)))',
    );
  });

  test('what is absent is said, and the exception that silences it', () => {
    expect(explained(execve({ 'proc.tty': 4, 'proc.pid': 2 }))).toBe(
      '!-and(+and(+evt.type = execve +quiet(+or(-proc.tty = 0 +not(-shell(?proc.name in (bash, sh)))))) ' +
        '!-not(!+proc.pid in (1, 2)))',
    );
  });

  test('the values that were read, and where each part is written', () => {
    const { condition, matches } = explainVerdict(firstRule(content), execve({ 'proc.pid': 2 }, 'open'), form);
    expect(matches).toBe(false);
    expect(condition.items[0]?.items[0]).toMatchObject({
      text: 'evt.type = execve',
      values: { 'evt.type': 'open' },
      place: { file: 'rules.yaml', line: 9, column: 14 },
    });
    expect(condition.items[1]?.items[0]).toMatchObject({ values: { 'proc.pid': 2 }, via: ['in exception known'] });
  });

  test('values inside transformers, and of both sides', () => {
    const own = firstRule(rule({ source: 'test', condition: 'tolower(t.s) = val(t.other)' }));
    const { condition } = explainVerdict(own, eventOf({ 't.s': 'ABC', 't.other': 'abc' }), form);
    expect(condition).toMatchObject({
      mark: 'true',
      values: { 't.s': 'ABC', 'tolower(t.s)': 'abc', 't.other': 'abc' },
    });
    expect(explainVerdict(own, eventOf({ 't.s': 'ABC' }), form).condition).toMatchObject({
      mark: 'absent',
      values: { 't.s': 'ABC', 'tolower(t.s)': 'abc', 't.other': null },
    });
  });
});

test('an explanation names the lists that constants come from', () => {
  const { condition } = explainRule(firstRule(content));
  const inner = condition.items[0]?.items[1]?.items[0]?.items[1]?.items[0];
  expect(inner).toMatchObject({
    kind: 'macro',
    text: 'shell',
    place: { line: 6, column: 34 },
    items: [{ text: 'proc.name in (bash, sh)', via: ['in list shells, defined at rules.yaml:1:3'] }],
  });
});

const check = fc.constantFrom(
  'evt.type = execve',
  'evt.type in (execve, open)',
  'evt.type != openat',
  'proc.name = cat',
  'proc.name != cat',
  'proc.name in (names)',
  'proc.name startswith c',
  'proc.name exists',
  'proc.name = val(proc.pname)',
  'tolower(proc.name) = cat',
  'proc.pid > 5',
  'proc.pid = 3',
  'proc.aname in (names)',
  'proc.aname != cat',
  'fd.name pmatch (/etc, /usr/*)',
  'fd.name contains anyof (passwd, c)',
  'fd.name startswith oneof (/e, /etc)',
  'm1',
  'm2',
);
const { condition } = fc.letrec<{ condition: string; junction: string; not: string }>((tie) => ({
  condition: fc.oneof({ maxDepth: 3, withCrossShrink: true }, check, tie('junction'), tie('not')),
  junction: fc
    .record({
      word: fc.constantFrom(' and ', ' or '),
      items: fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
    })
    .map(({ word, items }) => `(${items.join(word)})`),
  not: tie('condition').map((item) => `not (${item})`),
}));
const name = fc.constantFrom('cat', 'CAT', 'cp', 'bash', '');
const values: fc.Arbitrary<Values> = fc.record(
  {
    'proc.name': name,
    'proc.pname': name,
    'proc.pid': fc.nat(8),
    'proc.aname': fc.array(name, { maxLength: 3 }),
    'fd.name': fc.constantFrom('/etc/passwd', '/usr/bin', '/', ''),
  },
  { requiredKeys: [] },
);

test('an explained verdict is the verdict of both engines', () => {
  const macros = `- list: names\n  items: [cat, cp]
- macro: m1
  condition: proc.name = cat or proc.pid > 4
- macro: m2
  condition: m1 and not evt.type = open\n`;
  fc.assert(
    fc.property(
      condition,
      fc.array(fc.record({ values, type: fc.constantFrom('execve', 'open', 'openat') }), {
        minLength: 1,
        maxLength: 8,
      }),
      (text, events) => {
        const own = firstRule(macros + rule({ condition: text, warn_evttypes: 'false' }));
        const sets = (['closures', 'generated'] as const).map((engine) =>
          bindRules([own], form, { matching: 'all', engine }),
        );
        for (const each of events) {
          const event = execve(each.values, each.type);
          const { matches } = explainVerdict(own, event, form);
          for (const set of sets) expect(namesFound(set, event).length > 0).toBe(matches);
        }
      },
    ),
    { numRuns: process.env.FALCO_PIPE_LONG ? 20_000 : 300 },
  );
});

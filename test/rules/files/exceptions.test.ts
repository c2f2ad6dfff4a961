import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../../src/core/errors.ts';
import { catalogues } from '../../../src/events/catalogue.ts';
import { loadRules } from '../../../src/rules/index.ts';
import { codes, load, messages, rule } from '../support.ts';

/** A rule whose only exception is written so. */
function withException(exception: string): string {
  return rule({ exceptions: `[{name: e, ${exception}}]` });
}

/** The line from where a diagnostic points at. */
function restOfLine(content: string, diagnostic: Diagnostic | undefined): string {
  const { line, column } = diagnostic?.at ?? { line: 0, column: 1 };
  return (content.split('\n')[line - 1] ?? '').slice(column - 1);
}

describe('exceptions are written into the condition', () => {
  test.each([
    ['values: [["a b"]]', 'not proc.name in ("a b")'],
    ['values: [["(a, b)"], [c]]', 'not (proc.name in (a, b) or proc.name in (c))'],
    ['values: [[[a, b]], ["(l)"]]', 'not (proc.name in (a, b) or proc.name in (l))'],
    ['values: [[[]]]', 'not proc.name in ()'],
    ['values: []', ''],
  ])('a list operator, %s', (values, expected) => {
    const result = load(withException(`fields: [proc.name], comps: [in], ${values}`));
    expect(messages(result)).toEqual([]);
    const [found] = result.rules;
    expect(found?.condition.compiled).toBe(
      expected === '' ? 'evt.type = openat' : `(evt.type = openat and ${expected})`,
    );
  });

  test('a list of no operators is none', () => {
    const [found] = load(withException('fields: [proc.name], comps: [], values: [[a]]')).rules;
    expect(found?.condition.compiled).toBe('(evt.type = openat and not proc.name = a)');
  });
});

describe('what is wrong with an exception is said where it stands', () => {
  test.each([
    [
      'fields: [], values: [[]]',
      'LOAD_ERR_VALIDATE',
      'Rule exception item must have fields property with a list of fields',
      '{',
    ],
    ['fields: [proc.name], values: a', 'LOAD_ERR_YAML_VALIDATE', 'Rule exception values must be a sequence', 'a'],
    ['fields: [proc.name], values:', 'LOAD_ERR_YAML_VALIDATE', 'Rule exception values must be a sequence', 'values'],
    ['fields: [proc.name], values: [[~]]', 'LOAD_ERR_YAML_VALIDATE', 'Value is not a scalar value', '~'],
    ['fields: [proc.name], values: [[cat], [null]]', 'LOAD_ERR_YAML_VALIDATE', 'Value is not a scalar value', 'null'],
    ['fields: [proc.name], values: [[{a: b}]]', 'LOAD_ERR_YAML_VALIDATE', 'Value is not a scalar value', '{a: b}'],
  ])('%s', (exception, code, message, at) => {
    const content = withException(exception);
    const [found, ...others] = load(content).diagnostics;
    expect(others).toEqual([]);
    expect(found).toMatchObject({ code, message });
    expect(restOfLine(content, found)).toMatch(new RegExp(`^${at.replace(/[{~]/g, '\\$&')}`));
  });

  const single = 'fields: [proc.name], comps: [=]';
  test.each([
    ['fields: [proc.name], comps: [eq], values: []', "'eq' is not", 'eq], values: []', 'There are'],
    [
      'fields: [proc.name], comps: [in oneof], values: []',
      "'in oneof' is not",
      'in oneof], values: []',
      'A modifier follows',
    ],
    [
      'fields: [fd.name, proc.nmae], values: []',
      "'proc.nmae' is not",
      'proc.nmae], values: []',
      'Did you mean proc.name?',
    ],
    [`${single}, values: [[x], [a, b]]`, 'Fields and values', 'a, b]]', 'of which there are 1'],
    [`${single}, values: [[x], y]`, 'Fields and values', 'y]', 'of which there are 1'],
    ['fields: proc.name, values: [x, [y]]', 'Expected values', 'y]]', 'The field is a single text'],
    [`${single}, values: [["a(b)"]]`, "expected a ')'", 'a(b)"]]', 'has quotes of its own'],
  ])('and what to do: %s', (exception, message, at, hint) => {
    const content = withException(exception);
    const [found] = load(content).diagnostics;
    expect(found?.message).toContain(message);
    expect(found?.hint).toContain(hint);
    expect(restOfLine(content, found).replace(/^"/, '')).toBe(`${at}}]`);
  });

  test('a key that it does not have is warned of', () => {
    const content = withException('fields: [proc.name], vaules: [[cat]]');
    const result = load(content);
    expect(messages(result)).toEqual(["Unknown key 'vaules'. The key will be ignored."]);
    expect(restOfLine(content, result.diagnostics[0])).toBe('vaules: [[cat]]}]');
  });
});

describe('as Falco', () => {
  test('a third of the same name is one too many for each of the two', () => {
    const each = '{name: e, fields: proc.name}';
    expect(codes(load(rule({ exceptions: `[${each}, ${each}, ${each}]` })))).toEqual(
      new Array(3).fill('LOAD_EXCEPTION_NAME_NOT_UNIQUE'),
    );
  });

  test('a second of the same name is said of one that is wrong, too', () => {
    const content = rule({ exceptions: '[{name: e, fields: proc.name}, {name: e}]' });
    expect(codes(load(content))).toEqual(['LOAD_ERR_YAML_VALIDATE', 'LOAD_EXCEPTION_NAME_NOT_UNIQUE']);
  });

  test.each([
    ['fields: proc.name, values: [""]', 'exception value'],
    ['fields: [proc.name], values: [[""]]', 'exception'],
    ['fields: [""]', 'exception'],
  ])('the way to a value that is empty: %s', (exception, last) => {
    const error = load(withException(exception)).files[0]?.errors[0];
    const steps = error?.context.locations.map(({ itemType }) => itemType);
    expect(steps?.slice(0, 3)).toEqual(['rules content', 'rule', 'exception']);
    expect(steps?.slice(-2)).toEqual([last, 'value for']);
  });
});

describe('what is appended', () => {
  const first = withException('fields: proc.name, values: [cat]');
  const appended = (exception: string) =>
    load(`${first}- rule: r1\n  exceptions: [${exception}]\n  override: {exceptions: append}\n`);

  test.each([
    ['{name: e}', ['LOAD_APPEND_NO_VALUES']],
    // An empty list is to Falco what was meant.
    ['{name: e, values: []}', []],
  ])('changes nothing without values: %s', (exception, warned) => {
    const result = appended(exception);
    expect(codes(result)).toEqual(warned);
    expect(result.rules[0]?.condition.compiled).toBe('(evt.type = openat and not proc.name in (cat))');
  });

  test('what is wrong is shown in the file that appends', () => {
    const more = '- rule: r1\n  exceptions: [{name: e, values: [[x]]}]\n  override: {exceptions: append}\n';
    const files = [
      { name: 'first', content: first },
      { name: 'second', content: more },
    ];
    const [found] = loadRules(files, { catalogues, plugins: [] }).diagnostics;
    expect(found?.message).toBe('Expected values array to contain a list of strings');
    expect(found?.at).toMatchObject({ file: 'second', line: 2 });
  });

  test('to one that the rule does not have: people are told which it has, Falco what a new one needs', () => {
    const result = appended('{name: far, values: [cat]}');
    expect(result.diagnostics.map(({ message }) => message)).toEqual(["rule 'r1' has no exception far"]);
    expect(result.diagnostics[0]?.hint).toBe('It has e; one of its own has fields.');
    expect(messages(result)).toEqual(['Rule exception must have fields property with a list of fields']);
    const near = load(
      withException('fields: proc.name').replace('name: e,', 'name: backups,') +
        '- rule: r1\n  exceptions: [{name: bakcups, values: [cat]}]\n  override: {exceptions: append}\n',
    );
    expect(near.diagnostics[0]?.hint).toBe('Did you mean backups?');
    const none = load(
      `${rule({})}- rule: r1\n  exceptions: [{name: e, values: [a]}]\n  override: {exceptions: append}\n`,
    );
    expect(none.diagnostics[0]?.hint).toBe('It has none; one of its own has fields.');
  });

  test('a new one needs values', () => {
    expect(messages(appended('{name: f, fields: fd.name}'))).toEqual([
      'Rule exception must have values property with a list of values',
      'Overriding/appending exception with no values',
    ]);
  });
});

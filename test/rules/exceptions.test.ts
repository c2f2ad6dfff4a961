import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/core/errors.ts';
import { codes, load, messages, rule } from './support.ts';

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

  test('a key that it does not have is warned of', () => {
    const content = withException('fields: [proc.name], vaules: [[cat]]');
    const result = load(content);
    expect(messages(result)).toEqual(["Unknown key 'vaules'. The key will be ignored."]);
    expect(restOfLine(content, result.diagnostics[0])).toBe('vaules: [[cat]]}]');
  });
});

describe('what is appended', () => {
  const first = withException('fields: proc.name, values: [cat]');
  const appended = (exception: string) =>
    load(`${first}- rule: r1\n  exceptions: [${exception}]\n  override: {exceptions: append}\n`);

  test.each(['{name: e}', '{name: e, values: []}'])(
    'changes nothing without values, and that is said: %s',
    (exception) => {
      const result = appended(exception);
      expect(codes(result)).toEqual(['LOAD_APPEND_NO_VALUES']);
      expect(result.rules[0]?.condition.compiled).toBe('(evt.type = openat and not proc.name in (cat))');
    },
  );

  test('a new one needs values', () => {
    expect(messages(appended('{name: f, fields: fd.name}'))).toEqual([
      'Rule exception must have values property with a list of values',
      'Overriding/appending exception with no values',
    ]);
  });
});

import { describe, expect, test } from 'vitest';
import { load, rule } from '../support.ts';

/** A file of one rule, with something of it written otherwise. */
function mistaken(from: string, to: string): string {
  const content = rule({ tags: '[a, b]' });
  expect(content).toContain(from);
  return content.replace(from, to);
}

/** What follows the place that the only diagnostic points at, on its line. */
function found(content: string) {
  const { diagnostics, files } = load(content);
  expect(diagnostics.map(({ code }) => code)).toEqual(['LOAD_ERR_YAML_PARSE']);
  expect(files[0]?.errors).toHaveLength(1);
  const [{ message, hint, at } = { message: '', at: undefined }] = diagnostics;
  return { message, hint, at: content.split('\n')[(at?.line ?? 0) - 1]?.slice((at?.column ?? 1) - 1) };
}

describe('what is no YAML', () => {
  const tab = { message: 'A tab indents this line', hint: 'YAML is indented with blanks.' };
  const sameColumn = 'What belongs to one item begins in the same column.';
  test.each([
    ['  priority:', '\tpriority:', { ...tab, at: '\tpriority: NOTICE' }],
    ['condition: evt', 'condition: >\n\tevt', { ...tab, at: '\tevt.type=openat' }],
    ['output: o', 'output: "o', { message: 'This quote is never closed', at: '"o' }],
    ['output: o', "output: 'it''s", { message: 'This quote is never closed', at: "'it''s" }],
    ['[a, b]', '[a, b', { message: 'This [ is never closed', at: '[a, b', hint: 'It ends with ].' }],
    ['[a, b]', '[a, {b: c]', { message: 'This { is never closed', at: '{b: c]', hint: 'It ends with }.' }],
    ['  priority:', ' priority:', { at: 'priority: NOTICE', hint: sameColumn }],
    ['priority: NOTICE', 'priority:NOTICE', { at: 'priority:NOTICE', hint: expect.stringContaining('`key: value`') }],
    ['output: o', 'output', { at: 'output', hint: expect.stringContaining('`key: value`') }],
    ['[a, b]', '["a" "b"]', { at: '"b"]', hint: 'Commas separate what stands in brackets.' }],
    [
      'output: o',
      'output: o: p',
      { at: 'o: p', hint: expect.stringContaining('A value that holds a colon and a blank stands in quotes') },
    ],
    ['output: o', 'output: %proc.name', { at: '%proc.name', hint: 'Put the value in quotes.' }],
    ['output: o', 'output: *o', { at: '*o', hint: 'A value that begins with * stands in quotes.' }],
    ['output: o', 'output: "a\\d"', { at: '\\d"', hint: expect.stringContaining('A backslash is doubled') }],
  ])('%j instead of %j', (right, wrong, expected) => {
    expect(found(mistaken(right, wrong))).toMatchObject(expected);
  });
});

test('a blank that is none counts where the mistake is, and nowhere behind it', () => {
  const right = rule({ tags: '["Attention:\u00a0lire"]' });
  expect(load(right).diagnostics).toEqual([]);
  expect(found(right.replace('output: o', 'output:o'))).toMatchObject({ at: 'output:o' });
  expect(found(right.replace('output: o', 'output:\u00a0o'))).toMatchObject({
    at: '\u00a0o',
    message: expect.stringContaining('(U+00A0)'),
  });
});

test('a byte order mark is no part of a file', () => {
  expect(load(`\ufeff${rule()}`)).toMatchObject({ ok: true, diagnostics: [], rules: [{ name: 'r1', line: 1 }] });
  const wrong = load(`\ufeff${rule({ priority: 'x' }, 'r2')}`);
  expect(wrong.diagnostics[0]?.at).toMatchObject({ line: 5, column: 13 });
});

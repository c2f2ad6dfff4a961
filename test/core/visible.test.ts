/** What reaches a terminal shows, and is not obeyed. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderDiagnostic } from '../../src/core/errors.ts';
import { createLogger } from '../../src/core/log.ts';
import { visible, visibleLine } from '../../src/core/visible.ts';

const HOSTILE = '\u001b]0;pwn\u0007 \u009b31m \u202etxt \u2028 \r';

test('control and format characters are escaped, lines, tabs and letters stay', () => {
  expect(visible('é\t日本\n\u001b[2J\u009b\u202e\u200b\u2028\r\u{e0041}')).toBe(
    'é\t日本\n\\u001b[2J\\u009b\\u202e\\u200b\\u2028\\u000d\\udb40\\udc41',
  );
  expect(visibleLine('a\nb\tc')).toBe('a\\u000ab\\u0009c');
});

test('JSON means the same afterwards', () => {
  const value = fc.jsonValue({ stringUnit: 'binary' });
  fc.assert(
    fc.property(value, fc.constantFrom(0, 2), (given, indent) => {
      const text = visible(JSON.stringify(given, null, indent));
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(given)));
      expect(text.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    }),
  );
});

describe('a diagnostic', () => {
  test('shows a line that has them, with the caret under what is meant', () => {
    const text = 'a\u001bb \u202eword end';
    const at = { file: 'f', line: 1, column: text.indexOf('word') + 1, length: 4 };
    const shown = renderDiagnostic({ severity: 'error', code: 'X', message: HOSTILE, at, hint: HOSTILE }, [
      { name: 'f', text },
    ]);
    expect(shown.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    const [, line = '', carets = ''] = shown.split('\n');
    expect(line).toBe('  a\\u001bb \\u202eword end');
    expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('word');
  });
});

describe('the log', () => {
  test.each(['text', 'json'] as const)('as %s has none of them', (style) => {
    const lines: string[] = [];
    createLogger({ style, write: (line) => lines.push(line) }).warn({ body: HOSTILE }, `it answered ${HOSTILE}`);
    expect(lines[0]).toMatch(/^\P{C}+\n$/u);
    if (style === 'json') expect(JSON.parse(lines[0] as string)).toMatchObject({ msg: `it answered ${HOSTILE}` });
  });
});

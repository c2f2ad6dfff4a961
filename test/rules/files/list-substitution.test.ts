/** Lists of rules files: what they may hold, and how they are put in place of their names. */

import { describe, expect, test } from 'vitest';
import { load, messages, rule } from '../support.ts';

const list = (name: string, items: string) => `- list: ${name}\n  items: ${items}\n`;

function compiled(lists: string, check: string): string | undefined {
  const result = load(lists + rule({ condition: `evt.type=openat and ${check}` }));
  expect(messages(result)).toEqual([]);
  return result.rules[0]?.condition.compiled.replace('evt.type = openat and ', '');
}

describe('items', () => {
  test('an empty text is an item', () => {
    expect(compiled(list('l', '[a, "", b]'), 'proc.tty in (0) and proc.name in (l)')).toContain(
      'proc.name in (a, , b)',
    );
    expect(compiled(list('l', '[""]'), 'proc.name in (l)')).toBe('(proc.name in ())');
    const [found] = load(list('l', '[""]') + rule({ condition: 'evt.type=openat and proc.name in (l)' })).rules;
    expect(found?.condition.typed).toMatchObject({ items: [{}, { constants: [''] }] });
  });

  test.each([
    ['[a, ~]', '~'],
    ['[a, null]', 'null'],
    ['[a, [b]]', '[b]'],
    ['[a, {b: c}]', '{b: c}'],
    ['\n  - a\n  -\n', ''],
  ])('%s: what is no text is refused', (items, wrong) => {
    const content = list('l', items);
    const { files, diagnostics } = load(content);
    const [error] = files[0]?.errors ?? [];
    expect(error).toMatchObject({ code: 'LOAD_ERR_YAML_VALIDATE', message: 'sequence value is not scalar' });
    expect(error?.context.locations.at(-1)).toMatchObject({ itemType: 'list item' });
    const { line = 0, column = 0 } = diagnostics[0]?.at ?? {};
    expect((content.split('\n')[line - 1] ?? '').slice(column - 1)).toContain(wrong);
  });
});

describe('in place', () => {
  const empty = list('e', '[]');
  test.each([
    ['(a, e, b)', '(a, b)'],
    ['(e, a)', '(a)'],
    ['(a ,\te)', '(a)'],
    ['(e,e)', '()'],
    ['(e, e, x)', '(x)'],
    ['( e )', '()'],
  ])('an empty list goes with a comma: %s', (written, expected) => {
    expect(compiled(empty, `proc.name in ${written}`)).toBe(`(proc.name in ${expected})`);
  });

  test('only blanks of ASCII bound a name', () => {
    expect(compiled(list('l', '[x]'), 'proc.name in (a\u1680l, l)')).toBe('(proc.name in (a\u1680l, x))');
  });

  test.each([
    ['proc.name in (l) and nomacro', 'evt.type=openat and proc.name in ( a, b ) and nomacro'],
    ['proc.name in (  l  ) and nomacro', 'evt.type=openat and proc.name in ( a, b ) and nomacro'],
    ['proc.name in (l,l) and nomacro', 'evt.type=openat and proc.name in ( a, b , a, b ) and nomacro'],
    ['proc.name in (e, x, e) and nomacro', 'evt.type=openat and proc.name in (   x  ) and nomacro'],
    ['(proc.name in (\n\n      l\n      )) and nomacro', 'evt.type=openat and (proc.name in ( a, b )) and nomacro'],
  ])("Falco's places count the blanks that it puts around a list: %j", (check, counted) => {
    const content = empty + list('l', '[a, b]') + rule({ condition: `evt.type=openat and ${check}` });
    const { files, diagnostics } = load(content);
    const [error] = files[0]?.errors ?? [];
    expect(error?.message).toBe("Undefined macro 'nomacro' used in filter.");
    const [item, place] = error?.context.locations.slice(-2) ?? [];
    expect((place?.column ?? 0) - (item?.column ?? 0)).toBe(counted.indexOf('nomacro') + 1);
    // Ours are true.
    const { line = 0, column = 0 } = diagnostics[0]?.at ?? {};
    expect((content.split('\n')[line - 1] ?? '').slice(column - 1)).toBe('nomacro');
  });
});

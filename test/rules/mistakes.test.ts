/** Mistakes in rules files: what is said of them, where, and what to do. */

import { describe, expect, test } from 'vitest';
import { load, rule } from './support.ts';

/** The diagnostics of a file: each with what follows its place on the line. */
function said(content: string) {
  return load(content).diagnostics.map(({ code, message, hint, at }) => {
    const line = content.split('\n')[(at?.line ?? 0) - 1] ?? '';
    return { code, message, hint, at: line.slice((at?.column ?? 1) - 1) };
  });
}

describe('keys', () => {
  test.each([
    [rule({ outptu: 'o' }), 'outptu: o', 'Did you mean output?'],
    [
      rule({ macro: 'm' }).replace('- rule', '- macro').replace('  macro: m', '  rule: m'),
      'rule: m',
      "An item of its own begins with '- rule:'.",
    ],
    [rule({ '<<': '{tags: [a]}' }), '<<: {tags: [a]}', expect.stringContaining('Merge keys (<<) are not read')],
  ])('one that is not known: %#', (content, at, hint) => {
    const found = said(content).filter((each) => each.code === 'LOAD_UNKNOWN_KEY');
    expect(found).toContainEqual(expect.objectContaining({ at, hint }));
  });

  test('one that is given again', () => {
    expect(said(`${rule()}  priority: INFO\n`)).toEqual([
      {
        code: 'LOAD_UNKNOWN_KEY',
        message: "Key 'priority' is given more than once. The first one counts.",
        hint: undefined,
        at: 'priority: INFO',
      },
    ]);
  });

  test('an item that is none', () => {
    expect(said('- macor: m\n  condition: x\n')).toEqual([
      { code: 'LOAD_UNKNOWN_ITEM', message: 'Unknown top level item', hint: 'Did you mean macro?', at: 'macor: m' },
    ]);
  });

  test.each([
    ['misspelt', 'condition:', 'conditon:', "'conditon' was probably meant to be 'condition'."],
    ['not there', '  condition: evt.type=openat\n', '', "Add 'condition:'."],
    [
      'indented too far',
      '  condition:',
      '    condition:',
      "The value of 'desc' holds 'condition:'; indent it as the other keys are.",
    ],
    ['merged', 'condition: evt.type=openat', '<<: {condition: x}', expect.stringContaining('Merge keys')],
  ])('one that must be there is %s', (_, from, to, hint) => {
    const content = rule({ desc: '>\n    d' }).replace(from, to);
    expect(said(content)).toEqual([
      {
        code: 'LOAD_ERR_YAML_VALIDATE',
        message: "Item has no mapping for key 'condition'",
        hint,
        at: 'rule: r1',
      },
    ]);
  });

  test('one without a value', () => {
    const content = rule().replace('condition: evt.type=openat', 'condition:');
    expect(said(content)).toMatchObject([{ message: "Mapping for key 'condition' is empty", at: 'condition:' }]);
  });

  test('a text where a list belongs', () => {
    expect(said(rule({ tags: 'a, b' }))).toMatchObject([{ hint: 'Write a list: [a, b].', at: 'a, b' }]);
    expect(said('- list: l\n  items: {a: b}\n')).toMatchObject([{ hint: 'Write a list: [a, b].', at: '{a: b}' }]);
  });
});

test('a source that is not there', () => {
  expect(said(rule({ source: 'sycall' }))).toMatchObject([{ hint: 'Did you mean syscall?' }]);
  expect(said(rule({ source: 'nothing_like_it' }))).toMatchObject([{ hint: expect.stringContaining('syscall') }]);
});

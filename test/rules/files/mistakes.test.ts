/** Mistakes in rules files: what is said of them, where, and what to do. */

import { describe, expect, test } from 'vitest';
import { load, rule } from '../support.ts';

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

  test('one that must be there is misspelt', () => {
    const hint = "'conditon' was probably meant to be 'condition'.";
    const content = rule().replace('condition', 'conditon');
    expect(said(content)).toMatchObject([{ hint, at: 'conditon: evt.type=openat' }]);
  });

  test('override is misspelt', () => {
    const hint = "'overide' was probably meant to be 'override'.";
    const content = `${rule()}- rule: r1\n  condition: and x\n  overide: {condition: append}\n`;
    expect(said(content)).toMatchObject([{ hint, at: 'overide: {condition: append}' }]);
  });

  test('an engine version of two numbers', () => {
    expect(said('- required_engine_version: 0.57\n')).toMatchObject([{ hint: 'Write 0.57.0.', at: '0.57' }]);
  });

  test('one without a value', () => {
    const content = rule().replace('condition: evt.type=openat', 'condition:');
    expect(said(content)).toMatchObject([{ message: "Mapping for key 'condition' is empty", at: 'condition:' }]);
  });

  test('a list that is empty', () => {
    const content = rule().replace('priority:', 'tags: # of nothing\n  priority:');
    const hint = 'Write a list: [a, b]; [] has no items.';
    expect(said(content)).toMatchObject([
      { message: "Mapping for key 'tags' is empty", hint, at: 'tags: # of nothing' },
    ]);
  });

  test.each([
    ['- list: l\n  items: # none\n\n- list: k\n  items: [a]\n', 'Value is not a sequence', 3, 0],
    ['- list: l\n  items: ~\n', 'Value is not a sequence', 1, 9],
    ['- list: l\n  items:\n  - a\n  -\n', 'sequence value is not scalar', 4, 0],
    ['- {list: l, items: }\n', 'Value is not a sequence', 0, 19],
    ['- required_plugin_versions:\n', 'Value of required_plugin_versions must be a sequence', 1, 0],
    [
      '- required_plugin_versions: [{name: a, version: 1.0.0, alternatives: }]\n',
      'Value of plugin version alternatives must be a sequence',
      0,
      29,
    ],
  ])('what is not written is to Falco where the next token is: %j', (content, message, line, column) => {
    const error = load(content).files[0]?.errors[0];
    expect(error?.message).toBe(message);
    expect(error?.context.locations.at(-1)).toMatchObject({ line, column });
  });

  test('a text where a list belongs', () => {
    expect(said(rule({ tags: 'a, b' }))).toMatchObject([{ hint: 'Write a list: [a, b].', at: 'a, b' }]);
    expect(said('- list: l\n  items: {a: b}\n')).toMatchObject([{ hint: 'Write a list: [a, b].', at: '{a: b}' }]);
  });
});

test('a deprecated field is shown where it is compared', () => {
  const macros = '- macro: exits\n  condition: proc.pid > 0 and evt.dir = <\n';
  const content = macros + rule({ condition: 'evt.type=openat and exits' });
  const { diagnostics, files } = load(content);
  expect(said(content)).toMatchObject([{ code: 'LOAD_DEPRECATED_ITEM', at: 'evt.dir = <' }]);
  expect(diagnostics[0]?.via).toEqual([
    'in macro exits, defined at rules.yaml:1:3',
    "in rule 'r1', defined at rules.yaml:3:3",
  ]);
  // Falco points at the condition.
  expect(files[0]?.warnings[0]?.context.locations.at(-1)).toMatchObject({ line: 4, column: 13 });
});

test('a deprecated field is shown where it is printed', () => {
  expect(said(rule({ output: '"o %evt.dir"' }))).toMatchObject([{ code: 'LOAD_DEPRECATED_ITEM', at: 'evt.dir"' }]);
});

test('what replaces a condition or an output is shown where it is; to Falco it is where the rule is defined', () => {
  const replace = (key: string, value: string) =>
    `${rule()}- rule: r1\n  ${key}: '${value}'\n  override: {${key}: replace}\n`;
  const [condition, output] = [replace('condition', 'evt.type=open and no.field=1'), replace('output', 'o %evt.dir')];
  expect(said(condition)).toMatchObject([{ code: 'LOAD_ERR_COMPILE_CONDITION', at: "no.field=1'" }]);
  expect(said(output)).toMatchObject([{ code: 'LOAD_DEPRECATED_ITEM', at: "evt.dir'" }]);
  expect(load(condition).files[0]?.errors[0]?.context.locations.at(-1)).toMatchObject({ line: 3, column: 32 });
  expect(load(output).files[0]?.warnings[0]?.context.locations.at(-1)).toMatchObject({ line: 3, column: 10 });
});

test('a source that is not there', () => {
  expect(said(rule({ source: 'sycall' }))).toMatchObject([{ hint: 'Did you mean syscall?' }]);
  expect(said(rule({ source: 'nothing_like_it' }))).toMatchObject([{ hint: expect.stringContaining('syscall') }]);
});

/** The hint and the place of what is wrong with a condition. */
function hinted(condition: string, before = '') {
  const [first, ...others] = said(`${before}${rule({ condition: `>\n    evt.type=openat and\n    ${condition}` })}`);
  expect(others.filter(({ code }) => code.startsWith('LOAD_ERR'))).toEqual([]);
  return { hint: first?.hint, at: first?.at };
}

describe('conditions', () => {
  const closed = 'This quote is never closed; one behind a backslash does not close it.';
  const list = 'A list stands behind in, intersects and pmatch, or a modifier: = anyof (a, b).';
  const nothing = (word: string) => `Nothing follows '${word}'.`;
  test.each([
    ['proc.tty = 0 and', nothing('and'), ''],
    ['proc.tty =', nothing('='), ''],
    ['proc.tty in', nothing('in'), ''],
    ['proc.name not in (a)', 'not stands before the field: not proc.name in (a, b).', 'not in (a)'],
    ['proc.name IN (a)', 'Operators are written in lower case: in.', 'IN (a)'],
    ['proc.name contians a', 'Did you mean contains?', 'contians a'],
    ['proc.name contains"a"', 'A blank and a value follow contains.', 'contains"a"'],
    ['proc.name startswith', nothing('startswith'), ''],
    ['proc.name =~ a', 'Patterns are compared by glob or regex.', 'a'],
    ['proc.name like a', 'Patterns are compared by glob or regex.', 'like a'],
    ['proc.name = "a', closed, '"a'],
    ['proc.name = "a\\"', closed, '"a\\"'],
    ['proc.name = (a)', list, '(a)'],
    ['proc.name startswith (a)', list, '(a)'],
    ['proc.tty === 0', 'Equality is = or ==.', '= 0'],
    ['proc.tty <> 0', 'Inequality is !=.', '> 0'],
    ['proc.tty => 0', 'Write >= or <=.', '0'],
    ['proc.tty > "5"', 'Only numbers have an order, and they stand without quotes.', '"5"'],
    ['proc.name > b', 'Only numbers have an order.', 'b'],
    ['proc.duration > 5s', 'Durations are numbers of nanoseconds: a second is 1000000000.', 's'],
    ['proc.name in (a b)', expect.stringContaining('Items are separated by commas'), 'b)'],
    ['proc.name in (a and proc.tty=0', 'This list is never closed: a ) ends it.', '(a and proc.tty=0'],
    ['proc.name in (a', 'This list is never closed: a ) ends it.', '(a'],
    ['(proc.tty=0 or (proc.tty=1)', 'This ( is never closed.', '(proc.tty=0 or (proc.tty=1)'],
    ['not(proc.tty=0', 'This ( is never closed.', '(proc.tty=0'],
    ['proc.tty\u00a0= 0', expect.stringContaining('(U+00A0)'), '\u00a0= 0'],
    ['and proc.tty=0', "A check is missing before 'and'.", 'proc.tty=0'],
    ['proc.tty=0 or or proc.tty=1', "A check is missing before 'or'.", 'proc.tty=1'],
    ['my-macro', 'Names of macros have letters, digits and _ alone.', '-macro'],
    ['AND proc.tty=0', 'Keywords are written in lower case: and, or, not.', 'proc.tty=0'],
  ])('%s', (condition, hint, at) => {
    expect(hinted(condition)).toEqual({ hint, at });
  });

  test('a list in a list that is never closed', () => {
    const lists = '- list: shells\n  items: [bash, sh]\n';
    const hint = 'This list is never closed: a ) ends it.';
    expect(hinted('proc.name in (shells', lists)).toEqual({ hint, at: '(shells' });
    expect(hinted('proc.name in (shells and proc.tty=0', lists)).toEqual({
      hint,
      at: '(shells and proc.tty=0',
    });
  });

  test('a list without parentheses', () => {
    const lists = '- list: shells\n  items: [bash, sh]\n';
    for (const [condition, words, at] of [
      ['proc.name in shells', 'in', 'in shells'],
      ['proc.name = anyof shells and x', 'anyof', 'anyof shells and x'],
      ['fd.name startswith shells', 'startswith anyof', 'startswith shells'],
      ['proc.name = shells', 'in', '= shells'],
      ['proc.name != shells', 'not FIELD in', '!= shells'],
    ] as const)
      expect(hinted(condition, lists)).toEqual({ hint: `shells is a list: ${words} (shells).`, at });
    expect(hinted('proc.name in (shells x)', lists).hint).not.toContain('is a list');
    expect(hinted('proc.name startswith "a" shells', lists).hint).not.toContain('is a list');
  });

  test('a list whose name is misspelt', () => {
    const content = `- list: shell_binaries\n  items: [bash]\n${rule({ condition: 'evt.type=openat and proc.name in (shell_binarys)' })}`;
    expect(said(content)).toMatchObject([
      { code: 'LOAD_COMPILE_CONDITION', hint: 'Did you mean the list shell_binaries?', at: 'shell_binarys)' },
      {
        code: 'LOAD_UNUSED_LIST',
        hint: "'shell_binarys' in rule 'r1' may be meant to be it.",
        at: 'list: shell_binaries',
      },
    ]);
    expect(said(content.replace('shell_binarys', 'nothing_like_it'))).toMatchObject([{ hint: undefined }]);
  });

  test('the name of a list that is not there, and what only looks like one', () => {
    const lists = '- list: shell_binaries\n  items: [bash, my_shells]\n';
    const used = 'proc.pname in (shell_binaries)';
    const strays = (condition: string, more = '') =>
      said(`${lists}${rule({ condition: `evt.type=openat and ${used} and ${condition}` })}${more}`);
    const code = 'LOAD_COMPILE_CONDITION';
    const define = (name: string) => `Define the list ${name}, or put the text in quotes.`;
    const message = (name: string) => `'${name}' is not the name of a list: it is a text like any other`;
    expect(strays('proc.name in nolist')).toEqual([
      { code, message: message('nolist'), hint: define('nolist'), at: 'nolist' },
    ]);
    expect(strays('proc.name in (my_tools)')).toEqual([
      { code, message: message('my_tools'), hint: define('my_tools'), at: 'my_tools)' },
    ]);
    expect(strays('proc.name in (sh, shel_binaries)')).toMatchObject([
      { hint: 'Did you mean the list shell_binaries?' },
    ]);
    const exception = (value: string) =>
      strays(
        'x.y exists'.replace('x.y', 'fd.name'),
        `  exceptions:\n    - {name: e, fields: proc.name, values: [${value}]}\n`,
      );
    expect(exception('shell_binarie')).toMatchObject([{ hint: 'Did you mean the list shell_binaries?' }]);
    for (const value of ['my_tools', 'docker_init', 'shell_binaries']) expect(exception(value)).toEqual([]);
    for (const plain of [
      '(docker_init)',
      '(kube_ops, shell_libraries)',
      '("my_tools")',
      '(sh, my_tools)',
      '(shells)',
      '(my.things)',
      '()',
    ])
      expect([plain, strays(`proc.name in ${plain}`)]).toEqual([plain, []]);
    // In a macro it is said once, however many use it.
    const macro = '- macro: m\n  condition: proc.name in (my_tools)\n';
    const two = ['a', 'b'].map((name) => rule({ condition: 'evt.type=openat and m' }, name)).join('');
    expect(said(macro + two)).toEqual([
      { code, message: message('my_tools'), hint: define('my_tools'), at: 'my_tools)' },
    ]);
  });

  test('a list whose name is misspelt where no word can stand', () => {
    const lists = '- list: my_ips\n  items: [10.0.0.1]\n- list: my_ports\n  items: [22]\n';
    expect(hinted('fd.sip in (my_ipss)', lists)).toEqual({ hint: 'Did you mean the list my_ips?', at: 'my_ipss)' });
    expect(hinted('fd.sport in (22, my_prots)', lists).hint).toBe('Did you mean the list my_ports?');
    expect(hinted('fd.sip in ("my_ipss")', lists).hint).toBeUndefined();
    expect(hinted('fd.sip in (elsewhere)', lists).hint).toBeUndefined();
  });

  test('quotes and blanks from elsewhere', () => {
    const warned = (condition: string) => said(rule({ condition: `evt.type=openat and ${condition}` }));
    expect(warned('proc.name = “bash”')).toMatchObject([{ code: 'LOAD_COMPILE_CONDITION', at: '“bash”' }]);
    expect(warned('proc.name in (a\u00a0b)')).toMatchObject([{ code: 'LOAD_COMPILE_CONDITION', at: 'a\u00a0b)' }]);
    expect(warned("proc.name = '“bash”'")).toEqual([]);
    expect(warned('proc.name = café')).toEqual([]);
  });
});

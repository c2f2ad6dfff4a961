import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { loadRules } from '../../../src/rules/index.ts';
import { catalogue, codes, load, messages, rule } from '../support.ts';

/** The compiled conditions of a file's rules. */
function compiled(content: string): readonly string[] {
  const result = load(content);
  expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return result.rules.map(({ condition }) => condition.compiled);
}

describe('definitions', () => {
  test('a rule has everything that its file says', () => {
    const more = { tags: '[b, a, b]', enabled: 'no', capture: 'true', capture_duration: '5', priority: 'info' };
    const [found] = load(rule({ ...more, output: '" o %proc.name "' })).rules;
    expect(found).toMatchObject({
      name: 'r1',
      source: 'syscall',
      priority: 'Informational',
      tags: ['a', 'b'],
      enabled: false,
      desc: 'd',
      capture: true,
      captureDuration: 5,
      file: 'rules.yaml',
      line: 1,
    });
    expect(found?.output.text).toBe('o %proc.name');
  });

  test('a rule that is defined again keeps its place and takes the new content', () => {
    const result = load(rule() + rule({}, 'r2') + rule({ condition: 'evt.type=dup' }));
    expect(result.rules.map(({ name, condition }) => [name, condition.text])).toEqual([
      ['r1', 'evt.type=dup'],
      ['r2', 'evt.type=openat'],
    ]);
  });

  test('lists are text, one level deep, and quoted where they hold blanks', () => {
    const lists = '- list: a\n  items: [x y, \'"p q"\']\n- list: b\n  items: [a, z]\n- list: e\n  items: []\n';
    expect(compiled(lists + rule({ condition: 'evt.type=openat and proc.name in (b, e, last)' }))).toEqual([
      '(evt.type = openat and proc.name in ("x y", "p q", z, last))',
    ]);
  });

  test('a macro is one operand; a rule may use macros that come later', () => {
    const macro = '- macro: m\n  condition: proc.name=a or proc.name=b\n';
    expect(compiled(rule({ condition: 'evt.type=openat and not m' }) + macro)).toEqual([
      '(evt.type = openat and not (proc.name = a or proc.name = b))',
    ]);
  });

  test('override appends and replaces', () => {
    const override = `- rule: r1
  condition: and proc.pid>1
  tags: [t]
  priority: DEBUG
  override: {condition: append, tags: append, priority: replace}
`;
    const [found] = load(rule({ tags: '[s]' }) + override).rules;
    expect(found).toMatchObject({ priority: 'Debug', tags: ['s', 't'] });
    expect(found?.condition.compiled).toBe('(evt.type = openat and proc.pid > 1)');
  });

  test('the old way to append reads condition and exceptions only', () => {
    const append = '- rule: r1\n  append: true\n  output: 5\n  enabled: perhaps\n  condition: and proc.pid>1\n';
    const result = load(rule() + append);
    expect(codes(result)).toEqual(['LOAD_DEPRECATED_ITEM']);
    expect(result.rules[0]?.condition.compiled).toBe('(evt.type = openat and proc.pid > 1)');
    expect(result.rules[0]?.output.text).toBe('o');
  });

  test.each([
    ['{fields: proc.name, values: [cat, a b]}', 'not proc.name in (cat, "a b")'],
    ['{fields: [proc.name], values: [[cat], [dog]]}', 'not (proc.name = cat or proc.name = dog)'],
    [
      '{fields: [proc.name, fd.name], comps: [in, startswith anyof], values: [[[a, b], [/x]]]}',
      'not (proc.name in (a, b) and fd.name startswith anyof (/x))',
    ],
    ['{fields: fd.name, comps: pmatch, values: [/etc]}', 'not fd.name pmatch (/etc)'],
    ['{fields: ["tolower(proc.name)"], values: [[x]]}', 'not tolower(proc.name) = x'],
  ])('exception %s', (exception, expected) => {
    const content = rule({ exceptions: `[{name: e, ${exception.slice(1, -1)}}]` });
    expect(compiled(content)).toEqual([`(evt.type = openat and ${expected})`]);
  });

  test('an exception gets more values', () => {
    const first = rule({ exceptions: '[{name: e, fields: proc.name, values: [cat]}]' });
    const more = '- rule: r1\n  exceptions: [{name: e, values: [dog]}]\n  override: {exceptions: append}\n';
    expect(compiled(first + more)).toEqual(['(evt.type = openat and not proc.name in (cat, dog))']);
  });

  test('append_output adds text, fields and what the event source suggests', () => {
    const suggesting = { ...catalogue, source: 'test', fields: [...catalogue.fields] };
    const first = suggesting.fields[0];
    if (first) suggesting.fields[0] = { ...first, suggested: true };
    const content = rule({ source: 'test', condition: 't.i=1', tags: '[x]', output: 'o' });
    const result = loadRules([{ name: 'r.yaml', content }], {
      catalogues: new Map([['test', suggesting]]),
      appendOutput: [
        { match: { tags: ['x'] }, extraOutput: 'i=%t.i', suggestedOutput: true },
        { match: { tags: ['y'] }, extraOutput: 'never' },
        { extraFields: ['t.b', { mine: 'b is %t.b' }] },
      ],
    });
    const output = result.rules[0]?.output;
    expect(output?.text).toBe('o i=%t.i t_s=%t.s');
    const values: Record<string, string | number | boolean> = { 't.i': 1, 't.b': true };
    const plain = {
      name: 'p',
      reader:
        ({ text }: { text: string }) =>
        () =>
          values[text],
    };
    const event = { source: 'test', type: 'x', time: 0n, get: () => undefined };
    expect(output?.bind(plain).text(event)).toBe('o i=1 t_s=<NA>');
    expect(output?.bind(plain).fields(event)).toEqual({ 't.i': 1, 't.s': null, 't.b': true, mine: 'b is true' });
  });
});

describe('selection', () => {
  const content = rule({ tags: '[t1]' }, 'alpha one') + rule({ priority: 'ERROR' }, 'beta one') + rule({}, 'gamma');
  const enabled = (options: Parameters<typeof load>[1]) =>
    load(content, options)
      .rules.filter((each) => each.enabled)
      .map(({ name }) => name);

  test('later entries win', () => {
    expect(
      enabled({
        selection: [
          { op: 'disable', rule: '*' },
          { op: 'enable', tag: 't1' },
        ],
      }),
    ).toEqual(['alpha one']);
    expect(enabled({ selection: [{ op: 'disable', rule: '*one' }] })).toEqual(['gamma']);
    expect(enabled({ selection: [{ op: 'disable', rule: 'one' }] })).toEqual(['alpha one', 'beta one', 'gamma']);
  });

  test('rules below the least priority are not enabled', () => {
    expect(enabled({ minPriority: 'Warning' })).toEqual(['beta one']);
  });
});

describe('requirements', () => {
  const plugins =
    '- required_plugin_versions: [{name: a, version: 0.2.0, alternatives: [{name: b, version: 1.0.0}]}]\n';
  test.each([
    [[{ name: 'b', version: '1.2.0' }], undefined],
    [
      [{ name: 'a', version: '0.1.9' }],
      "Plugin 'a' version '0.1.9' is not compatible with required plugin version '0.2.0'",
    ],
    [
      [{ name: 'a', version: '1.0.0' }],
      "Plugin 'a' version '1.0.0' is not compatible with required plugin version '0.2.0'",
    ],
    [[], 'Plugin requirement not satisfied, must load one of: a (>= 0.2.0), b (>= 1.0.0)'],
  ])('with %o', (loaded, error) => {
    const result = load(plugins + rule(), { plugins: loaded });
    expect(result.pluginError).toBe(error);
    expect(result.ok).toBe(error === undefined);
    const places = result.diagnostics.flatMap(({ code, at }) => (code === 'LOAD_ERR_VALIDATE' ? [at] : []));
    expect(places).toMatchObject(error === undefined ? [] : [{ file: 'rules.yaml', line: 1, column: 30 }]);
  });

  test('of several engine versions the highest is required', () => {
    const of = (...versions: string[]) => load(versions.map((each) => `- required_engine_version: ${each}\n`).join(''));
    expect(of('0.57.0', '26').definitions.requiredEngineVersion).toBe('0.57.0');
    expect(of('0.26.0', '0.57.1', '0.57.0').definitions.requiredEngineVersion).toBe('0.57.1');
  });

  test('container is built in', () => {
    const content =
      '- required_plugin_versions: [{name: container, version: 0.4.0}]\n- required_engine_version: 0.57.0\n';
    expect(loadRules([{ name: 'r', content }], { catalogues }).ok).toBe(true);
  });
});

test('operators that name no event types take them in any form', () => {
  const checks = 'tolower(evt.type) startswith open and evt.type contains val(proc.name)';
  expect(compiled(rule({ condition: `evt.type=openat and ${checks}` }))).toEqual([`(evt.type = openat and ${checks})`]);
});

test('loading ends with the first file that has an error', () => {
  const files = [
    { name: 'a.yaml', content: rule() },
    { name: 'b.yaml', content: rule({ condition: '(' }, 'r2') },
    { name: 'c.yaml', content: rule({}, 'r3') },
  ];
  const result = loadRules(files, { catalogues });
  expect(result.files.map(({ name, ok }) => [name, ok])).toEqual([
    ['a.yaml', true],
    ['b.yaml', false],
  ]);
  expect(result.ok).toBe(false);
});

test('a warning that a later file mends is not among the diagnostics', () => {
  const files = [
    { name: 'a.yaml', content: '- list: l\n  items: [a]\n' },
    { name: 'b.yaml', content: rule({ condition: 'evt.type=openat and proc.name in (l)' }) },
  ];
  const result = loadRules(files, { catalogues });
  expect(result.files[0]?.warnings.map(({ code }) => code)).toEqual(['LOAD_UNUSED_LIST']);
  expect(result.diagnostics).toEqual([]);
});

test('a rule that is left out is there again when a later file mends its macro', () => {
  const first = rule({ condition: 'evt.type=openat and m', 'skip-if-unknown-filter': 'true' });
  const macro = (condition: string) => `- macro: m\n  condition: ${condition}\n`;
  const of = (...conditions: string[]) => {
    const files = conditions.map((each, index) => ({ name: `${index}`, content: (index ? '' : first) + macro(each) }));
    return loadRules(files, { catalogues, plugins: [] });
  };
  const out = of('no.field=1');
  expect(out.diagnostics.map(({ code }) => code)).toEqual(['LOAD_UNKNOWN_FILTER']);
  expect(out.rules).toEqual([]);
  expect(of('no.field=1', 'proc.pid>1').rules.map(({ name }) => name)).toEqual(['r1']);
});

test('a rule that is left out for its output uses its macros and lists', () => {
  const left = rule({
    condition: 'evt.type=openat and m and proc.name in (l)',
    output: '"%no.field"',
    'skip-if-unknown-filter': 'true',
  });
  const content = `- list: l\n  items: [a]\n- macro: m\n  condition: proc.pid>1\n- macro: n\n  condition: m\n${left}`;
  const { rules, diagnostics } = load(content);
  expect(rules).toEqual([]);
  expect(diagnostics.map(({ code }) => code)).toEqual(['LOAD_UNKNOWN_FILTER', 'LOAD_UNUSED_MACRO']);
  const alone = load(`- macro: m\n  condition: proc.pid>1\n${left.replace(' and proc.name in (l)', '')}`);
  expect(alone.diagnostics.map(({ code }) => code)).toEqual(['LOAD_UNKNOWN_FILTER']);
});

test('several documents, null items, anchors and empty files are fine', () => {
  const content = `- list: l\n  items: &items [a, b]\n-\n- list: k\n  items: *items\n---\n${rule({ condition: 'evt.type=openat and proc.name in (l, k)' })}`;
  expect(compiled(content)).toEqual(['(evt.type = openat and proc.name in (a, b, a, b))']);
  expect(load('').ok).toBe(true);
  expect(load('# nothing\n').ok).toBe(true);
});

test('macros that expand without end are refused quickly', () => {
  const doubling = Array.from({ length: 40 }, (_, n) => `- macro: m${n + 1}\n  condition: m${n} and m${n}\n`).join('');
  const content = `- macro: m0\n  condition: evt.type=openat\n${doubling}${rule({ condition: 'm40' })}`;
  expect(messages(load(content))).toEqual(['the condition is too large with its macros in place']);
  const chain = Array.from({ length: 5000 }, (_, n) => `- macro: m${n + 1}\n  condition: m${n}\n`).join('');
  const deep = `- macro: m0\n  condition: evt.type=openat\n${chain}${rule({ condition: 'm5000' })}`;
  expect(messages(load(deep))).toEqual(['the condition is too large with its macros in place']);
});

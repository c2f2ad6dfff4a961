import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Value } from '../../../src/events/field.ts';
import { describeRules, explainVerdict, type Rule } from '../../../src/rules/index.ts';
import { heldBytes } from '../../garbage.ts';
import { folder, load, loadText, verdict } from '../far-list.ts';
import { eventOf, form, rule } from '../support.ts';

describe('a list from a file', () => {
  test.each<[string, string, Value, boolean]>([
    ['t.s in (far)', 'a\n b \n\n# c\nd # e\n', 'b', true],
    ['t.s in (far)', 'a\n# c\n', '# c', false],
    ['t.s in (far)', 'a\r\nb\r\n', 'b', true],
    ['t.s in (far)', '\uFEFFa\n', 'a', true],
    ['t.s in far', 'a\n', 'a', true],
    ['t.s in (x, far, "y z")', 'a\n', 'y z', true],
    ['t.s in (x, far)', 'a\n', 'a', true],
    ['t.s in (x, "far")', 'a\n', 'a', false],
    ['t.s in (x, "far")', 'a\n', 'far', true],
    ['not t.s in (far)', 'a\n', 'b', true],
    ['t.s = anyof (far)', 'a\n', 'a', true],
    ['t.s = oneof (far, a)', 'a\n', 'a', false],
    ['t.s in (far)', 'grüße😀\n', 'grüße😀', true],
    ['t.i in (far)', '1\n2\n', 2, true],
    ['t.i in (far)', '9007199254740993\n', 9007199254740993n, true],
    ['t.port in (far)', 'https\n22\n', 443, true],
    ['t.b in (far)', 'true\n', true, true],
    ['t.ip in (far)', '10.0.0.1 # bad\n2001:DB8::0:1;x\n', '2001:db8::1', true],
    ['t.ip in (far)', '10.0.0.1 # bad\n', '10.0.0.1', true],
    ['t.ends in (far)', '10.0.0.1\n', ['1.1.1.1', '10.0.0.1'], true],
    ['t.net in (far)', '10.0.0.0/8\n192.168.1.1\n', '10.255.0.1', true],
    ['t.net in (far)', '10.0.0.0/8\n192.168.1.1\n', '192.168.1.2', false],
    ['t.net in (far, 172.16.0.0/12)', '10.0.0.0/8\n', '172.31.0.1', true],
    ['t.net in (far)', '2001:db8::/32\n', '2001:db8:ffff::1', true],
    ['t.net in (far)', '0.0.0.0/0\n', '::1', false],
    ['t.list in (far)', 'a\nb\n', ['a', 'b'], true],
    ['t.list in (far)', 'a\nb\n', ['a', 'c'], false],
    ['t.list intersects (far)', 'a\nb\n', ['a', 'c'], true],
    ['t.nets intersects (far)', '10.0.0.0/8\n', ['1.1.1.1', '10.1.1.1'], true],
    ['t.s startswith anyof (far)', '/etc\n/usr/lib\n', '/etc/passwd', true],
    ['t.s startswith oneof (far)', '/etc\n/etc/pass\n', '/etc/passwd', false],
    ['t.s startswith oneof (far)', '/etc\n/etc/pass\n', '/etc/group', true],
    ['t.s startswith oneof (far, /etc)', '/usr\n', '/etc/group', true],
    ['t.s pmatch (far)', '/etc\nusr//lib/\n', '/usr/lib/x', true],
    ['t.s pmatch (far)', '/etc\n', '/etcetera', false],
    ['t.s pmatch (far)', '/home/*/.ssh\n', '/home/alice/.ssh/id', true],
    ['t.s pmatch (far, /opt)', '/etc\n', '/opt/x', true],
    ['t.s pmatch (far)', '/\n', '/x', true],
    ['tolower(t.s) in (far)', 'abc\n', 'ABC', true],
  ])('%s, with %j', (condition, content, value, expected) => {
    const result = load(condition, content);
    expect(result.diagnostics.filter(({ code }) => code !== 'LOAD_UNUSED_LIST')).toEqual([]);
    const field = /t\.\w+/.exec(condition)?.[0] ?? '';
    for (const engine of ['closures', 'generated'] as const) {
      expect(verdict(result, { [field]: value }, engine)).toBe(expected);
      expect(verdict(result, {}, engine)).toBe(condition.startsWith('not'));
    }
    const explained = explainVerdict(result.rules[0] as Rule, eventOf({ [field]: value }), form);
    expect(explained.matches).toBe(expected);
  });

  test('in lists, macros and exceptions, appended to and beside items', () => {
    const more = '- list: both\n  items: [far, x]\n- list: far\n  items: [y]\n  override: {items: append}\n';
    for (const condition of ['t.s in (both)', 't.s in (far, x)']) {
      const result = load(condition, 'a\n', { more });
      expect(result.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(['a', 'x', 'y', 'z'].map((value) => verdict(result, { 't.s': value }))).toEqual([true, true, true, false]);
    }
    const exceptions = '[{name: e, fields: t.s, values: [far]}]';
    writeFileSync(join(folder, 'far.txt'), 'a\n');
    const excepted = loadText(
      `- list: far\n  items_from: {file: far.txt}\n${rule({ source: 'test', condition: 't.i=1', exceptions })}`,
    );
    expect(excepted.diagnostics).toEqual([]);
    expect(verdict(excepted, { 't.i': 1, 't.s': 'a' })).toBe(false);
    expect(verdict(excepted, { 't.i': 1, 't.s': 'b' })).toBe(true);
  });

  test('a column of a table', () => {
    const table = 'name,"the, address",n\n"a ""quoted""\nname",10.0.0.1,1\n\nb , 10.0.0.2 ,2\n';
    const of = (column: string) => load('t.s in (far)', table, { from: `, format: csv, column: ${column}` });
    expect(verdict(of('"the, address"'), { 't.s': '10.0.0.2' })).toBe(true);
    expect(verdict(of('name'), { 't.s': 'a "quoted"\nname' })).toBe(true);
    expect(verdict(of('name'), { 't.s': 'name' })).toBe(false);
    expect(verdict(of('2'), { 't.s': 'the, address' })).toBe(true);
    expect(of('nmae').diagnostics[0]).toMatchObject({
      ...{ code: 'LOAD_ERR_EXTENSION', at: { file: 'far.txt', line: 1 }, via: ['named at rules.yaml:2:23'] },
      message: "the table has no column 'nmae'; it has name, the, address, n",
    });
  });

  test('is described by where it comes from', () => {
    const described = describeRules(load('t.s in (far)', 'a\n'));
    expect(described.lists[0]).toMatchObject({ info: { items: [], items_from: 'far.txt' }, details: { used: true } });
    expect(described.rules[0]?.details.condition_compiled).toBe('t.s in (far)');
  });
});

describe('what is wrong is said with its place', () => {
  test('a file that is not there: at its name in the rules; optional: a warning', () => {
    const content = (optional: string) =>
      `- list: far\n  items_from: { file: nowhere.txt${optional} }\n${rule({ source: 'test', condition: 't.s in (far)' })}`;
    const missing = loadText(content(''));
    expect(missing.ok).toBe(false);
    expect(missing.diagnostics).toMatchObject([
      { severity: 'error', code: 'LOAD_ERR_FILE_READ', at: { file: 'rules.yaml', line: 2, column: 23, length: 11 } },
    ]);
    expect(missing.diagnostics[0]?.message).toMatch(/^Cannot read nowhere.txt: ENOENT/);
    const optional = loadText(content(', optional: true'));
    expect(optional.ok).toBe(true);
    expect(optional.diagnostics).toMatchObject([{ severity: 'warning', code: 'LOAD_WARNING_EXTENSION' }]);
    expect(verdict(optional, { 't.s': 'a' })).toBe(false);
  });

  test('items that are none are left out with a warning; when all are, it is an error', () => {
    const some = load('t.ip in (far)', '10.0.0.1\nhello\n10.0.0.300\n');
    expect(some.ok).toBe(true);
    expect(some.diagnostics).toMatchObject([
      {
        ...{ severity: 'warning', code: 'LOAD_WARNING_EXTENSION', at: { file: 'far.txt', line: 2 } },
        message: 'unrecognized IPv6 address hello: left out of the list far, as is another',
      },
    ]);
    expect(verdict(some, { 't.ip': '10.0.0.1' })).toBe(true);
    const mapped = load('t.ip in (far)', '10.0.0.1\n::ffff:10.0.0.2\n');
    expect(mapped.diagnostics[0]?.message).toBe('unrecognized IPv4 address ::ffff:10.0.0.2: left out of the list far');
    for (const condition of ['t.ip in (far) or t.s in (far)', 't.s in (far) or t.ip in (far)']) {
      const twice = load(condition, '10.0.0.1\nhello\n');
      expect(twice.diagnostics[0]?.message).toBe(
        'unrecognized IPv6 address hello (where it is compared as one): left out of the list far',
      );
      expect(verdict(twice, { 't.s': 'hello' })).toBe(true);
    }
    for (const [item, message] of [
      ['{"error":"rate limit"}', 'unrecognized IP network {"error":"rate limit"}'],
      ['http://a.b/c d', 'unrecognized IP network http://a.b/c d'],
      ['10.0.0.0/33 x', 'invalid netmask 33'],
    ] as const) {
      const { diagnostics } = load('t.net in (far)', `10.0.0.1\n${item}\n`);
      expect(diagnostics.map((each) => each.message)).toEqual([`${message}: left out of the list far`]);
    }
    const all = load('t.i in (far)', 'a\nb\n');
    expect(all.ok).toBe(false);
    expect(all.diagnostics).toMatchObject([
      { severity: 'error', code: 'LOAD_ERR_EXTENSION', message: expect.stringContaining('a is not a valid number') },
    ]);
    expect(load('t.s in (far)', '# nothing\n').diagnostics).toMatchObject([{ code: 'LOAD_WARNING_EXTENSION' }]);
  });

  test.each([
    ['t.s contains anyof (far)', "'contains anyof' does not go with the list far", 'far'],
    ['t.s != anyof (far)', "'!= anyof' does not go with the list far", 'far'],
    ['t.net = oneof (far)', "'= oneof' does not go with the list far", 'far'],
    ['t.buf in (far)', "'in' does not go with the list far", 'far'],
  ])('%s', (condition, message, underlined) => {
    const { diagnostics } = load(condition, 'a\n');
    expect(diagnostics[0]?.message).toContain(message);
    const text = `  condition: ${condition}`;
    expect(text.slice((diagnostics[0]?.at?.column ?? 0) - 1).slice(0, diagnostics[0]?.at?.length)).toBe(underlined);
  });

  test('event types have to be known beforehand', () => {
    writeFileSync(join(folder, 'far.txt'), 'open\n');
    const { diagnostics } = loadText(
      `- list: far\n  items_from: {file: far.txt}\n${rule({ condition: 'evt.type in (far)' })}`,
    );
    expect(diagnostics[0]?.message).toContain('event types cannot come from the list far');
  });

  test.each([
    ['{}', 'needs either a file or a url', 'items_from'],
    ['{file: a, url: "http://x"}', 'needs either a file or a url', 'items_from'],
    ['far.txt', 'must be a mapping', 'far.txt'],
    ['{flie: a}', "has no key 'flie'", 'flie'],
    ['{url: "ftp://x"}', 'is not an address of the web', 'ftp://x'],
    ['{file: a, refresh: soon}', "'soon' is not a time", 'soon'],
    ['{file: a, refresh: 10ms}', "'10ms' is not a time", '10ms'],
    ['{file: a, format: xml}', "format is lines or csv, not 'xml'", 'xml'],
    ['{file: a, format: csv}', 'needs the column', 'items_from'],
    ['{file: a, column: b}', 'column goes with format: csv', 'b'],
    ['{file: a, format: csv, column: 0}', 'counted from 1', '0'],
    ['{file: a, headers: {x-a: b}}', 'headers go with a url', 'x-a'],
    ['{url: "http://x", headers: b}', 'headers must be a mapping', 'b'],
    ['{url: "http://x", headers: {"a b": c}}', "'a b' is no name of a header", 'a b'],
    ['{url: "http://x", headers: {a: {secret: c}}}', "the header 'a' is a text, { env: NAME } or { file: PATH }", 'a'],
  ])('items_from: %s', (from, message) => {
    const { diagnostics, ok } = loadText(`- list: far\n  items_from: ${from}\n`);
    expect(ok).toBe(false);
    expect(diagnostics[0]).toMatchObject({ code: 'LOAD_ERR_YAML_VALIDATE', at: { file: 'rules.yaml', line: 2 } });
    expect(diagnostics[0]?.message).toContain(message);
  });

  test('a list that is appended cannot come from elsewhere', () => {
    const text = '- list: a\n  items: [x]\n- list: a\n  items_from: {file: far.txt}\n  override: {items: append}\n';
    expect(loadText(text).diagnostics[0]?.message).toContain('cannot be appended');
  });
});

test('whatever a file holds, it is loaded or refused with a place', () => {
  const pieces = fc.constantFrom(
    'a',
    '10.0.0.1',
    '::1/64',
    '/',
    '//',
    '*',
    '"',
    ',',
    '\n',
    '\r\n',
    '#',
    ' ',
    '\uFEFF',
    '\0',
    '😀',
    '1',
  );
  const content = fc.oneof(
    fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join('')),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const conditions = [
    't.s in (far)',
    't.s pmatch (far)',
    't.s startswith oneof (far)',
    't.net in (far)',
    't.i in (far)',
  ];
  const forms = ['', ', format: csv, column: 1', ', format: csv, column: a'];
  fc.assert(
    fc.property(
      content,
      fc.constantFrom(...conditions),
      fc.constantFrom(...forms),
      fc.string(),
      (text, condition, from, value) => {
        const result = load(condition, text, { from });
        for (const { at } of result.diagnostics) expect(at?.line).toBeGreaterThan(0);
        if (result.ok) verdict(result, { 't.s': value, 't.net': value, 't.i': 1 });
        else expect(result.diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
      },
    ),
    { numRuns: process.env.FALCO_PIPE_LONG ? 20_000 : 400 },
  );
});

describe('many items', () => {
  const many = process.env.FALCO_PIPE_LONG ? 2_000_000 : 100_000;
  const octets = (n: number) => `${1 + (n % 200)}.${(n >> 8) & 255}.${(n >> 16) & 255}.${(n * 7) & 255}`;
  test.each<[string, (n: number) => string, string, Value, Value]>([
    [
      'texts',
      (n) => `/opt/some/folder/file-${n}`,
      't.s in (far)',
      '/opt/some/folder/file-77',
      '/opt/some/folder/file-x',
    ],
    ['paths', (n) => `/opt/f${n % 1000}/file-${n}`, 't.s pmatch (far)', '/opt/f77/file-77/x', '/opt/f78/file-77/x'],
    [
      'beginnings',
      (n) => `/opt/f${n % 1000}/file-${n}/`,
      't.s startswith anyof (far)',
      '/opt/f77/file-77/x',
      '/opt/f1/x',
    ],
    ['networks', (n) => `${octets(n)}/28`, 't.net in (far)', octets(77), '250.1.1.1'],
  ])('%s take little memory, off the heap', (_, make, condition, inside, outside) => {
    const content = `${Array.from({ length: many }, (_each, n) => make(n)).join('\n')}\n`;
    writeFileSync(join(folder, 'far.txt'), content);
    const before = heldBytes();
    const result = loadText(`- list: far\n  items_from: {file: far.txt}\n${rule({ source: 'test', condition })}`);
    const grown = heldBytes() - before;
    expect(result.diagnostics).toEqual([]);
    const field = condition.startsWith('t.net') ? 't.net' : 't.s';
    expect(verdict(result, { [field]: inside })).toBe(true);
    expect(verdict(result, { [field]: outside })).toBe(false);
    expect(grown / many).toBeLessThan(150);
  });
});

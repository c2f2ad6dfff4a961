/** What is wrong with rules files by Falco's codes (spec/falco-engine.md §1.11): each is earned, and no other. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { wrapped } from '../../../src/rules/values/constants.ts';
import { catalogue, codes, load, rule, syscall } from '../support.ts';

/** Every code, with the smallest file that earns it. */
const earned: Readonly<Record<string, readonly string[]>> = {
  LOAD_ERR_YAML_PARSE: ['- list: l\n  items: *nowhere\n', '- rule: [', '- rule: "x', '\t- a', `${'['.repeat(20_000)}`],
  LOAD_ERR_YAML_VALIDATE: [
    'rule: x',
    'hello',
    '- hello',
    '- rule: r1\n',
    rule({ condition: '""' }),
    rule({ condition: '' }),
    rule({ condition: '[a]' }),
    rule({ priority: 'URGENT' }),
    rule({ tags: 'abc' }),
    rule({ tags: '[[a]]' }),
    rule({ enabled: 'perhaps' }),
    rule({ capture_duration: '-1' }),
    rule({ exceptions: 'abc' }),
    rule({ exceptions: '[{values: []}]' }),
    rule({ exceptions: '[{name: e, values: []}]' }),
    '- list: l\n',
    '- macro: m\n',
    '- required_engine_version: 0.26\n',
    '- required_plugin_versions: x\n',
    `${rule()}- rule: r1\n  source: x\n  override: {source: replace}\n`,
    `${rule()}- rule: r1\n  priority: INFO\n  override: {priority: append}\n`,
    `${rule()}- rule: r1\n  condition: x\n  override: {condition: prepend}\n`,
    `${rule()}- rule: r1\n  override: {condition: append}\n`,
    `${rule()}- rule: r1\n  condition: and x\n  desc: d\n  override: {condition: append}\n`,
    `${rule()}- rule: r1\n  append: true\n  condition: and x\n  override: {condition: append}\n`,
  ],
  LOAD_ERR_COMPILE_CONDITION: [
    rule({ condition: 'evt.type=' }),
    rule({ condition: 'evt.type=openat and nosuch.field=1' }),
    rule({ condition: 'evt.type=nosuchcall' }),
    rule({ condition: 'evt.type=openat and evt.arg.nosuch=1' }),
    rule({ condition: 'tolower(evt.type)=openat' }),
    rule({ condition: 'evt.type=openat and tolower(evt.type) exists' }),
    rule({ condition: 'evt.type in val(proc.name)' }),
    rule({ condition: 'evt.type=val(proc.name)' }),
    rule({ condition: 'evt.type=openat and proc.pid=abc' }),
    '- macro: m\n  condition: evt.type=\n',
  ],
  LOAD_ERR_COMPILE_OUTPUT: [rule({ output: 'o %no.field' }), rule({ output: '"100%"' })],
  LOAD_ERR_VALIDATE: [
    rule({ condition: 'evt.type=openat and nomacro' }),
    '- macro: m\n  condition: m\n',
    '- macro: a\n  condition: evt.type=dup\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n',
    '- required_engine_version: 0.63.1\n',
    '- required_engine_version: 1.0.0\n',
    '- required_plugin_versions: [{name: p, version: x}]\n',
    '- required_plugin_versions: [{name: p, version: 0.1.0, alternatives: [{name: p, version: 0.2.0}]}]\n',
    '- rule: r1\n  append: true\n  condition: x\n',
    '- rule: r1\n  enabled: true\n',
    '- rule: r1\n  condition: x\n  override: {condition: replace}\n',
    '- list: l\n  items: [a]\n  append: true\n',
    '- macro: m\n  condition: x\n  append: true\n',
    `${rule()}- rule: r1\n  append: true\n`,
    `${rule()}${rule({ source: 'alert' })}`,
    rule({ exceptions: '[{name: e, fields: [proc.name, fd.name], comps: [in]}]' }),
    rule({ exceptions: '[{name: e, fields: [proc.name, fd.name], values: [[a]]}]' }),
    rule({ exceptions: '[{name: e, fields: proc.name, comps: [in]}]' }),
    rule({ exceptions: '[{name: e, fields: proc.name, comps: startswith}]' }),
    rule({ exceptions: '[{name: e, fields: proc.name, values: [[a]]}]' }),
    rule({ exceptions: '[{name: e, fields: [no.field]}]' }),
    rule({ exceptions: '[{name: e, fields: [proc.name], comps: [in oneof]}]' }),
    `${rule()}- rule: r1\n  exceptions: [{name: e, values: [a]}]\n  override: {exceptions: append}\n`,
    `${rule({ exceptions: '[{name: e, fields: proc.name}]' })}- rule: r1\n  exceptions: [{name: e, comps: in, values: [a]}]\n  override: {exceptions: append}\n`,
  ],
  LOAD_UNKNOWN_SOURCE: [rule({ source: 'nowhere' })],
  LOAD_NO_EVTTYPE: [rule({ condition: 'proc.name=cat' }), rule({ condition: 'evt.type!=open' })],
  LOAD_UNKNOWN_FILTER: [
    rule({ condition: 'evt.type=openat and no.field=1', 'skip-if-unknown-filter': 'true' }),
    rule({ condition: 'evt.type=nosuchcall', 'skip-if-unknown-filter': 'true' }),
    rule({ output: '"%no.field"', 'skip-if-unknown-filter': 'true' }),
  ],
  LOAD_UNUSED_MACRO: ['- macro: m\n  condition: evt.type=dup\n'],
  LOAD_UNUSED_LIST: ['- list: l\n  items: [a]\n'],
  LOAD_UNKNOWN_ITEM: ['- foo: bar\n'],
  LOAD_DEPRECATED_ITEM: [
    rule({ condition: 'evt.type=openat and evt.dir=<' }),
    rule({ output: '"%evt.latency"' }),
    rule({ output: '"%container.info"' }),
    `${rule()}- rule: r1\n  enabled: false\n`,
  ],
  LOAD_APPEND_NO_VALUES: [
    `${rule({ exceptions: '[{name: e, fields: proc.name}]' })}- rule: r1\n  exceptions: [{name: e}]\n  override: {exceptions: append}\n`,
  ],
  LOAD_EXCEPTION_NAME_NOT_UNIQUE: [rule({ exceptions: '[{name: e, fields: proc.name}, {name: e, fields: fd.name}]' })],
  LOAD_COMPILE_CONDITION: [
    rule({ condition: 'evt.type=openat and proc.name=proc.pname' }),
    rule({ condition: 'evt.type=openat and proc.name="tolower(proc.pname)"' }),
    rule({ condition: 'evt.type=openat and proc.name regex a.*' }),
  ],
  LOAD_UNKNOWN_KEY: [rule({ bogus: '1' }), `${rule()}  condition: evt.type=dup\n`],
};

describe.each(Object.entries(earned))('%s', (code, contents) => {
  test.each(contents.map((content) => [content.slice(0, 200), content]))('%s', (_, content) => {
    const result = load(content);
    // The old keys are deprecated whatever else is wrong with them.
    const others =
      content.includes('append: true') || content.includes('\n  enabled: true') ? ['LOAD_DEPRECATED_ITEM'] : [];
    expect(codes(result)).toEqual([code, ...others]);
    expect(result.ok).toBe(!code.startsWith('LOAD_ERR'));
    expect(result.diagnostics.map((diagnostic) => diagnostic.code)).toEqual([code, ...others]);
    expect(result.diagnostics[0]?.at?.file).toBe('rules.yaml');
  });
});

test('invalid names of lists and macros are warned of', () => {
  expect(codes(load('- macro: my-macro\n  condition: evt.type=dup\n'))).toEqual([
    'LOAD_INVALID_MACRO_NAME',
    'LOAD_UNUSED_MACRO',
  ]);
  expect(codes(load('- list: my list\n  items: []\n'))).toEqual(['LOAD_INVALID_LIST_NAME', 'LOAD_UNUSED_LIST']);
});

test('a condition of too many event types is warned of by their codes, as in Falco', () => {
  const known = syscall.eventTypes;
  const names = [...(known?.names ?? [])].filter((name) => known?.codes(name).length === 2).slice(0, 51);
  const of = (some: readonly string[]) => codes(load(rule({ condition: `evt.type in (${some.join(', ')})` })));
  expect(of(names)).toEqual(['LOAD_NO_EVTTYPE']);
  expect(of(names.slice(1))).toEqual([]);
});

test('warnings of a condition come in the order of Falco', () => {
  const condition = 'evt.type=openat and proc.name=proc.pname and evt.dir=<';
  expect(codes(load(rule({ condition })))).toEqual(['LOAD_DEPRECATED_ITEM', 'LOAD_COMPILE_CONDITION']);
});

test('of deprecated fields Falco tells its words, in its order', () => {
  const latency = 'field is not available due to the drop of enter events.';
  const condition =
    'evt.type=open and evt.latency.ns > 1 and evt.latency > 1 and evt.dir exists and len(evt.latency.human) > 1';
  const { files, diagnostics } = load(rule({ condition, output: '"%evt.latency.ns %evt.dir"' }));
  const detected = (field: string, where: string) =>
    `usage of deprecated field '${field}' has been detected in the rule ${where}`;
  const direction = expect.stringContaining("'evt.dir = <' always");
  const output = ['evt.dir', 'evt.latency', 'evt.latency.ns'].map((field) => detected(field, 'output'));
  expect(files[0]?.warnings.map(({ message }) => message)).toEqual([...output, direction, latency, latency, latency]);
  const ours = ['evt.latency', 'evt.latency.ns', 'evt.latency.human'].map((field) => detected(field, 'condition'));
  expect(diagnostics.map(({ message }) => message)).toEqual([...output, direction, ...ours]);
});

test.each([
  ['proc.name = proc.pname', "'proc.pname' may be a valid field misused as a const string value", 'val(proc.pname)'],
  ['proc.name in (a, %proc.pname)', "'%proc.pname' is a text like any other: % is for outputs", 'val(proc.pname)'],
  ['proc.name = "%toupper(proc.pname)"', "'%toupper(proc.pname)' is a text like any other", 'the % and the quotes'],
])('a field that is no field behind an operator is warned of: %s', (condition, message, hint) => {
  expect(load(rule({ condition: `evt.type=openat and ${condition}` })).diagnostics).toEqual([
    expect.objectContaining({
      severity: 'warning',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    }),
  ]);
});

test('a text with % that names no field is one', () => {
  const condition = 'evt.type=openat and proc.name in (%proc.nme, %, 100%, "% proc.name", %proc)';
  expect(codes(load(rule({ condition })))).toEqual([]);
});

test('comparing k8s audit fields with <NA> is warned of', () => {
  const ka = { ...catalogue, find: (text: string) => catalogue.find(text.startsWith('ka.') ? 't.s' : text) };
  const named = {
    ...ka,
    find: (text: string) =>
      text === 'ka.x' ? { text, field: { name: text, type: 'CHARBUF' as const, doc: '', class: '' } } : undefined,
  };
  const content = rule({ source: 'k8s_audit', condition: 'ka.x != <NA>' });
  const result = load(content, { catalogues: new Map([['k8s_audit', named]]) });
  expect(codes(result)).toEqual(['LOAD_UNSAFE_NA_CHECK']);
  expect(result.files[0]?.warnings[0]?.message).toBe('');
  expect(result.diagnostics[0]?.message).toContain('comparing a field value with <NA> is unsafe');
});

describe('a value that looks like a field or a transformer is warned of', () => {
  test.each([
    ['evt.rawarg.name = proc.pname', 'val(proc.pname)'],
    ['evt.buffer contains proc.pname', 'val(proc.pname)'],
    ['proc.name = "proc. pname"', 'val(proc.pname)'],
    ['proc.name = "val(proc.pname)"', 'Remove the quotes'],
    ['proc.name = "tolower(it)"', 'Remove the quotes'],
    ['evt.res = proc.name', 'val(proc.name)'],
  ])('%s', (condition, hint) => {
    const { diagnostics } = load(rule({ condition: `'evt.type = write and ${condition}'` }), { catalogues });
    expect(diagnostics.map((each) => each.hint).filter((each) => each?.includes(hint))).toHaveLength(1);
  });

  test('a pattern that no simpler operator can take the place of is not', () => {
    const said = (pattern: string) =>
      codes(load(rule({ condition: `evt.type=open and proc.name regex '${pattern}'` })));
    for (const pattern of ['^a.*$', '^.*a', 'a.*b', '.']) expect(said(pattern)).toEqual([]);
    for (const pattern of ['^a.*', '.*a$', '^.*', 'a']) expect(said(pattern)).toEqual(['LOAD_COMPILE_CONDITION']);
  });
});

test('a network compared with a modifier is warned of', () => {
  const result = load(rule({ condition: 'evt.type = connect and fd.snet = anyof (10.0.0.0/8)' }), { catalogues });
  expect(codes(result)).toEqual(['LOAD_COMPILE_CONDITION']);
  expect(result.diagnostics[0]?.message).toContain("'= anyof' never finds an address in a network");
  expect(codes(load(rule({ condition: 'evt.type = connect and fd.snet in (10.0.0.0/8)' }), { catalogues }))).toEqual(
    [],
  );
});

describe('a path that is taken for the name of a connected unix socket', () => {
  const warned = (condition: string) => {
    const { diagnostics } = load(rule({ condition }), { catalogues });
    return diagnostics.map(({ message, hint }) => `${message} (${hint})`);
  };

  test.each([
    ['evt.type = connect and fd.name = /run/a.sock', 'fd.name endswith /run/a.sock'],
    [
      'evt.type = connect and fd.name in (/run/a.sock, /run/b.sock)',
      'fd.name endswith anyof (/run/a.sock, /run/b.sock)',
    ],
    ['evt.type = connect and fd.name startswith /run/', 'fd.name contains " /run/"'],
    ['evt.type = connect and fd.name pmatch (/run)', 'fd.name contains " /run"'],
    ['evt.type = connect and fd.name glob "/run/*.sock"', 'fd.name contains " /run/"'],
    ['evt.type = connect and not fd.name = @/tmp/x', 'fd.name endswith @/tmp/x'],
    ['evt.type in (accept, accept4) and fd.name = /run/a.sock', 'fd.name endswith /run/a.sock'],
    ['evt.type = connect and fd.name startswith /run/ and fd.name endswith .sock', 'fd.name contains " /run/"'],
  ])('%s', (condition, instead) => {
    const said = warned(condition);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('is true only of calls that fail');
    expect(said[0]).toContain(`(Write ${instead})`);
  });

  test('what excludes one is warned of too', () => {
    const [said] = warned('evt.type = connect and fd.name != /run/a.sock');
    expect(said).toContain('is false only of calls that fail');
    expect(said).toContain('(Write not fd.name endswith /run/a.sock)');
  });

  test.each([
    'evt.type = connect and fd.name endswith /a.sock',
    'evt.type = connect and (fd.name = /run/a.sock or fd.name endswith " /run/a.sock")',
    'evt.type = connect and evt.failed = true and fd.name = /run/a.sock',
    'evt.type = connect and evt.rawres < 0 and fd.name startswith /run/',
    'evt.type = connect and fd.name startswith 10.0.',
    'evt.type in (connect, bind) and fd.name = /run/a.sock',
    'evt.type in (connect, openat) and fd.name startswith /run/',
    'evt.type != openat and fd.name startswith /run/',
    'evt.type = connect and evt.arg.addr startswith /run/',
  ])('not in %s', (condition) => {
    expect(warned(condition).filter((said) => said.includes('calls that fail'))).toEqual([]);
  });
});

describe('an IPv4-mapped address, which descriptors show as IPv4', () => {
  const said = (condition: string) =>
    load(rule({ condition: `evt.type = connect and ${condition}` }), { catalogues }).diagnostics.map(
      ({ severity, message, hint }) => [severity, message, hint].join(': '),
    );

  test.each([
    ['fd.snet in ("::ffff:127.0.0.0/104")', '127.0.0.0/8'],
    ['fd.net = "::ffff:a00:0/104"', '10.0.0.0/8'],
    ['fd.snet in (10.0.0.0/8, "::ffff:0:0/96")', '0.0.0.0/0'],
    ['fd.sip = ::ffff:7f00:1', '127.0.0.1'],
  ])('%s', (condition, instead) => {
    expect(said(condition)).toEqual([
      expect.stringMatching(/^warning: '.*' never matches: IPv4-mapped addresses are those of IPv4 in fd\.\w+: /),
    ]);
    expect(said(condition)[0]).toContain(`Write ${instead}`);
  });

  test('one in four numbers is refused, as by Falco, and what to write is said', () => {
    const [only] = said('fd.sip = "::ffff:127.0.0.1"');
    expect(only).toContain('unrecognized IPv4 address ::ffff:127.0.0.1');
    expect(only).toContain('write 127.0.0.1');
  });

  test.each(['fd.snet in ("::ffff:0:0:0/96", "::/8", fd00::/8, 127.0.0.0/8)', 'fd.sip = ::1', 'fd.snet = "::/95"'])(
    'not in %s',
    (condition) => expect(said(condition)).toEqual([]),
  );
});

describe('a value that the field never has', () => {
  const said = (condition: string) =>
    load(rule({ condition: `evt.type = open and ${condition}` }), { catalogues }).diagnostics.map(
      ({ severity, message, hint }) => [severity, message, hint].filter(Boolean).join(': '),
    );

  test.each([
    ['proc.pid = 99999999999999999999', /is no number that proc\.pid can be: it is compared with 9223372036854775807$/],
    ['fd.sport in (80, 99999)', /'99999' is no number that fd\.sport can be: it is compared with 34463$/],
    ['user.uid = 4294967296', /'4294967296' is no number that user\.uid can be: it is compared with 0$/],
    ['evt.res = success', /'success' never matches: evt\.res is never that: Did you mean SUCCESS\?$/],
    ['evt.res in (ENOENT, ENOACCES)', /'ENOACCES' never matches: .*Did you mean EACCES\?$/],
    ['evt.res != ok', /It is SUCCESS or the name of an error/],
    ['proc.name startswith averyveryverylongname', /the kernel keeps 15 bytes of a name in proc\.name: proc\.exepath/],
    ['proc.name contains "ääääääää"', /15 bytes of a name in proc\.name/],
    ['evt.arg.request = PTRACE_ATACH', /'PTRACE_ATACH' never matches: no event has .* Did you mean PTRACE_ATTACH\?$/],
    ['evt.arg.request in (PTRACE_ATTACH, ATTACH)', /no event has ATTACH in evt\.arg\.request/],
    ['evt.arg.flags contains "O_CREAT|MS_RDONLY"', /no event has MS_RDONLY in evt\.arg\.flags: Did you mean RDONLY\?$/],
    [
      'evt.arg.domain in (AF_INET, AF_UNIX)',
      /no event has AF_UNIX in evt\.arg\.domain: Did you mean AF_LOCAL\|AF_UNIX\?$/,
    ],
    ['evt.arg.domain = "AF_INET|AF_INET6"', /no event has AF_INET\|AF_INET6 in evt\.arg\.domain: It has \d+ names/],
    ['evt.arg.how != shut', /It has 4 names, as SHUT_UNKNOWN\.$/],
    ['fd.name glob "/etc/["', /the \[ in '\/etc\/\[' is not closed: it stands for itself: Close it/],
  ])('%s', (condition, warning) => expect(said(condition)).toEqual([expect.stringMatching(warning)]));

  test.each([
    'proc.pid = 4194304 and user.uid = -1 and user.loginuid in (-1, 4294967295) and evt.rawres = -9223372036854775808',
    'evt.res in (SUCCESS, EACCES, ERESTARTSYS, "530") and evt.res startswith E',
    'proc.name startswith systemd-network and proc.exepath startswith /usr/libexec/averyveryverylongname',
    'evt.arg.request in (PTRACE_ATTACH, PTRACE_UNKNOWN, B703, 5401) and evt.arg.flags contains "CREAT|O_W"',
    'evt.arg.domain in (AF_INET, "AF_LOCAL|AF_UNIX") and evt.arg.domain contains AF_UNIX',
    'evt.arg.flags = "O_WRONLY|O_CREAT" and evt.arg.type = ext4 and evt.arg.name contains PTRACE_FOO',
    'evt.arg.request startswith PTRACE_PEAK and evt.arg[1] = PTRACE_FOO',
    'fd.name glob "/etc/[[]a" and fd.name glob "/etc/[!]a]*" and fd.name = "/etc/["',
  ])('not in %s', (condition) => expect(said(condition)).toEqual([]));

  test('a number is said to be none exactly where another one is compared with', () => {
    const isSaid = (text: string, type: 'UINT32' | 'INT64') => wrapped(text, type) !== undefined;
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 70n), 2n ** 70n), (number) => {
        expect(isSaid(String(number), 'INT64')).toBe(BigInt.asIntN(64, number) !== number);
        const is32 = BigInt.asUintN(32, number) === number || BigInt.asIntN(32, number) === number;
        expect(isSaid(String(number), 'UINT32')).toBe(!is32);
      }),
    );
  });
});

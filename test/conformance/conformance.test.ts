/** Falco's own answers, where the reference data lies beside the repository, and more of the kind. */

import { describe, expect, test } from 'vitest';
import { sharedJson } from '../events/shared.ts';
import type { Case } from './differences.ts';
import { makeRunners } from './kinds.ts';

/** Cases in which we differ on purpose: Falco's answer is a mistake that would hide or lose something. */
const better: Readonly<Record<string, string>> = {
  'eval/1614': 'toupper of a list can match',
};

const cases = (sharedJson('data/falco/filter_cases.json') as { cases: readonly Case[] } | undefined)?.cases ?? [];

describe.runIf(cases.length > 0)("Falco's answers", () => {
  const generated = Object.entries(makeRunners('generated')).map(([kind, run]) => ({ kind, engine: 'generated', run }));
  const closures = Object.entries(makeRunners('closures')).map(([kind, run]) => ({ kind, engine: 'closures', run }));
  const engines = [...generated, ...closures.filter(({ kind }) => kind.startsWith('eval'))];
  test.each(engines)('$kind, $engine', ({ kind, run }) => {
    const own = cases.filter((each) => each.kind === kind);
    expect(own.length).toBeGreaterThan(0);
    const wrong = own.flatMap((each) => {
      const difference = run(each);
      return difference === undefined || better[each.id] !== undefined ? [] : [`${each.id}: ${difference}`];
    });
    expect(wrong).toEqual([]);
  });
});

/** What the reference data has no case of, by its description and Falco's source. */
describe('as Falco', () => {
  const run = makeRunners('generated');
  const difference = (kind: string, input: object, expect: object) =>
    run[kind]?.({ id: kind, kind, ...input, expect: expect as Case['expect'] });

  const fields = {
    't.s': { type: 'string', value: 'Hello' },
    't.same': { type: 'string', value: 'Hello' },
    't.null': { type: 'string', value: null },
    't.path': { type: 'fspath', value: '/bin/cat' },
    't.i': { type: 'int64', value: -7 },
    't.pid': { type: 'pid', value: -7 },
    't.pids': { type: 'pid', list: true, value: [1] },
    't.mode': { type: 'mode', value: 4294967295 },
    't.uid': { type: 'uid', value: 4294967295 },
    't.dev': { type: 'int32', value: -1, fmt: 'hex' },
    't.oct': { type: 'int64', value: -2, fmt: 'oct' },
    't.pad': { type: 'int64', value: -42, fmt: 'pad10' },
    't.buf': { type: 'bytes', value: 'Hello' },
    't.net': { type: 'ipnet', value: '10.0.0.7' },
    't.list': { type: 'string', list: true, value: ['a'] },
    't.none': { type: 'string', list: true, value: [] },
    't.ulist': { type: 'uint64', list: true, value: [1] },
    't.arg': { type: 'string', value: 'x', arg: true },
    't.alone': { type: 'string', value: 'x', no_rhs: true },
  };
  const mismatch = (left: string, type: string, right: string, other: string) =>
    `field '${left}' has type '${type}' while the right-hand side field '${right}' has incompatible type '${other}'`;
  const unsupported = (type: string, name: string, field: string) =>
    `can't add field transformer: type '${type}' is not supported by '${name}' transformer applied on ${field}`;

  test.each([
    ['t.uid = 5', "filter error: '=' operator not supported for type 'UID'"],
    ['t.uid == anyof (5)', "filter error: '=' operator not supported for type 'UID'"],
    ['t.net = 10.0.0.0/x', 'x is not a valid number'],
    ['t.net = 10.0.0/8', 'unrecognized IP address 10.0.0/8'],
    ['t.net = localhost/8', 'unrecognized IPv6 address localhost/8'],
    ['t.net = "10.0.0.0/-1"', 'invalid netmask -1'],
    ['t.alone = val(t.s)', "field 't.alone' doesn't support right-hand side fields"],
    ['tolower(t.alone) = val(t.i)', "field 't.alone' doesn't support right-hand side fields"],
    ['t.s = tolower(t.alone)', "field 't.alone' can't be used as a right-hand side field"],
    [String.raw`t.s regex a\ `, String.raw`invalid regex pattern: trailing \ `.trimEnd()],
    ['t.s regex val(no.field)', 'filter_check called with nonexistent field no.field'],
    ['t.s pmatch val(t.alone)', "operator 'PMATCH' doesn't support right-hand side fields"],
    ['t.pid = val(t.i)', mismatch('t.pid', 'PID', 't.i', 'INT64')],
    ['t.pids in (1)', "filter error: list filters are not supported for type 'PID'"],
    ['t.mode contains 5', "filter error: 'contains' operator not supported for numeric filters"],
    ['len(t.s) = val(t.s)', mismatch('t.s', 'UINT64', 't.s', 'CHARBUF')],
    ['t.s = len(t.list)', mismatch('t.s', 'CHARBUF', 't.list', 'UINT64')],
    ['t.i = val(t.arg[x])', mismatch('t.i', 'INT64', 't.arg', 'CHARBUF')],
    ['join("-", t.list) = val(t.i)', mismatch('NA', 'CHARBUF', 't.i', 'INT64')],
    ['t.s in getopt(t.list, "n")', mismatch('t.s', 'CHARBUF', 'INTERNAL', 'CHARBUF (list)')],
    ['b64(t.path) = x', unsupported('FSPATH', 'b64', "field 't.path'")],
    ['tolower(t.ulist) in (1)', unsupported('UINT64', 'tolower', "list field 't.ulist'")],
    ['concat(t.path, "x") = y', 'concat() arguments must be strings'],
    ['concat(t.s) = x', "unknown field transfomer 'concat'"],
    ['join("-", "a", "b") = x', 'join() requires exactly 2 arguments: separator and list'],
    ['getopt(t.list, "n", "x") exists', 'getopt() requires exactly 2 arguments: args list and optstring'],
    ['tolower(t.s, t.s) = x', 'unknown multivalue transformer'],
  ])('%s: %s', (condition, error) => {
    expect(difference('eval', { condition, fields }, { ok: false, stage: 'compile', error })).toBeUndefined();
  });

  test.each([
    ['join("-", (a.b', "expected ')'", 14],
    ['join("-", (a.b c.d)) = x', "expected ')'", 15],
    ['join("-", (a.b)', "expected a ')' token closing the transformer", 15],
    ['a.b in and c.d = 1', "unexpected token after 'and', expecting 'or', 'and'", 11],
    ['m or(c) and d', "unexpected token after ')', expecting 'or', 'and'", 8],
  ])('%s: %s', (condition, error, idx) => {
    const pos = { idx, line: 1, col: idx + 1 };
    expect(difference('parse', { condition }, { ok: false, error, pos })).toBeUndefined();
  });

  const simple = (pattern: string) =>
    `regex check with '${pattern}' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'`;
  const misused = (value: string, what = 'field') =>
    `'${value}' may be a valid ${what} misused as a const string value`;
  test.each<[string, boolean, ...string[]]>([
    ['t.pid < -6 and t.mode = 4294967295 and t.pid = val(t.pid)', true],
    ["t.s regex '^Hell.*$'", true],
    ["t.s regex '^.*lo'", true],
    ["t.s regex '^Hell.*'", true, simple('^Hell.*')],
    ["t.s regex '.*lo$'", true, simple('.*lo$')],
    ["t.s regex '^.*'", true, simple('^.*')],
    ['t.s = "t. same"', false, misused('t. same')],
    ['t.s in (t.same, t.path, t.arg[x])', false, misused('t.same'), misused('t.path'), misused('t.arg[x]')],
    ['t.buf = t.same', false, misused('t.same')],
    ['t.s = "val(t.same)"', false, misused('val(t.same)', 'field transformer')],
    ['t.s = "tolower( x )"', false, misused('tolower( x )', 'field transformer')],
    ['t.s = "tolow(t.same)"', false],
    ['basename(t.list) in (a)', true],
    ['getopt(("-t", "v"), "t::")[t] = v', true],
    ['t.net == oneof (10.0.0.0/8, 11.0.0.0/8)', true],
    ['t.net == oneof (10.0.0.0/8, 10.0.0.7/32)', false],
    ['t.net == allof (10.0.0.0/8, 10.0.0.7/32)', true],
    ['t.net != anyof (10.0.0.0/8, 10.0.0.7/32)', false],
    ['t.net == anyof (10.0.0.0/8)', false],
    ['t.net != allof (10.0.0.0/8)', true],
    ['t.net != allof ()', false],
    // Only we say something of these.
    ['t.s glob "[Hello"', false],
    ['t.i = 99999999999999999999', false],
  ])('%s is %s', (condition, result, ...warnings) => {
    expect(difference('eval', { condition, fields }, { ok: true, result, warnings })).toBeUndefined();
  });

  test.each([
    ['evt.around[1] = val(evt.buflen.in)', "field 'evt.around' doesn't support right-hand side fields"],
    ['fd.ip = val(fd.sip)', "field 'fd.ip' doesn't support right-hand side fields"],
    ['proc.aname[2] = val(proc.name)', "field 'proc.aname' doesn't support right-hand side fields"],
    ['toupper(evt.rawarg.res) = -1', "field 'evt.rawarg' does not support transformers"],
    ['tolower(proc.aname[2]) = x', "field 'proc.aname' does not support transformers"],
  ])('%s: %s', (condition, error) => {
    expect(difference('compile', { condition }, { ok: false, error })).toBeUndefined();
  });

  test.each<[string, object]>([
    ['evt.num in ()', { all: false, count: 0 }],
    ['evt.num intersects (0)', { all: true, count: 454 }],
    ['evt.type!=nosuch', { all: true, count: 454 }],
    ['evt.type in (setuid, setuid32)', { all: false, count: 4, sc: ['setuid', 'setuid32'] }],
    ['evt.type!=pread64', { all: false, count: 452, sc_all_except: [] }],
    [
      'tolower(evt.type)=open',
      { ok: false, error: 'event code search does not support `evt.type` checks with transformers' },
    ],
  ])('event types of %s', (condition, expected) => {
    expect(difference('evttypes', { condition }, expected)).toBeUndefined();
  });

  test.each<[string, boolean, boolean, string, ...string[]]>([
    ['%0t.s|', false, true, 'Hello|', 't.s'],
    ['%t.dev %t.oct %t.pad', false, true, 'FFFFFFFF 1777777777777777777776 -00000042', 't.dev', 't.oct', 't.pad'],
    ['%t.dev %t.pad', true, true, '{"t.dev":"FFFFFFFF","t.pad":"-00000042"}', 't.dev', 't.pad'],
    ['%t.s%t.s', false, true, 'HelloHello', 't.s', 't.s'],
    [
      '%join("-",(tolower(t.s),t.i))',
      false,
      true,
      'hello--7',
      't.s',
      'tolower(t.s)',
      't.i',
      'join(-,(tolower(t.s),t.i))',
    ],
    ['%toupper(tolower(t.s))', false, true, 'HELLO', 't.s', 'toupper(tolower(t.s))'],
    ['%t.i %t.null %t.s', true, false, '{"t.i":-7}', 't.i', 't.null', 't.s'],
    ['%t.none %t.s', true, false, 'null', 't.none', 't.s'],
    ['*%t.none %t.s', true, true, '{"t.none":null,"t.s":"Hello"}', 't.none', 't.s'],
  ])('%s, json %s', (format, json, emitted, output, ...names) => {
    expect(difference('format', { format, json, fields }, { ok: true, emitted, output, names })).toBeUndefined();
  });

  const rule = (condition: string, more = '') =>
    `- rule: r\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: NOTICE\n${more}`;
  const file = (content: string) => ({ files: [{ name: 'a.yaml', content }], plugins: [] });
  const issue = (
    code: string,
    message: string,
    item_type: string,
    item_name: string,
    line: number,
    column: number,
  ) => ({
    code,
    message,
    at: { item_type, item_name, line, column },
  });
  const refused = (message: string, column: number) =>
    issue('LOAD_ERR_COMPILE_CONDITION', message, 'condition expression', '', 3, column);
  const noField = 'filter_check called with nonexistent field no.field';
  const ofDelay = 'field is not available due to the drop of enter events.';
  const warned = issue('LOAD_DEPRECATED_ITEM', ofDelay, 'condition expression', '', 2, 13);

  test.each<[string, unknown[], unknown[]]>([
    ['evt.type=nosuch and no.field=1', [refused('unknown event type nosuch', 14)], []],
    ['no.field=1 and evt.type=nosuch', [refused(noField, 14)], []],
    ['evt.type in (open, nosuch) or proc.pid=x', [refused('unknown event type nosuch', 14)], []],
    ['evt.type intersects (nosuch)', [refused('unknown event type nosuch', 14)], []],
    ['evt.latency > 1 and no.field=1', [refused(noField, 34)], [warned]],
  ])('errors of %s', (condition, errors, warnings) => {
    const expected = { ok: false, errors, warnings, schema_valid: [true] };
    expect(difference('rules', file(rule(condition)), expected)).toBeUndefined();
  });

  test('names of calls whose event is called otherwise are event types', () => {
    const expected = { ok: true, errors: [], warnings: [], schema_valid: [true] };
    expect(difference('rules', file(rule('evt.type in (setuid, setuid32)')), expected)).toBeUndefined();
  });

  test('skip-if-unknown-filter forgives what is added to the output, and no field that is added beside it', () => {
    const input = file(rule('evt.type=open', '  skip-if-unknown-filter: true\n'));
    const unknown = "unknown filter: unexpected token after '";
    const found = (code: string) => issue(code, unknown, 'rule output', '', 3, 10);
    const forgiven = {
      ok: true,
      errors: [],
      warnings: [found('LOAD_UNKNOWN_FILTER')],
      schema_valid: [true],
      rules: [],
    };
    expect(difference('rules', { ...input, extra_output: [{ format: '%no.field' }] }, forgiven)).toBeUndefined();
    const failed = { ok: false, errors: [found('LOAD_ERR_COMPILE_OUTPUT')], warnings: [], schema_valid: [true] };
    expect(difference('rules', { ...input, extra_fields: [{ key: 'no.field' }] }, failed)).toBeUndefined();
  });

  test.each([
    ['0x1F', false, 31],
    ['010', true, 8],
    ['+5', true, 5],
    ['"5 "', false, 5],
    ['4294967295', true, 4294967295],
  ])('a capture_duration of %s', (written, isValid, capture_duration) => {
    const input = file(rule('evt.type=open', `  capture_duration: ${written}\n`));
    const expected = {
      ok: true,
      errors: [],
      warnings: [],
      schema_valid: [isValid],
      rules: [{ name: 'r', capture_duration }],
    };
    expect(difference('rules', input, expected)).toBeUndefined();
  });

  test.each(['08', '-1', '" 5"', '1e3', '1_000', '0x', '0o17', '1.0', '4294967296'])(
    'a capture_duration of %s',
    (written) => {
      const input = file(rule('evt.type=open', `  capture_duration: ${written}\n`));
      const error = issue(
        'LOAD_ERR_YAML_VALIDATE',
        "Can't decode YAML scalar value",
        'value for',
        'capture_duration',
        5,
        20,
      );
      const { files, plugins } = input;
      const schema_valid = [/^(?:08|-1|4294967296)$/.test(written)];
      expect(
        difference('rules', { files, plugins }, { ok: false, errors: [error], warnings: [], schema_valid }),
      ).toBeUndefined();
    },
  );

  test.each(['0x3f', '077', '63', '0.63.0-rc1'])('required_engine_version: %s', (version) => {
    const expected = { ok: true, errors: [], warnings: [], schema_valid: [true] };
    expect(difference('rules', file(`- required_engine_version: ${version}\n`), expected)).toBeUndefined();
  });

  test('plugins: the first alternative that is loaded counts', () => {
    const alternatives = '[{name: b, version: 0.2.0}]';
    const content = `- required_plugin_versions: [{name: a, version: 0.1.0, alternatives: ${alternatives}}]\n`;
    const plugins = [
      { name: 'b', version: '0.2.9' },
      { name: 'a', version: '0.0.9' },
    ];
    const error = "Plugin 'a' version '0.0.9' is not compatible with required plugin version '0.1.0'";
    const expected = { ok: true, errors: [], warnings: [], schema_valid: [true], plugin_reqs: { ok: false, error } };
    expect(difference('rules', { files: [{ name: 'a.yaml', content }], plugins }, expected)).toBeUndefined();
  });
});

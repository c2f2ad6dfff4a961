import { describe, expect, test } from 'vitest';
import { compileCondition, RuleError } from '../../src/rules/index.ts';
import { catalogue, holds, type Values } from './support.ts';

const text: Values = { 't.s': 'Hello World' };

/** Conditions with the values that they are judged by, and the verdict. */
function table(rows: readonly (readonly [condition: string, values: Values, verdict: boolean])[]): void {
  test.each(rows)('%s of %o is %s', (condition, values, verdict) => {
    expect(holds(condition, values)).toBe(verdict);
  });
}

describe('an absent value', () => {
  table([
    ['t.s = ""', {}, false],
    ['t.s != ""', {}, false],
    ['t.s exists', {}, false],
    ['t.s != anyof (a)', {}, false],
    ['t.s in (a)', {}, false],
    ['t.i < 5', {}, false],
    ['not t.s = x', {}, true],
    ['not t.s exists', {}, true],
    ['t.s = val(t.other)', { 't.s': 'x' }, false],
    ['t.s != val(t.other)', { 't.s': 'x' }, false],
    ['t.s exists', { 't.s': '' }, true],
    ['tolower(t.s) = ""', {}, false],
    ['join("-", (t.s, t.other)) exists', { 't.s': 'x' }, false],
  ]);
});

describe('text', () => {
  table([
    ['t.s = "Hello World"', text, true],
    ['t.s = "hello world"', text, false],
    ['t.s contains "o W"', text, true],
    ['t.s contains ""', text, true],
    ['t.s icontains "O W"', text, true],
    ['t.s icontains É', { 't.s': 'é' }, false],
    ['t.s startswith Hello', text, true],
    ['t.s endswith World', text, true],
    ['t.s glob "Hello*"', text, true],
    ['t.s glob Hello', text, false],
    ['t.s glob "*o*o*"', text, true],
    ['t.s glob "[!h]ello?World"', text, true],
    ['t.s glob "[[:upper:]]*"', text, true],
    ['t.s glob "[a"', { 't.s': '[a' }, true],
    ['t.s glob "caf?"', { 't.s': 'café' }, false],
    ['t.s glob "caf??"', { 't.s': 'café' }, true],
    ['t.s iglob "hELLO*"', text, true],
    ['t.s regex "Hello"', text, false],
    ['t.s regex "Hel+o[[:space:]]W.*"', text, true],
    ['t.s regex "a**"', { 't.s': 'aaa' }, true],
    ['t.s regex "(a*)*b"', { 't.s': `${'a'.repeat(5000)}c` }, false],
    ['t.s > 5', text, true],
    ['t.s = oneof', { 't.s': 'oneof' }, true],
    ['t.s in (Hello, "Hello World")', text, true],
    ['t.s in ()', text, false],
    ['t.s intersects ("Hello World")', text, true],
    ['t.s = val(t.other)', { 't.s': 'x', 't.other': 'x' }, true],
    ['t.s = t.other', { 't.s': 'x', 't.other': 'x' }, false],
    ['t.s startswith val(t.other)', { 't.s': 'xy', 't.other': 'x' }, true],
    ['t.s > val(t.other)', { 't.s': '\u{1f600}', 't.other': '\uffff' }, true],
  ]);
});

describe('path prefixes', () => {
  const path: Values = { 't.s': '/usr/local/bin/cat' };
  table([
    ['t.s pmatch (/us)', path, false],
    ['t.s pmatch (usr)', path, true],
    ['t.s pmatch (/usr//local/)', path, true],
    ['t.s pmatch (/usr/*/bin)', path, true],
    ['t.s pmatch (/etc, /usr/l?cal)', path, true],
    ['t.s pmatch (/usr/local/bin/cat/x)', path, false],
    ['t.s pmatch ("")', path, true],
    ['t.s pmatch ()', path, false],
    ['t.s pmatch (/)', { 't.s': '' }, true],
    ['t.s pmatch (/usr/[x]*/bin, /usr/*/cat, /usr/local/bin)', path, true],
  ]);
});

describe('numbers', () => {
  table([
    ['t.i = " -7"', { 't.i': -7 }, true],
    ['t.i8 = 255', { 't.i8': -1 }, true],
    ['t.u = -1', { 't.u': 18446744073709551615n }, true],
    ['t.u > -1', { 't.u': 42 }, false],
    ['t.i in (-7, 3)', { 't.i': -7 }, true],
    ['t.i > 9007199254740993', { 't.i': 9007199254740994n }, true],
    ['t.i < 9223372036854775808', { 't.i': 42 }, true],
    ['t.i > -9223372036854775809', { 't.i': 42 }, true],
    ['t.u < 18446744073709551616', { 't.u': 42 }, true],
    ['t.u > -18446744073709551616', { 't.u': 42 }, false],
    ['t.i8 = 18446744073709551616', { 't.i8': -1 }, true],
    ['t.d = 1', { 't.d': 1.5 }, false],
    ['t.d > 1', { 't.d': 1.5 }, true],
    ['t.b = true', { 't.b': true }, true],
    ['t.port = https', { 't.port': 443 }, true],
    ['t.port in (http, https)', { 't.port': 443 }, true],
    ['t.port = 65536', { 't.port': 443 }, false],
    ['t.dyn.flags = 3', { 't.dyn.flags': 3 }, true],
    ['t.dyn.flags > 4', { 't.dyn.flags': 3 }, false],
    ['t.dyn.name = notes.txt', { 't.dyn.name': 'notes.txt' }, true],
    ['t.dyn.name startswith notes', { 't.dyn.name': 'notes.txt' }, true],
    ['t.dyn.flags in (1, 3)', { 't.dyn.flags': 3 }, true],
  ]);
});

describe('bytes', () => {
  const bytes: Values = { 't.buf': Buffer.from('00ff68656c6c6f', 'hex') };
  table([
    ['t.buf = "\\x00\\xffhello"', bytes, true],
    ['t.buf contains hello', bytes, true],
    ['t.buf startswith hello', bytes, false],
    ['t.buf endswith hello', bytes, true],
    ['t.buf bcontains 68656C', bytes, true],
    ['t.buf bstartswith 00ff', bytes, true],
    ['t.buf in ("\\x00\\xffhello")', bytes, true],
    ['t.buf != hello', bytes, true],
  ]);
});

describe('addresses and networks', () => {
  const four: Values = { 't.ip': '10.0.0.7', 't.net': '10.0.0.7' };
  const six: Values = { 't.ip': '2001:db8::1', 't.net': '2001:db8::1' };
  table([
    ['t.ip = 10.0.0.7', four, true],
    ['t.ip = ::1', four, false],
    ['t.ip != ::1', four, true],
    ['t.ip = 2001:0db8:0:0:0:0:0:1', six, true],
    ['t.ip in (10.0.0.6, 2001:db8::1)', six, true],
    ['t.net = 10.0.0.8/29', four, false],
    ['t.net = 10.0.0.0/29', four, true],
    ['t.net = 0.0.0.0/0', four, true],
    ['t.net != 2001:db8::/32', four, true],
    ['t.net = 2001:db8::/31', six, true],
    ['t.net in (192.168.0.0/16, 10.0.0.0/8)', four, true],
    ['t.net = anyof (1.0.0.0/8, 10.0.0.0/8)', four, false],
    ['t.net != allof (1.0.0.0/8, 10.0.0.0/8)', four, true],
    ['t.nets in (10.0.0.0/8)', { 't.nets': ['10.0.0.7', '192.168.1.1'] }, false],
    ['t.nets intersects (192.168.0.0/16)', { 't.nets': ['10.0.0.7', '192.168.1.1'] }, true],
  ]);
});

describe('lists', () => {
  const list: Values = { 't.list': ['a', 'b'] };
  table([
    ['t.list in (a)', list, false],
    ['t.list in (a, b, c)', list, true],
    ['t.list in (a)', { 't.list': [] }, true],
    ['t.list intersects (a)', { 't.list': [] }, false],
    ['t.list exists', { 't.list': [] }, true],
    ['t.list intersects (c, b)', list, true],
    ['t.list in val(t.list)', list, true],
    ['len(t.list) = 2', list, true],
    ['join(",", t.list) = "a,b"', list, true],
    ['toupper(t.list) intersects (A)', list, true],
  ]);
});

describe('fields with several candidates', () => {
  const ends: Values = { 't.ends': ['10.0.0.1', '10.0.0.2'], 't.ports': [5000, 443] };
  const ancestors: Values = { 't.anc': ['sh', 'bash', 'systemd'], 't.anc[2]': 'bash' };
  table([
    ['t.ends = 10.0.0.2', ends, true],
    ['t.ends != 10.0.0.2', ends, false],
    ['t.ends != 10.0.0.3', ends, true],
    ['t.ends in (1.1.1.1, 10.0.0.2)', ends, true],
    ['t.ports < 1000', ends, true],
    ['t.ends != 10.0.0.3', { 't.ends': [] }, false],
    ['t.ends exists', { 't.ends': [] }, true],
    ['t.anc = bash', ancestors, true],
    ['t.anc != bash', ancestors, true],
    ['t.anc[2] = bash', ancestors, true],
    ['t.anc[2] != bash', ancestors, false],
    ['t.anc startswith sys', ancestors, true],
  ]);
});

describe('modifiers', () => {
  table([
    ['t.s contains oneof (Hello, World)', text, false],
    ['t.s contains anyof (Hello, x)', text, true],
    ['t.s contains allof (Hello, World)', text, true],
    ['t.s = oneof (a, a)', { 't.s': 'a' }, false],
    ['t.s != anyof (a, b)', { 't.s': 'a' }, true],
    ['t.s != allof (a, b)', { 't.s': 'a' }, false],
    ['t.s != allof ()', { 't.s': 'a' }, false],
    ['t.s = anyof ()', { 't.s': 'a' }, false],
  ]);
});

describe('transformers', () => {
  table([
    ['toupper(t.s) = "CAFé"', { 't.s': 'café' }, true],
    ['len(t.s) = 5', { 't.s': 'café' }, true],
    ['basename(t.s) = cat', { 't.s': '/bin/cat' }, true],
    ['basename(t.s) = ""', { 't.s': '/' }, true],
    ['b64(t.s) = "hello world"', { 't.s': 'aGVsbG8gd29ybGQ' }, true],
    ['b64(t.s) exists', { 't.s': '!!!' }, false],
    ['basename(t.list) in (cat, ls)', { 't.list': ['/bin/cat', 'ls'] }, true],
    ['b64(t.list) intersects (hi)', { 't.list': ['eA', 'aGk'] }, true],
    ['b64(t.list) exists', { 't.list': ['eA', '!'] }, false],
    ['t.uid exists', { 't.uid': 0 }, true],
    ['concat(t.s, "!", t.other) = "a!b"', { 't.s': 'a', 't.other': 'b' }, true],
    ['join("-", (t.i, 5, "x")) = "-7-5-x"', { 't.i': -7 }, true],
    ['join("-", ()) = ""', {}, true],
    ['getopt(t.list, "lpe:")[e] = /bin/sh', { 't.list': ['-lpe', '/bin/sh', '-x'] }, true],
    ['getopt(t.list, "n") intersects (n)', { 't.list': ['file', '-n'] }, false],
    ['getopt(t.list, "n") intersects (n)', { 't.list': ['--long', '-n'] }, true],
    ['getopt(t.list, "t:")[t] = ""', { 't.list': ['-t'] }, true],
    ['getopt(t.list, "t::")[t] = v', { 't.list': ['-t', 'v'] }, true],
    ['join(",", getopt(t.list, "t:")) = ""', { 't.list': ['-t'] }, true],
    ['join(",", getopt(t.list, ":t:")) = ""', { 't.list': ['-t'] }, true],
    ['join(",", getopt(t.list, "t:n")) = "?,n,t,5"', { 't.list': ['-x', '-n', '-t5'] }, true],
    ['getopt(t.list, "?")["?"] = "?"', { 't.list': ['-x', '-?'] }, true],
    ['getopt(t.list, "n")["?"] exists', { 't.list': ['-x'] }, false],
    ['getopt(t.list, "t")[x] exists', { 't.list': ['-t'] }, false],
    ['tolower(toupper(t.s)) = tolower(t.other)', { 't.s': 'aB', 't.other': 'Ab' }, true],
  ]);
});

describe('logic', () => {
  table([
    ['not t.i = 1 and t.i = 42', { 't.i': 42 }, true],
    ['t.i = 1 or t.i = 42 and t.s = x', { 't.i': 42 }, false],
    ['(t.i = 1 or t.i = 42) and not(t.s = x)', { 't.i': 42 }, true],
    ['t.i=1 or t.i=2 or t.i=3 or t.i=4 or t.i=5 or t.i=6', { 't.i': 6 }, true],
    ['t.i>0 and t.i>1 and t.i>2 and t.i>3 and t.i>4 and t.i>5', { 't.i': 6 }, true],
    ['t.i>0 and t.i>1 and t.i>2 and t.i>3 and t.i>4 and t.i>6', { 't.i': 6 }, false],
  ]);
});

describe('what does not compile', () => {
  test.each([
    ['t.i = 0x7', '0x7 is not a valid number'],
    ['t.i = 1.5', '1.5 is not a valid number'],
    ['t.b = 1', 'unrecognized boolean value 1'],
    ['t.ip = 10.0.0.0/8', 'unrecognized IPv4 address 10.0.0.0/8'],
    ['t.ip in (::ffff:10.0.0.7)', 'unrecognized IPv4 address ::ffff:10.0.0.7'],
    ['t.ip = 10.0.0.08', 'unrecognized IPv4 address 10.0.0.08'],
    ['t.net = 10.0.0.0/33', 'invalid netmask 33'],
    ['t.net = 2001:db8::/0', 'invalid v6 netmask 0'],
    ['t.net = 10.0.0.7', 'unrecognized IP network 10.0.0.7'],
    ['t.net = 10.0.0/8', 'unrecognized IP address 10.0.0/8'],
    ['t.net = 10.0.0.0/x', 'x is not a valid number'],
    ['t.uid = 0', "'=' operator not supported for type 'UID'"],
    ['t.port = nosuch', 'unrecognized protocol nosuch'],
    ['t.s = "a\\x00b"', 'filter value cannot contain a NUL byte'],
    ['t.buf bcontains zz', 'support hex strings only'],
    ['t.i contains 7', "'contains' operator not supported for numeric filters"],
    ['t.doubles in (1)', "list filters are not supported for type 'DOUBLE'"],
    ['t.list = a', "'=' operator not supported list filters"],
    [
      't.s = val(t.i)',
      "field 't.s' has type 'CHARBUF' while the right-hand side field 't.i' has incompatible type 'INT64'",
    ],
    ['t.s = val(t.anc)', "field 't.anc' can't be used as a right-hand side field"],
    ['t.s = tolower(t.anc[1])', "field 't.anc' can't be used as a right-hand side field"],
    ['t.anc = val(t.s)', "field 't.anc' doesn't support right-hand side fields"],
    ['tolower(t.anc[1]) = val(t.s)', "field 't.anc' doesn't support right-hand side fields"],
    ['t.ends = val(t.ip)', "field 't.ends' doesn't support right-hand side fields"],
    ['t.s regex val(t.nosuch)', 'unknown field t.nosuch'],
    ['b64(t.path) exists', "type 'FSPATH' is not supported by 'b64' transformer applied on field 't.path'"],
    ['concat(t.path, "x") exists', 'concat() arguments must be strings'],
    ['t.net = val(t.net)', "field type 'IPNET' doesn't support right-hand side fields"],
    ['tolower(t.dyn.x) = a', "field 't.dyn.x' does not support transformers"],
    ['tolower(t.i) = 1', "type 'INT64' is not supported by 'tolower' transformer applied on field 't.i'"],
    ['t.s regex "(?i)x"', 'invalid regex pattern: no argument for repetition operator: ?'],
    ['t.s regex "["', 'invalid regex pattern: missing ]: ['],
    ['t.s regex "x\\\\s"', 'invalid regex pattern: invalid escape sequence: \\s'],
    ['t.s regex "a{2000}"', 'invalid regex pattern: invalid repetition size: {2000}'],
    ['t.s regex "x)"', 'invalid regex pattern: unexpected ): x)'],
    ['t.s regex "(x"', 'invalid regex pattern: missing ): (x'],
    ['getopt(t.nets, "n") exists', 'getopt() arguments must be strings'],
    ['getopt(t.list, t.i) exists', 'getopt() arguments must be strings'],
    ['t.nosuch = 1', 'unknown field t.nosuch'],
    ['t.anc[x] = 1', 'field t.anc takes a number'],
    ['t.s[1] = 1', 'field t.s takes no argument in brackets'],
    ['t.shown = x', "field 't.shown' can only be printed"],
    ['nothing', "unexpected identifier 'nothing'"],
  ])('%s: %s', (condition, message) => {
    expect(() => compileCondition(condition, catalogue)).toThrow(RuleError);
    expect(() => compileCondition(condition, catalogue)).toThrow(message);
  });

  test('a condition too deep or too long is refused, not a crash', () => {
    const deep = `${'('.repeat(5000)}t.i = 1${')'.repeat(5000)}`;
    expect(() => compileCondition(deep, catalogue)).toThrow('exceeded max depth limit of 1000');
    const long = Array.from({ length: 20_000 }, () => 't.i = 1').join(' and ');
    expect(holds(long, { 't.i': 1 })).toBe(true);
  });
});

test('names without a dot are fields only where that is asked for', () => {
  const alert = { ...catalogue, find: (name: string) => catalogue.find(name === 'rule' ? 't.s' : name) };
  const condition = compileCondition('rule = "A rule" and t.i = 1', alert, { bareFields: true });
  expect(condition.reads.map(({ text: name }) => name)).toEqual(['t.s', 't.i']);
  expect(() => compileCondition('rule = x', alert)).toThrow("unexpected token after 'rule'");
});

import { describe, expect, test } from 'vitest';
import { EventRecord, recordForm } from '../../../src/events/record.ts';
import { compileFormat } from '../../../src/rules/index.ts';
import { catalogue, eventOf, form, syscall, type Values } from '../support.ts';

function text(format: string, values: Values = {}): string {
  return compileFormat(format, catalogue).bind(form).text(eventOf(values));
}

describe('the message', () => {
  test.each<[string, Values, string]>([
    ['x %t.s y', { 't.s': 'v' }, 'x v y'],
    ['%t.s', {}, '<NA>'],
    ['%t.s.', { 't.s': 'v' }, 'v.'],
    ['%t.sx', { 't.s': 'v' }, 'vx'],
    ['%t.s%t.i', { 't.s': 'v', 't.i': -7 }, 'v-7'],
    ['%20t.s|', { 't.s': 'Hello World' }, 'Hello World         |'],
    ['%5t.s|', { 't.s': 'Hello World' }, 'Hello|'],
    ['%6t.s|', {}, '<NA>  |'],
    ['%0t.s|', { 't.s': 'v' }, 'v|'],
    ['%t.hex %t.ns', { 't.hex': 255, 't.ns': 42 }, 'FF 000000042'],
    ['%t.b %t.d', { 't.b': true, 't.d': 0.39 }, 'true 0.4'],
    ['%t.list %t.list', { 't.list': ['a', 'b'] }, '(a,b) (a,b)'],
    ['%t.list', { 't.list': [] }, '()'],
    ['%t.buf', { 't.buf': Buffer.from('00ff6869', 'hex') }, '..hi'],
    ['%t.anc[2]!', { 't.anc[2]': 'sh' }, 'sh!'],
    ['%t.dyn.flags)', { 't.dyn.flags': 3 }, '3)'],
    ['%toupper(t.s)!', { 't.s': 'v' }, 'V!'],
    ['%join("-",(t.s,t.i))', { 't.s': 'v', 't.i': 1 }, 'v-1'],
    ['%len(t.s)', { 't.s': 'café' }, '5'],
    ['plain', {}, 'plain'],
  ])('%s of %o is %s', (format, values, expected) => {
    expect(text(format, values)).toBe(expected);
  });
});

test('output fields are typed: numbers, lists, null; numbers in a print format and bytes are text', () => {
  const format = compileFormat('%t.s %t.i %t.b %t.d %t.hex %t.list %t.buf %toupper(t.other) %t.port', catalogue);
  const values: Values = {
    't.i': 18446744073709551615n,
    't.b': false,
    't.d': 1.5,
    't.hex': 255,
    't.list': [],
    't.buf': Buffer.from('hi\0'),
    't.other': 'v',
    't.port': 443,
  };
  expect(format.bind(form).fields(eventOf(values))).toEqual({
    't.s': null,
    't.i': 18446744073709551615n,
    't.b': false,
    't.d': 1.5,
    't.hex': 'FF',
    't.list': null,
    't.buf': 'hi.',
    't.other': 'v',
    't.port': 443,
  });
});

test('message and output fields at once are what each is alone', () => {
  const printed = compileFormat('*%t.s %5t.s %toupper(t.s) %t.list %t.s', catalogue).bind(form);
  const timed = compileFormat('%evt.time %proc.name', syscall).bind(form);
  const event = eventOf({ 't.s': 'text', 't.list': [], 'evt.time': 'noon', 'proc.name': 'sh' });
  for (const format of [printed, timed]) {
    for (const each of [eventOf({}), event]) {
      expect(format.whole(each)).toEqual({ text: format.text(each), fields: format.fields(each) });
    }
  }
  expect([printed.whole(event).text, timed.whole(event).text]).toEqual(['text text  TEXT () text', 'noon sh']);
});

test('times among the output fields are the event time in ns', () => {
  const format = compileFormat('%evt.time %evt.time.iso8601', syscall).bind(form);
  expect(format.fields(eventOf({ 'evt.time': 'noon' }))).toEqual({
    'evt.time': 1_700_000_000_123_456_789n,
    'evt.time.iso8601': 1_700_000_000_123_456_789n,
  });
});

test('without a leading star a line ends at the first absent value', () => {
  const line = (format: string) =>
    compileFormat(format, catalogue)
      .bind(form)
      .line(eventOf({ 't.s': 'v' }));
  expect(line('%t.s %t.i x')).toEqual({ text: 'v ', complete: false });
  expect(line('*%t.s %t.i x')).toEqual({ text: 'v <NA> x', complete: true });
});

describe('what is refused', () => {
  test.each([
    ['%', 'formatting cannot end with a %'],
    ['x %5', 'formatting cannot end with a number'],
    ['', 'empty formatting token'],
    ['%no.field', 'unknown field %no.field'],
    ['100%% sure', "expected a field after '%', not '%'"],
    ['%t.tested', "field 't.tested' cannot be printed"],
    ['%tolower(t.i)', "type 'INT64' is not supported by 'tolower'"],
    ['%tolower(t.s', "expected a ')' token closing the transformer"],
    ['%65536t.s', 'the width 65536 is too large'],
    ['%99999999999999999999tolower(t.s)', 'the width 99999999999999999999 is too large'],
  ])('%s: %s', (format, message) => {
    expect(() => compileFormat(format, catalogue)).toThrow(message);
  });

  test.each([
    ['%fd.name %evt.arg[0', 'the [ behind %evt.arg is not closed'],
    ['%evt.arg is', 'field evt.arg needs an argument: evt.arg.NAME'],
    ['%evt.arg[no name]', 'field evt.arg takes a number: evt.arg[1]'],
  ])('an argument that is none or missing: %s', (format, message) => {
    expect(() => compileFormat(format, syscall)).toThrow(message);
  });

  test('a misspelt field is suggested', () => {
    expect(() => compileFormat('%proc.nmae', syscall)).toThrow('Did you mean %proc.name?');
  });
});

test('ancestors print nearest first, joined by blanks, in the message and in output fields', () => {
  const format = compileFormat('%proc.aname|%proc.aname[2]', syscall);
  const bound = format.bind(recordForm);
  const event = new EventRecord('syscall', 'execve', 0n, {
    'proc.aname': ['sh', 'bash', 'sshd'],
    'proc.aname[2]': 'bash',
  });
  expect(bound.text(event)).toBe('sh bash sshd|bash');
  expect(bound.fields(event)).toEqual({ 'proc.aname': 'sh bash sshd', 'proc.aname[2]': 'bash' });
});

test('the time, source and type of a record are fields although it does not hold them', () => {
  const bound = compileFormat('%evt.type %evt.source %evt.time.iso8601 %evt.rawtime', syscall).bind(recordForm);
  const event = new EventRecord('syscall', 'openat', 1_700_000_000_000_000_001n, {});
  expect(bound.text(event)).toBe('openat syscall 2023-11-14T22:13:20.000000001+0000 1700000000000000001');
});

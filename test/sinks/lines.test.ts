import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EventRecord } from '../../src/events/record.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { lineKeys, lineOf, lineReads } from '../../src/sinks/shared/lines.ts';
import { alertOf, recordOf, TIME } from './shared.ts';

const config = (given: object = {}) => z.object(lineKeys).parse(given);
const text = lineOf(config({ iso8601: true }));
const json = lineOf(config({ format: 'json' }));

describe('alerts', () => {
  it('as Falco prints them', () => {
    expect(text(alertOf('Shell'))).toBe('2023-11-14T22:13:20.123456789+0000: Warning Shell happened (user=root)');
    // By default the local time of day, with all its digits.
    expect(lineOf(config())(alertOf('Shell'))).toMatch(/^\d\d:\d\d:20\.123456789: Warning Shell happened/);
  });

  it('in the JSON that Falco writes: sorted, absent fields null, times exact', () => {
    const line = json(alertOf('Shell'));
    expect(JSON.parse(line)).toMatchObject({
      hostname: 'node1',
      priority: 'Warning',
      rule: 'Shell',
      source: 'syscall',
      tags: ['host'],
      time: '2023-11-14T22:13:20.123456789Z',
      output_fields: { 'user.name': 'root', 'proc.pid': 42, 'fd.name': null },
    });
    expect(line).toContain(`"evt.time":${TIME}`);
  });

  it('in colours by priority, only where they are wanted', () => {
    const coloured = lineOf(config({ iso8601: true }), { colours: true });
    const inColour = (code: number, line: string) => `\u001b[${code}m${line}\u001b[0m`;
    for (const [priority, code] of [
      ['Emergency', 31],
      ['Alert', 31],
      ['Critical', 31],
      ['Error', 31],
      ['Warning', 33],
      ['Notice', 36],
    ] as const) {
      const alert = alertOf('Shell', priority);
      expect(coloured(alert)).toBe(inColour(code, text(alert)));
    }
    for (const priority of ['Informational', 'Debug']) {
      expect(coloured(alertOf('Shell', priority))).toBe(text(alertOf('Shell', priority)));
    }
    expect(lineOf(config({ format: 'json' }), { colours: true })(alertOf('Shell'))).toBe(json(alertOf('Shell')));
  });
});

describe('on a terminal', () => {
  const hostile = '\u001b]0;x\u0007\u009b31m\u202etxt\u007f';
  const fields = { 'proc.name': hostile, output: hostile, rule: 'R', priority: 'Warning' };
  const alert = new EventRecord('alert', 'R', TIME, fields);
  it.each([['alert'], ['syscall']])('what it would obey is escaped, in %s events', (source) => {
    const line = lineOf(config(), { terminal: true })(new EventRecord(source, 'R', TIME, fields));
    expect(line).not.toMatch(/\p{C}/u);
    expect(line).toContain('\\u001b]0;x\\u0007\\u009b31m\\u202etxt');
  });

  it('JSON means the same, and colours are colours', () => {
    const line = lineOf(config({ format: 'json' }), { terminal: true })(alert);
    expect(line).not.toMatch(/\p{C}/u);
    expect(JSON.parse(line)).toEqual(JSON.parse(json(alert)));
    const coloured = lineOf(config(), { terminal: true, colours: true })(alert);
    expect(coloured.split('\u001b').map((each) => each.slice(0, 4))).toEqual(['', '[33m', '[0m']);
  });
});

describe('other events', () => {
  it('as a sentence of their fields, quoted where they would be ambiguous', () => {
    const fields = {
      'proc.name': 'cat',
      'proc.cmdline': 'cat /etc/shadow',
      'proc.pid': 7,
      'evt.num': 2n ** 60n,
      'fd.name': 'a\nb',
      'user.name': '',
      'evt.rawarg.data': new Uint8Array([1, 255]),
      'proc.aname': ['sh', 'x y'],
      'evt.is_wait': false,
    };
    expect(text(recordOf(fields))).toBe(
      '2023-11-14T22:13:20.123456789+0000: syscall open proc.name=cat proc.cmdline="cat /etc/shadow" proc.pid=7 ' +
        'evt.num=1152921504606846976 fd.name="a\\nb" user.name="" evt.rawarg.data=01ff proc.aname=(sh,"x y") evt.is_wait=false',
    );
  });

  it('with the time in the form that alerts have theirs', () => {
    const time = (iso8601: boolean, event: EventRecord) => lineOf(config({ iso8601 }))(event).split(': ')[0];
    for (const iso8601 of [true, false]) expect(time(iso8601, recordOf({}))).toBe(time(iso8601, alertOf('Shell')));
    expect(time(false, recordOf({}))).toMatch(/^\d\d:\d\d:20\.123456789$/);
  });

  it('in JSON as records, which replay reads', () => {
    const record = recordOf({ 'evt.num': 2n ** 60n });
    expect(json(record)).toBe(recordJson(record));
  });

  it('an event that is no record is a fault that says so', () => {
    const foreign = { source: 'syscall', type: 'open', time: TIME, get: () => undefined };
    for (const line of [text, json])
      expect(() => line(foreign)).toThrow(/syscall came to a sink without having been made/);
  });
});

it('whatever an event holds, its line is one line', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.bigInt(),
    fc.boolean(),
    fc.uint8Array({ maxLength: 9 }),
  );
  const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]+\.[a-z]+$/), value),
      fc.string({ unit: 'binary' }),
      (fields, output) => {
        const events = [new EventRecord('syscall', 'open', TIME, fields), alertOf('Rule', 'Notice', output)];
        for (const line of [text, json]) for (const event of events) expect(line(event)).not.toMatch(/[\n\r]/);
      },
    ),
  );
});

describe('what lines read', () => {
  it('who did what of system calls, nothing of others, and all types', () => {
    const reads = lineReads(config(), ['syscall', 'alert']);
    expect([...(reads.get('syscall')?.fields ?? [])]).toContain('proc.cmdline');
    expect(reads.get('alert')).toEqual({ fields: new Set(), types: 'all' });
  });

  it('the fields that are named, if any are', () => {
    const reads = lineReads(config({ fields: ['proc.name'] }), ['syscall']);
    expect(reads.get('syscall')).toEqual({ fields: new Set(['proc.name']), types: 'all' });
  });
});

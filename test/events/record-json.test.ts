import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderDiagnostic } from '../../src/core/errors.ts';
import { Alert, alertJson, makeAlert } from '../../src/events/alert.ts';
import type { Scalar, Value } from '../../src/events/field.ts';
import { EventRecord } from '../../src/events/record.ts';
import { parseRecord, recordJson, recordSchema } from '../../src/events/record-json.ts';

const origin = { file: 'events.jsonl', line: 3 };
const read = (line: string): EventRecord => {
  const parsed = parseRecord(line, origin);
  if ('problem' in parsed) throw new Error(renderDiagnostic(parsed.problem));
  return parsed.record;
};
const problem = (line: string) => {
  const parsed = parseRecord(line, origin);
  if (!('problem' in parsed)) throw new Error(`accepted: ${line}`);
  return parsed.problem;
};

/** An integer as the contract of values has it: a number when that is exact, else a bigint. */
const integer: fc.Arbitrary<Scalar> = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
const scalar: fc.Arbitrary<Scalar> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.boolean(),
  integer,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.uint8Array(),
);
const value: fc.Arbitrary<Value> = fc.oneof(scalar, fc.array(scalar));
const record = fc
  .record({
    source: fc.constantFrom('syscall', 'aws_cloudtrail', 'internal', 'a"b\\c'),
    type: fc.string({ minLength: 1 }),
    time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
    fields: fc.dictionary(fc.string(), value),
  })
  .map(({ source, type, time, fields }) => new EventRecord(source, type, time, fields));

/** An integer beyond 2^53 that is a number was inexact to begin with: it comes back as the bigint that was written. */
function exact(given: Value): Value {
  if (Array.isArray(given)) return given.map((item) => exact(item) as Scalar);
  return Number.isInteger(given) && !Number.isSafeInteger(given) && /^-?\d+$/.test(String(given))
    ? BigInt(String(given))
    : given;
}

describe('a record', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(record, (given) => {
        const back = read(recordJson(given));
        expect([back.source, back.type, back.time]).toEqual([given.source, given.type, given.time]);
        const expected = Object.entries(given.fields).map(([name, one]) => [name, exact(one)]);
        expect(Object.entries(back.fields)).toEqual(expected);
        expect(recordJson(back)).toBe(recordJson(given));
      }),
    );
  });

  it('keeps nanoseconds that no double holds, also when a person wrote it', () => {
    expect(read('{"source":"syscall","time":1700000000000000001,"type":"openat","fields":{}}').time).toBe(
      1700000000000000001n,
    );
    const spaced =
      '{ "type": "x", "fields": {"a.b": 9007199254740993, "l": [9007199254740993, 1]}, "source": "s", "time": 5 }';
    expect(read(spaced)).toMatchObject({ time: 5n, fields: { 'a.b': 9007199254740993n, l: [9007199254740993n, 1] } });
  });

  it('is written in one order', () => {
    const given = new EventRecord('syscall', 'openat', 1n, { 'evt.buffer': new Uint8Array([0, 1]), 'proc.pid': 7 });
    expect(recordJson(given)).toBe(
      '{"source":"syscall","time":1,"type":"openat","fields":{"evt.buffer":{"$bytes":"AAE="},"proc.pid":7}}',
    );
    expect(recordSchema.required).toEqual(['source', 'time', 'type', 'fields']);
  });

  it('passes over a field that is null', () => {
    expect(read('{"source":"s","time":1,"type":"t","fields":{"a":null,"b":1}}').fields).toEqual({ b: 1 });
  });
});

describe('an alert as a record', () => {
  it('comes back as the same alert', () => {
    const printed = fc.dictionary(fc.constantFrom('proc.name', 'fd.name', 'user.uid', 'evt.num'), fc.option(value));
    fc.assert(
      fc.property(printed, fc.array(fc.string()), (outputFields, tags) => {
        const alert = makeAlert(1_700_000_000_000_000_001n, {
          rule: 'r',
          priority: 'Critical',
          tags,
          hostname: 'h',
          output: 'o',
          source: 'syscall',
          outputFields,
        });
        const back = read(recordJson(alert));
        expect(back).toBeInstanceOf(Alert);
        expect((back as Alert).id).toBe(alert.id);
        expect(alertJson(back)).toBe(alertJson(alert));
      }),
    );
  });
});

describe('a line that is no record', () => {
  it.each([
    ['{', 'RECORD_SYNTAX', 'this line is not JSON', 2],
    ['', 'RECORD_SYNTAX', 'this line is not JSON', 1],
    ['{"a":1]', 'RECORD_SYNTAX', 'this line is not JSON', 7],
    ['[]', 'RECORD_SHAPE', 'a record must be an object, not an array', 1],
    ['null', 'RECORD_SHAPE', 'a record must be an object, not null', 1],
    ['{"source":"s","time":1,"type":"t"}', 'RECORD_SHAPE', "the record has no 'fields'", 1],
    ['{"source":"","time":1,"type":"t","fields":{}}', 'RECORD_SHAPE', "'source' must be a text, not an empty text", 2],
    ['{"source":"s","time":1.5,"type":"t","fields":{}}', 'RECORD_SHAPE', "'time' must be an integer, not 1.5", 15],
    [
      '{"source":"s","time":"1","type":"t","fields":{}}',
      'RECORD_SHAPE',
      "'time' must be an integer, not the text '1'",
      15,
    ],
    ['{"source":"s","time":1,"type":"t","fields":[]}', 'RECORD_SHAPE', "'fields' must be an object, not an array", 35],
    ['{"source":"s","time":1,"type":"t","fields":{"a":{}}}', 'RECORD_SHAPE', "field 'a' cannot be an object", 45],
    [
      '{"source":"s","time":1,"type":"t","fields":{"a":{"$bytes":"?"}}}',
      'RECORD_SHAPE',
      "field 'a': '$bytes' is not base64",
      45,
    ],
    ['{"source":"s","time":1,"type":"t","fields":{"a":[[]]}}', 'RECORD_SHAPE', "field 'a' cannot be an array", 45],
  ])('%s', (line, code, message, column) => {
    expect(problem(line)).toMatchObject({ severity: 'error', code, message, at: { ...origin, column } });
  });

  it('suggests the key that was meant', () => {
    const text = '{"source":"s","tme":1,"type":"t","fields":{}}';
    expect(problem(text)).toMatchObject({
      message: "a record has no key 'tme'",
      hint: "Did you mean 'time'?",
      at: { column: 15 },
    });
  });

  it('never throws', () => {
    const near = fc.tuple(record, fc.nat(), fc.string({ maxLength: 3 })).map(([given, at, junk]) => {
      const line = recordJson(given);
      return line.slice(0, at % line.length) + junk + line.slice((at % line.length) + 1);
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), near), (line) => {
        const parsed = parseRecord(line, origin);
        if ('problem' in parsed) expect(parsed.problem.at?.column).toBeGreaterThan(0);
      }),
    );
  });
});

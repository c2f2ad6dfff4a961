/** What is in the body of an event of a hub, however it is written. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/events/exact-json.ts';
import { mend, recordsOf } from '../../src/sources/azure-event-hubs/body.ts';
import { eventsOf } from '../../src/sources/azure-event-hubs/events.ts';

const both = ['azure_audit', 'k8s_audit'];
const bytes = (text: string) => Buffer.from(text);
const records = (text: string) => {
  const body = recordsOf(bytes(text));
  return 'records' in body ? body.records : body.problem;
};
// JSON's own values: what JSON.parse(JSON.stringify(x)) gives, so without -0.
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));
/** The same, integers exact. */
const exact = (value: unknown) => parseJson(JSON.stringify(value));

/** A value as Python prints it, with a comma too many where one can be. */
function asPython(value: unknown, comma: boolean): string {
  const end = comma ? ',' : '';
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') {
    const text = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
    return `'${text}'`;
  }
  if (Array.isArray(value))
    return value.length === 0 ? '[]' : `[${value.map((each) => asPython(each, comma)).join(', ')}${end}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).map(([key, each]) => `${asPython(key, comma)}: ${asPython(each, comma)}`);
    return entries.length === 0 ? '{}' : `{${entries.join(', ')}${end}}`;
  }
  return JSON.stringify(value);
}

describe('the records of a body', () => {
  it('are those under `records`, of an array, one alone, or one a line', () => {
    const cases: [string, unknown][] = [
      ['{"records":[{"a":1},{"a":2}]}', [{ a: 1 }, { a: 2 }]],
      ['\ufeff{"Records":[{"a":1}]}', [{ a: 1 }]],
      ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
      ['{"a":1}', [{ a: 1 }]],
      ['{"a":1}\n{"a":2}\r\n\n{"records":[{"a":3}]}\n', [{ a: 1 }, { a: 2 }, { a: 3 }]],
      ['{"records":[]}', []],
      ['{"records":{"a":1}}', 'its `records` are no array'],
      ['{"records":null}', 'its `records` are no array'],
      ['', 'it is empty'],
      [' \n', 'it is empty'],
      ['hello world', 'it is no JSON, and cannot be mended'],
      ['{"records":[{"a":1}', 'it is no JSON, and cannot be mended'],
      ['{"a":1}}', 'it is no JSON, and cannot be mended'],
      ['[1,,2]', 'it is no JSON, and cannot be mended'],
      [',{"a":1}', 'it is no JSON, and cannot be mended'],
    ];
    for (const [text, expected] of cases) expect(records(text), text).toEqual(expected);
  });

  it('are mended where producers are known to break them', () => {
    const cases: [string, unknown][] = [
      ['{"a":"line\nline\tx"}', { a: 'line\nline\tx' }],
      [
        `{'a': 'it\\'s "quoted"', 'b': None, 'c': True, 'd': [False,],}`,
        { a: 'it\'s "quoted"', b: null, c: true, d: [false] },
      ],
      ['{"a": "C:\\new", "b": "\\x41"}', { a: 'C:\new', b: '\\x41' }],
      ['{"a": "\\u00e9 \\ud83d\\ude00", }', { a: 'é 😀' }],
      ['{"n": NaN, "m": -1.5e3,}', { n: null, m: -1500 }],
    ];
    for (const [text, expected] of cases) {
      expect(recordsOf(bytes(text)), text).toEqual({ records: [expected], mended: true });
    }
    expect(recordsOf(bytes('{"a":1}'))).toEqual({ records: [{ a: 1 }], mended: false });
  });

  it('written by Python are what they were', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), json), { maxLength: 4 }), fc.boolean(), (values, comma) => {
        expect(records(asPython({ records: values }, comma))).toEqual(exact(values));
      }),
    );
  });

  it('of any JSON are unchanged by mending', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        expect(JSON.parse(mend(JSON.stringify([value], null, indent)) ?? '')).toEqual([[value]]);
      }),
    );
  });

  it('a line each are one each', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), json), { minLength: 2, maxLength: 5 }),
        (values) => {
          const plain = values.filter((value) => !('records' in value));
          fc.pre(plain.length > 0);
          expect(records(plain.map((value) => JSON.stringify(value)).join('\n'))).toEqual(exact(plain));
        },
      ),
    );
  });

  it('that nest without end cost themselves alone', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const body = bytes(`{"records":[${deep},{"category":"a","n":1152921504606846977}]}`);
    const event = { body, offset: '1', sequenceNumber: 1, enqueuedTimeUtc: new Date(0) };
    const { events, problems } = eventsOf(event, '0', both);
    expect(events.map(({ type }) => type)).toEqual(['a']);
    expect(problems).toMatchObject([{ reason: 'bad_record', text: '(it nests too deeply to be shown)' }]);
  });

  it('never throw, whatever the bytes, and take time in proportion to them', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      "'",
      '\\',
      'records',
      '1',
      '\n',
      'null',
      '\u0000',
      'é',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 60 }).map((all) => all.join('')),
    );
    const event = (body: unknown) => ({ body, offset: '0', sequenceNumber: 0, enqueuedTimeUtc: new Date(0) });
    fc.assert(
      fc.property(fc.oneof(text, fc.uint8Array()), (given) => {
        const body = typeof given === 'string' ? bytes(given) : given;
        const { events, problems } = eventsOf(event(body), '0', both);
        const found = recordsOf(body);
        expect(events.length + problems.length).toBe('records' in found ? found.records.length : 1);
      }),
    );
    fc.assert(
      fc.property(json, (value) => {
        const { events, problems } = eventsOf(
          event(bytes(JSON.stringify({ records: [value, { category: 'kube-audit', properties: value }] }))),
          '0',
          both,
        );
        // Nothing is lost silently: each record is an event or a problem.
        expect(events.length + problems.length).toBe(2);
      }),
    );
    for (const one of ['[', '{"a":', "'", '"\\', '\ufeff', ',', "{'a'", '\n']) {
      expect(eventsOf(event(bytes(one.repeat(500_000))), '0', both).problems).toHaveLength(1);
    }
  });
});

const corpus = join(import.meta.dirname, '../../../shared/data/cloud/azure/eventhub_bodies.jsonl');
describe.skipIf(!existsSync(corpus))('bodies that Azure wrote (skipped where ../shared is not there)', () => {
  it('are all read: Azure records as azure_audit, audit logs of AKS as k8s_audit', () => {
    const bodies = readFileSync(corpus, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const counts = { records: 0, azure: 0, kubernetes: 0, problems: [] as string[] };
    for (const [sequenceNumber, body] of bodies.entries()) {
      counts.records += JSON.parse(body).records.length;
      const { events, problems } = eventsOf(
        { body: bytes(body), offset: '0', sequenceNumber, enqueuedTimeUtc: new Date() },
        '0',
        both,
      );
      counts.azure += events.filter(({ source }) => source === 'azure_audit').length;
      counts.kubernetes += events.filter(({ source }) => source === 'k8s_audit').length;
      counts.problems.push(...problems.map(({ message }) => message));
    }
    console.info(`${bodies.length} bodies: ${counts.azure} Azure records, ${counts.kubernetes} of Kubernetes`);
    expect(counts.problems).toEqual([]);
    expect(counts.azure + counts.kubernetes).toBe(counts.records);
    expect(counts.kubernetes).toBeGreaterThan(0);
  });
});

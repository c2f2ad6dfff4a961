import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlertContent, alertJson, alertText, makeAlert, toAlert } from '../../src/events/alert.ts';
import { exactJson } from '../../src/events/exact-json.ts';
import { EventRecord } from '../../src/events/record.ts';
import { clockTime } from '../../src/events/time.ts';
import { sharedJson } from './shared.ts';

const time = 1_700_000_100_100_000_000n;
const content: AlertContent = {
  rule: 'plain',
  priority: 'Notice',
  tags: ['b', 'a', 'b'],
  hostname: 'node1',
  output: 'opened "x"\n\u001b[31m by bash',
  source: 'syscall',
  outputFields: { 'proc.ppid': 90, 'fd.name': null, 'evt.rawtime': time, 'a.bytes': new Uint8Array([104, 0, 255]) },
};

describe('an alert', () => {
  it('is an event with the fields of its rule and of the event', () => {
    const alert = makeAlert(time, content);
    expect(alert).toMatchObject({ source: 'alert', type: 'plain', time });
    expect(alert.get('rule')).toBe('plain');
    expect(alert.get('tags')).toEqual(['a', 'b']);
    expect(alert.get('source')).toBe('syscall');
    expect(alert.get('proc.ppid')).toBe(90);
    expect(alert.get('fd.name')).toBeUndefined();
    expect(alert.get('id')).toBe(alert.id);
  });

  it('has the same id for the same event and rule, and another for another', () => {
    const id = (changed: Partial<AlertContent>, at = time) => makeAlert(at, { ...content, ...changed }).id;
    expect(id({})).toMatch(/^[0-9a-f]{32}$/);
    expect(id({ output: 'other', tags: [] })).toBe(id({}));
    expect(id({ outputFields: { ...content.outputFields, 'evt.num': 7 } })).toBe(id({}));
    for (const other of [
      id({ rule: 'x' }),
      id({}, time + 1n),
      id({ hostname: 'node2' }),
      id({ source: 'okta' }),
      id({ outputFields: { 'proc.ppid': 91 } }),
      id({ identity: 'e1' }),
    ])
      expect(other).not.toBe(id({}));
    const cloud = { source: 'aws_cloudtrail' };
    expect(id({ ...cloud, hostname: 'replica-1' })).toBe(id({ ...cloud, hostname: 'replica-2' }));
    expect(id({ identity: 'e1', outputFields: {} })).toBe(id({ identity: 'e1' }));
  });
});

describe('alertJson', () => {
  it("is Falco's object: sorted keys, exact integers, null for what is absent", () => {
    expect(alertJson(makeAlert(time, content))).toBe(
      '{"hostname":"node1","output":"' +
        clockTime(time) +
        ': Notice opened \\"x\\"\\n\\u001b[31m by bash",' +
        '"output_fields":{"a.bytes":"h..","evt.rawtime":1700000100100000000,"evt.time":1700000100100000000,' +
        '"fd.name":null,"proc.ppid":90},"priority":"Notice","rule":"plain","source":"syscall","tags":["a","b"],' +
        '"time":"2023-11-14T22:15:00.100000000Z"}',
    );
  });

  it('is what JSON.stringify makes of that object, whatever its names and values are', () => {
    const text = fc.string({ unit: 'binary' });
    const scalar = fc.oneof(text, fc.bigInt({ max: 2n ** 70n }), fc.double(), fc.boolean());
    const value = fc.oneof(scalar, fc.constant(null), fc.uint8Array(), fc.array(scalar));
    // Of those JSON.stringify does not keep the order.
    const name = text.filter((each) => !/^\d+$/.test(each));
    const dots = (bytes: Uint8Array) =>
      Buffer.from(bytes)
        .toString('latin1')
        .replace(/[^ -~]/g, '.');
    fc.assert(
      fc.property(fc.dictionary(name, value), (outputFields) => {
        const all = Object.entries({ ...outputFields, 'evt.time': time }).sort(([a], [b]) => (a < b ? -1 : 1));
        const object = {
          hostname: 'node1',
          output_fields: Object.fromEntries(all.map(([each, given]) => [each, exactJson(given, dots)])),
          priority: 'Notice',
          rule: 'plain',
          source: 'syscall',
          time: '2023-11-14T22:15:00.100000000Z',
        };
        const alert = makeAlert(time, { ...content, outputFields });
        expect(alertJson(alert, { output: false, tags: false })).toBe(JSON.stringify(object));
      }),
    );
  });

  it('leaves out what it is told to, and shows ISO times', () => {
    const shape = { iso8601: true, output: false, message: true, tags: false, outputFields: false };
    expect(JSON.parse(alertJson(makeAlert(time, content), shape))).toEqual({
      hostname: 'node1',
      message: content.output,
      priority: 'Notice',
      rule: 'plain',
      source: 'syscall',
      time: '2023-11-14T22:15:00.100000000Z',
    });
    const whole = JSON.parse(alertJson(makeAlert(time, content), { iso8601: true }));
    expect(whole.output).toMatch(/^2023-11-14T22:15:00\.100000000\+0000: Notice opened/);
    expect(whole.output_fields).toHaveProperty(['evt.time.iso8601']);
    expect(whole.output_fields).not.toHaveProperty(['evt.time']);
  });

  it('gives a printed time as nanoseconds, whatever the rule printed', () => {
    const printed = { ...content, outputFields: { 'evt.datetime.s': '2023-11-14 22:15:00', 'evt.time.s': '22:15:00' } };
    expect(alertJson(makeAlert(time, printed))).toContain(
      `"output_fields":{"evt.datetime.s":${time},"evt.time":${time},"evt.time.s":${time}}`,
    );
  });

  it('is the same of a record that an operator made of the alert', () => {
    const alert = makeAlert(time, { ...content, outputFields: { 'proc.ppid': 90 } });
    const changed = new EventRecord('alert', alert.type, time, { ...alert.fields });
    expect(alertJson(changed)).toBe(alertJson(alert));
    expect(toAlert(changed).id).toBe(alert.id);
    const named = alert.with({ ...alert.fields, cluster: 'prod' });
    expect(named.id).toBe(alert.id);
    expect(alertJson(named)).toContain('"cluster":"prod"');
  });
});

describe('alertText', () => {
  it('is one line, escaped as Falco does', () => {
    expect(alertText(makeAlert(time, content))).toBe(`${clockTime(time)}: Notice opened \\"x\\"\\n\\u001b[31m by bash`);
  });

  it('never holds a control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (output) => {
        const codes = Array.from(alertText(makeAlert(time, { ...content, output })), (char) => char.codePointAt(0)!);
        expect(Math.min(...codes)).toBeGreaterThanOrEqual(0x20);
      }),
    );
  });
});

interface Golden {
  id: string;
  alerts: { rule: string; text: string; json: string }[];
}
const golden: { custom: Golden[] } | undefined = sharedJson('data/falco/e2e_cases.json');

describe.skipIf(golden === undefined)("Falco's own alerts", () => {
  const lines =
    golden?.custom.flatMap(({ id, alerts }) => alerts.map((alert) => [`${id}: ${alert.rule}`, alert] as const)) ?? [];
  // The engine that made them ran in UTC.
  it.each(lines)('%s', (_name, { text, json }) => {
    const given = typeof json === 'string' ? JSON.parse(json) : json;
    const { 'evt.time': _time, ...outputFields } = given.output_fields ?? {};
    const at = BigInt(Date.parse(`${given.time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(given.time.slice(20, 29));
    const output = given.output.slice(given.output.indexOf(`${given.priority} `) + given.priority.length + 1);
    const alert = makeAlert(at, { ...given, output, outputFields });
    const local = new Date(Number(at / 1_000_000n)).getTimezoneOffset() !== 0;
    const shape = { message: 'message' in given, outputFields: given.output_fields !== null };
    if (!local) expect(alertText(alert)).toBe(text);
    const ours = JSON.parse(alertJson(alert, shape));
    // Falco loses the fields of an alert that prints an empty list; local times differ where this runs.
    for (const key of [...(given.output_fields === null ? ['output_fields'] : []), ...(local ? ['output'] : [])]) {
      delete given[key];
      delete ours[key];
    }
    delete ours.output_fields?.['evt.time'];
    delete given.output_fields?.['evt.time'];
    expect(ours).toEqual(given);
    expect(Object.keys(ours)).toEqual(Object.keys(given));
  });
});

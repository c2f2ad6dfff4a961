/** `falco-pipe rules except`: what every format of ours writes, and what the services that it is for give back. */

import { describe, expect, test } from 'vitest';
import { alertJson, makeAlert } from '../../src/events/alert.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { formats } from '../../src/sinks/formats/index.ts';
import { except, itemsOf, read, rules, write } from './except-folder.ts';

const alertOf = (path: string, rule = 'File read') =>
  makeAlert(1_700_000_000_123_456_789n, {
    rule,
    priority: 'Notice',
    tags: ['host', 'T1555'],
    hostname: 'node1',
    output: 'o',
    source: 'syscall',
    outputFields: { ...read, 'fd.name': path, 'container.image.repository': null, 'evt.num': 2n ** 60n },
  });
const alerts = [alertOf('/etc/a b'), alertOf('/etc/"c"\u00fc'), alertOf('/etc/passwd')];
const rows = [
  ['/usr/bin/cat', 'bash', '"/etc/a b"', 'host'],
  ['/usr/bin/cat', 'bash', '"/etc/\\"c\\"ü"', 'host'],
  ['/usr/bin/cat', 'bash', '/etc/passwd', 'host'],
];
const needed: Readonly<Record<string, object>> = {
  splunk_hec: { token: { env: 'SECRET' } },
  datadog: { api_key: { env: 'SECRET' } },
  pagerduty: { routing_key: { env: 'SECRET' } },
};

/** What a format sends for alerts, as a sink would keep it: a request a line, or its lines. */
function bodies(type: string, options: object): string {
  const format = formats.find((each) => each.type === type);
  if (format === undefined) throw new Error(type);
  const encoder = format.create(format.options.parse({ ...needed[type], ...options }), () => 'secret');
  const groups = encoder.most === 1 ? alerts.map((alert) => [alert]) : [alerts];
  return groups.map((group) => `${encoder.encode(group).body}\n`).join('');
}

async function rowsOf(text: string) {
  const { code, stdout, stderr } = await except(write('form.json', text), rules);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('# For 3 alerts of form.json');
  return itemsOf(stdout).flatMap(({ exceptions }) => exceptions.flatMap(({ values }) => values));
}

const READ: readonly (readonly [type: string, options: object])[] = [
  ['falco', {}],
  ['json_lines', {}],
  ['cloudevents', { mode: 'binary' }],
  ['cloudevents', { mode: 'structured' }],
  ['cloudevents', { mode: 'batch' }],
  ['elasticsearch', {}],
  ['elasticsearch', { document: 'ecs' }],
  ['ecs', {}],
  ['ocsf', {}],
  ['otlp', {}],
  ['loki', {}],
  ['splunk_hec', {}],
  ['datadog', {}],
  ['pagerduty', {}],
];
const REFUSED: readonly (readonly [type: string, options: object, said: string])[] = [
  ['loki', { line: 'text' }, 'It is a line of Loki with the text alone, without fields: `line: json` of its format'],
  ['alertmanager', {}, 'It is an alert of Alertmanager, whose labels are not the fields by their names.'],
  ['slack', {}, 'It is a message of Slack or Teams, which does not have the fields as they are.'],
  ['teams', {}, 'It is a message of Slack or Teams, which does not have the fields as they are.'],
];

describe('what formats write', () => {
  test('every format is read, or refused by its name', () => {
    const known = new Set([...READ, ...REFUSED].map(([type]) => type));
    expect(formats.map(({ type }) => type).filter((type) => !known.has(type))).toEqual([]);
  });

  test.each(READ)('%s %j', async (type, options) => {
    expect(await rowsOf(bodies(type, options))).toEqual(rows);
  });

  test.each(REFUSED)('%s %j does not have the fields', async (type, options, said) => {
    const { code, stdout, stderr } = await except(write('poor.json', bodies(type, options)), rules);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain(said);
    expect(stderr).toContain("An alert is a line of JSON as Falco's json_output and the format json write it");
    expect(stderr).toContain('There is no alert in poor.json');
  });

  test('what a receiver has without the alert as it was', async () => {
    const without = (type: string, key: RegExp) => bodies(type, {}).replaceAll(key, '"other":');
    const said = async (text: string) => (await except(write('poor.json', text), rules)).stderr;
    expect(await said(without('ocsf', /"raw_data":/g))).toContain('It is OCSF without `raw_data`');
    expect(await said(without('ecs', /"output_fields":/g))).toContain('It is ECS without `falco.output_fields`');
    expect(await said(bodies('otlp', {}).replaceAll('falco.rule', 'x'))).toContain('an OTLP log without `falco.rule`');
    const event = { source: 'syscall', time: 1, type: 'open', fields: {} };
    expect(await said(JSON.stringify(event))).toContain('It is an event of the source syscall, and no alert.');
    expect(await said('Nov 27 04:00:00 host CEF:0|x|y|1|2|3|4|a=b')).toContain('this is CEF, which does not have');
  });
});

describe('what services give back', () => {
  const json = alerts.map((alert) => alertJson(alert, { iso8601: true }));
  const documents = json.map((text) => JSON.parse(text));

  test.each([
    ['records', alerts.map((alert) => `${recordJson(alert)}\n`).join('')],
    ['a list', `[${json.join(',')}]`],
    ['a list over several lines', JSON.stringify(documents, null, 2)],
    ['a list, a line each', `[\n${json.join(',\n')}\n]\n`],
    ['as jq prints them', documents.map((each) => JSON.stringify(each, null, 2)).join('\n')],
    [
      'a search of Elasticsearch',
      JSON.stringify({ took: 1, hits: { hits: documents.map((_source) => ({ _source })) } }),
    ],
    [
      'a query of Loki',
      JSON.stringify({
        status: 'success',
        data: {
          resultType: 'streams',
          result: json.map((line) => ({ stream: { rule: 'File read' }, values: [['1', line]] })),
        },
      }),
    ],
    ['logcli', json.map((line) => JSON.stringify({ labels: { a: 'b' }, line, timestamp: '1' })).join('\n')],
    [
      'Datadog',
      JSON.stringify({ data: documents.map((attributes) => ({ id: '1', type: 'log', attributes: { attributes } })) }),
    ],
    [
      "an OpenTelemetry collector that reads Falco's output",
      JSON.stringify({
        resourceLogs: [
          { scopeLogs: [{ logRecords: json.map((stringValue) => ({ body: { stringValue }, attributes: [] })) }] },
        ],
      }),
    ],
    [
      'a container log of the journal',
      json.map((log) => JSON.stringify({ MESSAGE: JSON.stringify({ log }) })).join('\n'),
    ],
  ])('%s', async (_, text) => {
    expect(await rowsOf(text)).toEqual(rows);
  });

  test('a bracket that nothing ends is a line, and those behind it are read', async () => {
    const { stdout, stderr, code } = await except(write('open.json', `{\n${json.join('\n')}\n`), rules);
    expect(code).toBe(0);
    expect(stdout).toContain('# 1 line without an alert (line 1): this line is not JSON.');
    expect(stdout).toContain('# Hides 3 of 3 alerts.');
    expect(stderr).toBe('1 line without an alert: the output says why\n');
  });

  const deep = (before: string, after: string) => `${before.repeat(50_000)}1${after.repeat(50_000)}`;

  test.each([
    ['lists in lists', deep('[', ']')],
    ['documents in documents', deep('{"data":', '}')],
    ['OCSF in OCSF', deep('{"class_uid":1,"raw_data":', '}')],
    ['streams of Loki in each other', deep('{"stream":{},"values":[["1",', ']]}')],
  ])('%s, fifty thousand deep, are told and the others read', async (_, text) => {
    const { stdout, code } = await except(write('deep.json', `${text}\n${json.join('\n')}\n`), rules);
    expect(code).toBe(0);
    expect(stdout).toContain('# 1 line without an alert (line 1): It is no alert: it is in too many documents');
    expect(stdout).toContain('# Hides 3 of 3 alerts.');
  });
});

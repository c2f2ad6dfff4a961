/** Formats against golden files, which hold what receivers are to get; UPDATE=1 writes them, and a person reads the change. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageVersion } from '../../src/core/package.ts';
import { makeAlert } from '../../src/events/alert.ts';
import type { Encoder } from '../../src/sinks/formats/format.ts';
import { formats } from '../../src/sinks/formats/index.ts';

const folder = join(import.meta.dirname, 'golden');

// Falco prints the local time of day.
beforeAll(() => {
  process.env.TZ = 'UTC';
});

const file = makeAlert(1_700_000_000_123_456_789n, {
  rule: 'Read sensitive file',
  priority: 'Warning',
  tags: ['mitre_credential_access', 'T1555', 'host'],
  hostname: 'node1',
  output: 'Sensitive file <opened> & read (file=/etc/shadow user=root)',
  source: 'syscall',
  outputFields: {
    'evt.type': 'openat',
    'proc.name': 'cat',
    'proc.cmdline': 'cat /etc/shadow',
    'proc.pid': 4242,
    'proc.pname': 'bash',
    'proc.aname[2]': 'sshd',
    'user.name': 'root',
    'user.uid': 0,
    'fd.name': '/etc/shadow',
    'container.id': null,
    'evt.rawtime': 1_700_000_000_123_456_789n,
    'evt.failed': false,
    'thread.cpu': 0.5,
  },
});

const network = makeAlert(1_700_000_001_000_000_000n, {
  rule: 'Outbound connection ü "x"',
  priority: 'Critical',
  tags: [],
  hostname: 'node2',
  output: 'Connection to 203.0.113.9',
  source: 'syscall',
  outputFields: {
    'proc.name': 'nc',
    'fd.name': '10.0.0.7:5000->203.0.113.9:443',
    'fd.cip': '10.0.0.7',
    'fd.cport': 5000,
    'fd.sip': '203.0.113.9',
    'fd.sport': 443,
    'fd.l4proto': 'tcp',
    'k8s.ns.name': 'shop',
    'k8s.pod.name': 'web-0',
  },
});

const KEY = 'R0123456789ABCDEF0123456789ABCDE';
const key = { env: 'KEY' };

/** What formats cannot do without. */
const needed: Record<string, object> = {
  pagerduty: { routing_key: key },
  datadog: { api_key: key },
  splunk_hec: { token: key },
};

function encoderOf(type: string, options: object = {}): Encoder {
  const found = formats.find((each) => each.type === type);
  if (!found) throw new Error(`no format ${type}`);
  return found.create(found.options.parse({ ...needed[type], ...options }), () => KEY);
}

const cases: [name: string, type: string, options?: object][] = [
  ['alertmanager', 'alertmanager', { labels: { cluster: 'eu' }, resolve_after: '15m' }],
  ['cloudevents-binary', 'cloudevents'],
  ['cloudevents-structured', 'cloudevents', { mode: 'structured', source: '//here', event_type: 'my.alert' }],
  ['cloudevents-batch', 'cloudevents', { mode: 'batch' }],
  ['datadog', 'datadog', { tags: { env: 'prod' } }],
  ['ecs', 'ecs'],
  ['elasticsearch', 'elasticsearch', { index: 'falco', suffix: 'daily' }],
  ['elasticsearch-ecs', 'elasticsearch', { document: 'ecs' }],
  ['falco', 'falco'],
  ['json-lines', 'json_lines'],
  ['loki', 'loki', { labels: { job: 'falco' } }],
  ['loki-text', 'loki', { line: 'text', label_fields: [] }],
  ['ocsf', 'ocsf'],
  ['otlp', 'otlp', { resource: { 'deployment.environment': 'prod' } }],
  ['pagerduty', 'pagerduty'],
  ['slack', 'slack', { username: 'falco', icon: ':owl:' }],
  ['slack-text', 'slack', { show: 'text', alerts_per_message: 1 }],
  ['splunk-hec', 'splunk_hec', { index: 'security' }],
  ['teams', 'teams'],
];

/** The requests that a format makes of the two alerts, for people to read. */
function requestsOf(encoder: Encoder): string {
  const groups = encoder.most === 1 ? [[file], [network]] : [[file, network]];
  return groups
    .map((alerts) => {
      const { path, headers, body } = encoder.encode(alerts);
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      return [`POST ${path}`, ...lines, '', body.replaceAll(`"${packageVersion}"`, '"VERSION"')].join('\n');
    })
    .join('\n\n');
}

describe('formats', () => {
  it('are all here', () => {
    expect(new Set(cases.map(([, type]) => type))).toEqual(new Set(formats.map(({ type }) => type)));
  });

  it.each(cases)('%s', (name, type, options) => {
    const path = join(folder, `${name}.http`);
    const text = `${requestsOf(encoderOf(type, options)).trimEnd()}\n`;
    if (process.env.UPDATE) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, text);
    }
    expect(text).toBe(readFileSync(path, 'utf8'));
  });

  it.each(formats.map(({ type }) => type))('%s writes JSON, whatever a text holds', (type) => {
    const nasty = 'a"b\\c\n\u0000\u2028\ud800</script>%41';
    const alert = makeAlert(1n, {
      ...{ rule: nasty, priority: nasty, tags: [nasty], hostname: nasty, output: nasty, source: nasty },
      outputFields: { [nasty]: nasty, list: ['a', nasty], bytes: new Uint8Array([0, 255]), big: 2n ** 63n },
    });
    const { headers, body } = encoderOf(type).encode([alert]);
    const documents = headers['content-type']?.includes('ndjson') ? body.trimEnd().split('\n') : [body];
    for (const document of documents) expect(() => JSON.parse(document)).not.toThrow();
    for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]*$/);
  });
});

it.each(['constructor', '__proto__', 'Odd'])('priority %s is none that a receiver has a word for', (priority) => {
  const content = { rule: 'r', priority, tags: [], hostname: 'h', output: 'o', source: 's', outputFields: {} };
  const bodies = formats.map(({ type }) => encoderOf(type).encode([makeAlert(1n, content)]).body);
  const all = bodies.join('\n');
  const chosen = [
    '"severity":"information"',
    '"severity":"info"',
    '"status":"info"',
    '"severity_id":0',
    '"color":"#9aa0a6"',
  ];
  for (const each of [...chosen, '"severityNumber":0', '"style":"default"', '"severity":0'])
    expect(all).toContain(each);
});

describe('the key by which PagerDuty tells alerts', () => {
  const content = (given: object = {}, outputFields: object = {}) => ({
    ...{ rule: 'r', priority: 'Critical', tags: [], hostname: 'node1', output: 'o', source: 'syscall', ...given },
    outputFields: { 'proc.name': 'nc', 'proc.pid': 1, 'k8s.pod.name': 'web-0', ...outputFields },
  });
  const keyOf = (given: ReturnType<typeof content>, time = 1n, options = {}): string =>
    JSON.parse(encoderOf('pagerduty', options).encode([makeAlert(time, given)]).body).dedup_key;

  it('is the same for one rule and what it happens to, whatever else differs', () => {
    const first = keyOf(content());
    expect(keyOf(content({ output: 'other', tags: ['x'] }, { 'proc.pid': 2 }), 2n)).toBe(first);
    const long = content({ output: 'x'.repeat(2_000_000) }, { 'fd.name': 'y'.repeat(2_000_000) });
    expect(keyOf(long)).toBe(first);
    const others = [
      content({ rule: 'r2' }),
      content({ hostname: 'node2' }),
      content({}, { 'k8s.pod.name': 'web-1' }),
      content({}, { 'k8s.pod.name': null }),
      content({}, { 'k8s.pod.name': '' }),
    ];
    expect(new Set([first, ...others.map((each) => keyOf(each))]).size).toBe(6);
  });

  it('is made of the fields that one chooses; of a cloud the host says nothing', () => {
    const options = { dedup_fields: ['proc.pid'] };
    const first = keyOf(content(), 1n, options);
    expect(keyOf(content({}, { 'k8s.pod.name': 'web-1' }), 1n, options)).toBe(first);
    expect(keyOf(content({}, { 'proc.pid': 2 }), 1n, options)).not.toBe(first);
    const cloud = { source: 'aws_cloudtrail' };
    expect(keyOf(content({ ...cloud, hostname: 'replica-2' }))).toBe(keyOf(content(cloud)));
  });
});

it('Datadog: a log that is too old for its own time has that at which it comes', () => {
  const logs = [17.5, 16.5, 0].map((hours) => {
    const time = BigInt(Math.floor(Date.now() - hours * 3_600_000)) * 1_000_000n;
    const alert = makeAlert(time, { ...file.fields, tags: [], outputFields: {} } as never);
    return [JSON.parse(encoderOf('datadog').encode([alert]).body)[0].timestamp, Number(time / 1_000_000n)];
  });
  const [old, ...others] = logs;
  expect(old?.[0]).toBeUndefined();
  for (const [timestamp, time] of others) expect(timestamp).toBe(time);
});

describe('the answer of a bulk request', () => {
  const alerts = [file, network, file, network];
  const verdictOf = (body: string) => {
    const { accepted } = encoderOf('elasticsearch');
    return accepted?.({ status: 200, headers: {}, body }, alerts);
  };
  const item = (status: number, type = 'x', reason = 'y') => ({ create: { status, error: { type, reason } } });

  it('judges each document: there already is good, some are refused, some come again', () => {
    const items = [item(409), item(400, 'mapper_parsing_exception', 'failed'), item(429), { create: { status: 201 } }];
    expect(verdictOf(JSON.stringify({ errors: true, items }))).toEqual({
      refused: [1],
      again: [2],
      why: '400 mapper_parsing_exception: failed',
    });
  });

  it('an index that may not be written to, or is not there, is no fault of the document', () => {
    const items = [item(403, 'cluster_block_exception'), item(404, 'index_not_found_exception'), item(401), item(503)];
    expect(verdictOf(JSON.stringify({ errors: true, items }))).toMatchObject({ refused: [], again: [0, 1, 2, 3] });
  });

  it('without errors all were taken; what says nothing of each is not the answer of one, so all come again', () => {
    expect(verdictOf('{"errors":false}')).toBeUndefined();
    const items = [item(201), item(201), item(201)];
    const fewer = JSON.stringify({ errors: true, items });
    for (const body of ['<html>', '', 'null', '{}', '{"message":"log in first"}', '{"errors":true}', fewer]) {
      expect(verdictOf(body)).toMatchObject({ refused: [], again: [0, 1, 2, 3] });
    }
  });
});

it('OTLP: what was rejected is refused, so many of them', () => {
  const { accepted } = encoderOf('otlp');
  const verdictOf = (body: string) => accepted?.({ status: 200, headers: {}, body }, [file, network]);
  const partialSuccess = { rejectedLogRecords: '1', errorMessage: 'too old' };
  expect(verdictOf(JSON.stringify({ partialSuccess }))).toEqual({ refused: [0], again: [], why: 'too old' });
  for (const body of ['', '{}', '{"partialSuccess":{}}', '{"partialSuccess":{"rejectedLogRecords":0}}', 'null'])
    expect(verdictOf(body)).toBeUndefined();
});

describe('whatever is answered with 2xx', () => {
  const alerts = [file, network, file];
  /** Answers that mean that all was taken, and others that are near them. */
  const bodies = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record(
        {
          errors: fc.oneof(fc.boolean(), fc.jsonValue()),
          items: fc.array(
            fc.oneof(fc.jsonValue(), fc.record({ create: fc.record({ status: fc.integer(), error: fc.jsonValue() }) })),
          ),
          partialSuccess: fc.record(
            { rejectedLogRecords: fc.jsonValue(), errorMessage: fc.jsonValue() },
            { requiredKeys: [] },
          ),
          code: fc.oneof(fc.constant(0), fc.jsonValue()),
          status: fc.oneof(fc.constant('success'), fc.jsonValue()),
        },
        { requiredKeys: [] },
      )
      .map((answer) => JSON.stringify(answer)),
  );

  it.each(cases)('%s: each alert has one fate at most, and nothing throws', (_, type, options) => {
    const { accepted, canBeMended } = encoderOf(type, options);
    fc.assert(
      fc.property(bodies, (body) => {
        const response = { status: 200, headers: {}, body };
        canBeMended?.(response);
        const { refused = [], again = [], why = '' } = accepted?.(response, alerts) ?? {};
        const places = [...refused, ...again];
        expect(new Set(places).size).toBe(places.length);
        expect(places.every((place) => place in alerts)).toBe(true);
        expect(typeof why).toBe('string');
      }),
    );
  });

  it.each(['alertmanager', 'datadog', 'elasticsearch', 'loki', 'otlp', 'pagerduty', 'slack', 'splunk_hec', 'teams'])(
    '%s: a page that a proxy gives in place of the service takes no alert',
    (type) => {
      const body = '<!DOCTYPE html>\n<title>Please log in</title>';
      expect(encoderOf(type).accepted?.({ status: 200, headers: {}, body }, alerts)).toEqual({
        refused: [],
        again: [0, 1, 2],
        why: expect.stringContaining('<title>Please log in'),
      });
    },
  );

  it.each(['datadog', 'slack', 'teams'])('%s: what says that it is a page is one, whatever it begins with', (type) => {
    const answer = { status: 200, headers: { 'content-type': 'text/html' }, body: 'Please log in' };
    expect(encoderOf(type).accepted?.(answer, alerts)).toMatchObject({ again: [0, 1, 2] });
  });

  it('slack: its own ok says that it is a page, and is none', () => {
    const answer = { status: 200, headers: { 'content-type': 'text/html' }, body: 'ok' };
    expect(encoderOf('slack').accepted?.(answer, alerts)).toBeUndefined();
  });
});

/** The source `cloudevents` over real sockets, and what our own sink sends to it. */

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { alertJson, makeAlert } from '../../../src/events/alert.ts';
import { EventRecord } from '../../../src/events/record.ts';
import { recordJson } from '../../../src/events/record-json.ts';
import { cloudevents as format } from '../../../src/sinks/formats/cloudevents.ts';
import { decodeMessages, NotCloudEvents } from '../../../src/sources/cloudevents/decode.ts';
import { cloudevents } from '../../../src/sources/cloudevents/index.ts';
import { routeOf } from '../../../src/sources/cloudevents/routes.ts';
import { Harness, type HarnessOptions } from '../harness.ts';
import { auditEvent, auditEvents } from '../k8s-audit/events.ts';

const open: Harness[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(config: object = {}, options: HarnessOptions = {}) {
  const source = new Harness(cloudevents, { listen: '127.0.0.1:0', ...config }, options);
  open.push(source);
  const url = `http://127.0.0.1:${await source.port()}/`;
  const send = async (headers: Record<string, string>, body?: string, method = 'POST') => {
    const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  return { source, send };
}

const attributes = (n: number, more: object = {}) => ({
  specversion: '1.0',
  id: `e${n}`,
  source: '//test',
  type: 'com.example.k8s',
  time: '2026-03-02T10:15:01.5Z',
  ...more,
});
const structured = (n: number, data: unknown, more: object = {}) => JSON.stringify({ ...attributes(n, more), data });
const STRUCTURED = { 'content-type': 'application/cloudevents+json' };
const BATCH = { 'content-type': 'Application/CloudEvents-Batch+JSON;charset="UTF-8"' };
const routes = { 'com.example.k8s*': 'k8s_audit', 'com.example.trail': 'aws_cloudtrail', 'io.record': 'internal' };

const alert = (rule: string, output = 'it was so') =>
  makeAlert(1_772_446_501_500_000_001n, {
    rule,
    priority: 'Warning',
    tags: ['b', 'a'],
    hostname: 'node-1',
    output,
    source: 'syscall',
    outputFields: { 'proc.name': 'cat', 'proc.pid': 7, 'fd.name': null, big: 2n ** 60n, list: ['x', 'y'] },
  });

describe('the three modes', () => {
  it('are all read', async () => {
    const { source, send } = await start({ routes });
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': 'b1',
      'ce-source': '//test',
      'ce-type': 'com.example.k8s.one',
      'content-type': 'application/json; charset=UTF-8',
    };
    expect((await send(headers, JSON.stringify(auditEvent(1)))).status).toBe(202);
    expect((await send(STRUCTURED, structured(2, auditEvent(2)))).status).toBe(202);
    const batch = [structured(3, auditEvent(3)), structured(4, auditEvent(4))];
    expect((await send(BATCH, `[${batch}]`)).status).toBe(202);
    expect((await send(BATCH, '[]')).status).toBe(202);
    const base64 = Buffer.from(JSON.stringify(auditEvent(5))).toString('base64');
    const encoded = JSON.stringify({ ...attributes(5), data_base64: base64 });
    expect((await send(STRUCTURED, encoded)).status).toBe(202);
    expect(source.values('ka.target.name')).toEqual(['p1', 'p2', 'p3', 'p4', 'p5']);
    expect(source.batches.every((batch) => batch.source === 'k8s_audit')).toBe(true);
  });

  it('carry lists of documents, and records, by the route of their type', async () => {
    const { source, send } = await start({ routes });
    const list = { kind: 'EventList', items: auditEvents(2) };
    expect((await send(STRUCTURED, structured(1, list))).status).toBe(202);
    const trail = { eventVersion: '1.08', eventName: 'StopLogging', eventSource: 'cloudtrail.amazonaws.com' };
    const document = { ...trail, eventID: 'x', eventType: 'AwsApiCall', eventTime: '2026-03-02T10:15:01Z' };
    const type = { type: 'com.example.trail' };
    expect((await send(STRUCTURED, structured(2, { Records: [document] }, type))).status).toBe(202);
    const record = new EventRecord('internal', 'drop', 1_772_446_501_500_000_001n, { 'internal.count': 2n ** 60n });
    const text = `{"specversion":"1.0","id":"3","source":"x","type":"io.record","data":${recordJson(record)}}`;
    expect((await send(STRUCTURED, text)).status).toBe(202);
    expect(source.events.map((event) => [event.source, event.type])).toEqual([
      ['k8s_audit', 'get'],
      ['k8s_audit', 'get'],
      ['aws_cloudtrail', 'StopLogging'],
      ['internal', 'drop'],
    ]);
    expect(source.events[3]).toMatchObject({ time: record.time, fields: record.fields });
    expect(source.reports).toEqual([]);
  });

  it('may have anything in the output fields of an alert', async () => {
    const { source, send } = await start();
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const data = (fields: string) => `{"rule":"r","priority":"Warning","output_fields":{${fields}}}`;
    const body = (n: number, fields: string) =>
      JSON.stringify({ ...attributes(n), type: 'falco.rule.output.v1' }).replace(/}$/, `,"data":${data(fields)}}`);
    expect(
      (await send(STRUCTURED, body(1, '"a":{"n":1152921504606846977},"l":[{"n":1152921504606846977}]'))).status,
    ).toBe(202);
    expect((await send(STRUCTURED, body(2, `"a":${deep}`))).status).toBe(202);
    expect(source.values('a')).toEqual(['{"n":1152921504606846977}', ['(it nests too deeply to be shown)']]);
    expect(source.values('l')[0]).toEqual(['{"n":1152921504606846977}']);
    expect(source.reports).toEqual([]);
  });

  it('bring back whatever our own sink sends', async () => {
    const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.constantFrom('binary', 'structured', 'batch'), async (rule, output, mode) => {
        const sent = alert(rule, output);
        const encoder = format.create(format.options.parse({ mode, source: '//x' }), String);
        const { headers, body } = encoder.encode([sent]);
        const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
        const { messages, rejected } = decodeMessages(lower, Buffer.from(body));
        expect(rejected).toEqual([]);
        expect(messages).toMatchObject([{ id: sent.id, source: '//x', type: 'falco.rule.output.v1', time: sent.time }]);
      }),
    );
    const { source, send } = await start();
    for (const mode of ['binary', 'structured', 'batch']) {
      const sent = alert(`rule in ${mode} with "é" & 100 %`, 'Warning: odd');
      const { headers, body } = format.create(format.options.parse({ mode }), String).encode([sent]);
      expect((await send(headers as Record<string, string>, body)).status).toBe(202);
      const got = source.events.at(-1) as typeof sent;
      expect(got.id).toBe(sent.id);
      expect(alertJson(got)).toBe(alertJson(sent));
    }
  });
});

describe('what is no CloudEvent', () => {
  it.each([
    ['an old version', attributes(1, { specversion: '0.3' }), /specversion is "0.3"/],
    ['no type', attributes(1, { type: undefined }), /no attribute `type`/],
    ['an empty source', attributes(1, { source: '' }), /source is empty/],
    ['a number as id', attributes(1, { id: 7 }), /id is no text/],
    ['a bad time', attributes(1, { time: 'yesterday' }), /time is "yesterday"/],
    ['a name with a capital', attributes(1, { traceId: 'x' }), /"traceId" is no attribute/],
    ['an attribute that is an object', attributes(1, { ext: {} }), /ext is no text, no boolean/],
    ['a fraction', attributes(1, { ext: 1.5 }), /ext is no text/],
    ['data twice', attributes(1, { data: 1, data_base64: 'eA==' }), /both/],
    ['base64 that is none', attributes(1, { data_base64: '***' }), /no base64/],
    ['bytes that are no JSON', attributes(1, { data_base64: 'eA==' }), /data is not JSON/],
    ['XML', attributes(1, { datacontenttype: 'application/xml', data: '<a/>' }), /only JSON is understood/],
    ['an array', [], /is a JSON object/],
  ])('is refused: %s', (_, item, message) => {
    const { messages, rejected } = decodeMessages(STRUCTURED, Buffer.from(JSON.stringify(item)));
    expect(messages).toEqual([]);
    expect(rejected).toEqual([{ text: JSON.stringify(item), problem: expect.stringMatching(message) }]);
  });

  it('is answered with what is wrong, and counted', async () => {
    const { source, send } = await start({ routes });
    expect((await send({ 'content-type': 'application/json' }, '{}')).status).toBe(415);
    expect((await send({ 'content-type': 'application/cloudevents+avro' }, 'x')).status).toBe(415);
    expect((await send(STRUCTURED, '{')).status).toBe(400);
    expect((await send(BATCH, '{}')).status).toBe(400);
    expect(JSON.parse((await send(STRUCTURED, structured(1, null, { type: '' }))).body).error).toMatch(/type is empty/);
    const mixed = [
      structured(1, auditEvent(1)),
      '7',
      structured(2, 'no document'),
      structured(3, {}, { type: 'other' }),
    ];
    const reply = await send(BATCH, `[${mixed}]`);
    expect(reply.status).toBe(202);
    expect(JSON.parse(reply.body)).toMatchObject({ accepted: 1, rejected: 3 });
    expect(source.said.filter((each) => each.startsWith('drop'))).toEqual([
      'drop content_type 1',
      'drop content_type 1',
      'drop bad_body 1',
      'drop bad_body 1',
      'drop bad_cloudevent 1',
      'drop bad_cloudevent 1',
      'drop bad_event 1',
      'drop no_route 1',
    ]);
    expect(source.values('ka.target.name')).toEqual(['p1']);
  });

  it('never makes the reader throw anything else', () => {
    const name = fc.constantFrom(
      'specversion',
      'id',
      'source',
      'type',
      'time',
      'data',
      'data_base64',
      'x',
      'datacontenttype',
    );
    const items = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(name, fc.oneof(fc.constantFrom('1.0', 'a', ''), fc.jsonValue())),
    );
    fc.assert(
      fc.property(fc.oneof(items, fc.array(items)), fc.constantFrom(STRUCTURED, BATCH, {}), (value, headers) => {
        const given = { ...headers, 'ce-specversion': '1.0', 'ce-id': '%FF', 'ce-type': '"a\\"b"' };
        try {
          const { messages, rejected } = decodeMessages(given, Buffer.from(JSON.stringify(value)));
          expect(messages.length + rejected.length).toBe(Array.isArray(value) && headers === BATCH ? value.length : 1);
        } catch (error) {
          expect(error).toBeInstanceOf(NotCloudEvents);
        }
      }),
    );
  });
});

describe('delivery', () => {
  it('is answered once events have settled; a copy joins the first, by source and id', async () => {
    const { source, send } = await start({}, { settle: () => undefined });
    const body = `{"specversion":"1.0","id":"1","source":"a","type":"falco.rule.output.v1","data":${alertJson(alert('r'))}}`;
    let answered = 0;
    const replies = [1, 2].map(() =>
      send(STRUCTURED, body).then((reply) => {
        answered++;
        return reply.status;
      }),
    );
    await source.until(({ events }) => events.length === 1);
    await new Promise((done) => setTimeout(done, 20));
    expect(answered).toBe(0);
    source.batches[0]?.ack.settle('delivered');
    expect(await Promise.all(replies)).toEqual([202, 202]);
    expect((await send(STRUCTURED, body)).status).toBe(202);
    expect(source.events).toHaveLength(1);
    const other = send(STRUCTURED, body.replace('"source":"a"', '"source":"b"'));
    await source.until(({ events }) => events.length === 2);
    source.batches[1]?.ack.settle('delivered');
    expect((await other).status).toBe(202);
  });

  it('begins with a handshake, for origins that may send', async () => {
    const { send } = await start({ origins: ['eventgrid.example'] });
    const ask = (headers: Record<string, string>) => send(headers, undefined, 'OPTIONS');
    const yes = await ask({ 'webhook-request-origin': 'eventgrid.example', 'webhook-request-rate': '120' });
    expect(yes.status).toBe(200);
    expect(yes.headers.get('webhook-allowed-origin')).toBe('eventgrid.example');
    expect(yes.headers.get('webhook-allowed-rate')).toBe('120');
    expect(yes.headers.get('allow')).toBe('POST');
    expect((await ask({ 'webhook-request-origin': 'elsewhere.example' })).status).toBe(403);
    expect((await ask({})).status).toBe(400);
  });
});

it('the first route that fits a type counts; only * is special', () => {
  const route = routeOf({ 'a.b': 'alert', 'a.*.c': 'k8s_audit', 'a.*': 'internal' });
  expect(['a.b', 'axb', 'a.x.c', 'a.c', 'b', 'a.x\n.c'].map(route)).toEqual([
    'alert',
    undefined,
    'k8s_audit',
    'internal',
    undefined,
    'k8s_audit',
  ]);
});

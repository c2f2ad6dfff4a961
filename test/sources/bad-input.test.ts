/**
 * What is wrong with audit events, to every source that takes them: it costs itself alone, is counted, and stops nothing.
 * What only one source can meet is tested beside that source:
 *
 * | | cloudtrail | azure_event_hubs | vcloud | ovh_mks | k8s_audit | cloudevents |
 * |---|---|---|---|---|---|---|
 * | gzip that is cut, a bomb | queue | none comes | none comes | none comes | here | here |
 * | no JSON | queue, records | reading, azure-body | the trail | tail | webhook, log-file | cloudevents |
 * | twice, out of order, nulls, any case, a giant | here | here | here | here | here | here |
 * | integers that no number holds | here | here | here | here | here | here |
 * | an expired credential | lookup, queue | trouble | access | a server | webhook | webhook |
 * | a clock that jumps | here, listing, lookup | here | here, the trail | here, tail | here | here |
 */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { cloudevents } from '../../src/sources/cloudevents/index.ts';
import { cloudtrail } from '../../src/sources/cloudtrail/index.ts';
import { k8sAudit } from '../../src/sources/k8s-audit/index.ts';
import { ovhMks } from '../../src/sources/ovh-mks/index.ts';
import { vcloud } from '../../src/sources/vcloud/index.ts';
import { recordOf } from '../aws/moto.ts';
import { EventHub } from '../azure/event-hubs.ts';
import { activity, Opened } from '../azure/opened.ts';
import { scratch } from '../scratch.ts';
import { until } from '../sinks/servers.ts';
import { Harness, type HarnessOptions } from './harness.ts';
import { auditEvent } from './k8s-audit/events.ts';
import { Director, item } from './vcloud/director.ts';

const NOW = Date.now();
const HOUR = 3_600_000;

/** What has to be undone after a test, last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const step of undo.splice(0).reverse()) await step();
});

function opened<H extends Harness>(source: H): H {
  undo.push(() => source.stop());
  return source;
}

type Document = Readonly<Record<string, unknown>>;
/** An event of its kind by its number, at a time in ms. */
type Make = (n: number, time: number, more?: object) => Document;

const k8s: Make = (n, time, more) => {
  const at = new Date(time).toISOString();
  return auditEvent(n, { requestReceivedTimestamp: at, stageTimestamp: at, ...more }) as Document;
};
const azure: Make = (n, time, more) => activity(n, { time: new Date(time).toISOString(), ...more });
const trail: Make = (n, time, more) =>
  recordOf(`e${n}`, 'RunInstances', { eventTime: new Date(time).toISOString(), ...more }) as unknown as Document;
const vcd: Make = (n, time, more) => item(n, time, more);

async function webhook(type: typeof k8sAudit | typeof cloudevents, config: object = {}, options: HarnessOptions = {}) {
  const source = opened(new Harness(type, { listen: '127.0.0.1:0', ...config }, options));
  const path = type === k8sAudit ? '/k8s-audit' : '/';
  const url = `http://127.0.0.1:${await source.port()}${path}`;
  const post = (body: string | Buffer, headers: Record<string, string>) =>
    fetch(url, { method: 'POST', headers, body }).then(({ status }) => status);
  return { source, post };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const BATCH_TYPE = { 'content-type': 'application/cloudevents-batch+json' };

/** How each source is given documents. */
const sources: Readonly<Record<string, { make: Make; give(documents: readonly unknown[]): Promise<Harness> }>> = {
  'k8s_audit, webhook': {
    make: k8s,
    async give(items) {
      const { source, post } = await webhook(k8sAudit);
      expect(await post(JSON.stringify({ kind: 'EventList', items }), JSON_TYPE)).toBe(200);
      return source;
    },
  },
  'k8s_audit, file': {
    make: k8s,
    async give(documents) {
      const file = join(scratch(), 'audit.log');
      writeFileSync(file, documents.map((each) => `${JSON.stringify(each)}\n`).join(''));
      return opened(new Harness(k8sAudit, { mode: 'file', file, start: 'beginning' }));
    },
  },
  cloudevents: {
    make: trail,
    async give(documents) {
      const { source, post } = await webhook(cloudevents, { routes: { x: 'aws_cloudtrail' } });
      const batch = documents.map((data, n) => ({ specversion: '1.0', id: String(n), source: '/', type: 'x', data }));
      expect(await post(JSON.stringify(batch), BATCH_TYPE)).toBe(202);
      return source;
    },
  },
  ovh_mks: {
    make: k8s,
    async give(documents) {
      const server = createServer().listen(0, '127.0.0.1');
      const stream = new WebSocketServer({ server });
      undo.push(() => {
        for (const client of stream.clients) client.terminate();
        server.close();
      });
      stream.on('connection', (client) => {
        for (const each of documents) {
          client.send(JSON.stringify({ message: JSON.stringify({ short_message: JSON.stringify(each) }) }));
        }
      });
      await until(() => server.listening);
      process.env.BAD_TOKEN = 'x';
      const { port } = server.address() as { port: number };
      return opened(new Harness(ovhMks, { url: `ws://127.0.0.1:${port}/`, token: { env: 'BAD_TOKEN' } }));
    },
  },
  azure_event_hubs: {
    make: azure,
    async give(records) {
      const hub = await EventHub.start({ partitions: 1 });
      undo.push(() => hub.halt());
      for (const each of records) hub.publish(0, { records: [each] });
      return opened(new Opened(hub));
    },
  },
  vcloud: {
    make: vcd,
    async give(items) {
      const director = await new Director().start();
      undo.push(() => director.stop());
      director.items.push(...items);
      process.env.BAD_PASSWORD = director.password;
      const config = { url: director.url, org: 'acme', user: 'auditor', password: { env: 'BAD_PASSWORD' } };
      return opened(new Harness(vcloud, config));
    },
  },
  'cloudtrail, file': {
    make: trail,
    async give(Records) {
      const file = join(scratch(), 'log.json.gz');
      writeFileSync(file, gzipSync(JSON.stringify({ Records })));
      return opened(new Harness(cloudtrail, { mode: 'file', files: file }, { settle: () => undefined }));
    },
  },
};

const capitals = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).map(([key, each]) => [key.toUpperCase(), capitals(each)]));

describe.each(Object.entries(sources))('%s', (_name, { make, give }) => {
  it('gives or counts each of what is wrong, and goes on', async () => {
    const first = make(1, NOW - 1000);
    const documents = [
      first,
      first, // again
      make(2, NOW - 3000), // late
      Object.fromEntries(Object.keys(first).map((key) => [key, null])),
      capitals(make(3, NOW - 2000)),
      make(4, NOW - 2000, { text: 'x'.repeat(700_000) }),
      make(5, NOW + 24 * HOUR),
      make(6, NOW - HOUR / 6),
      null,
      7,
      'text',
      [],
      {},
      make(7, NOW),
    ];
    const source = await give(documents);
    const drops = () => source.reports.filter(({ type }) => type === 'drop').length;
    const accounted = () => source.events.length + drops() + source.metrics.total('duplicates');
    // A service that is asked again and again shows what it has shown; there the copy is just not new.
    await source.until(() => accounted() >= documents.length - 1);
    expect(accounted()).toBeLessThanOrEqual(documents.length);
    expect(['open', 'complete']).toContain(source.end);
    const times = new Set(source.events.map(({ time }) => time));
    for (const ago of [1000, 3000, 2000, -24 * HOUR, HOUR / 6, 0]) {
      expect([ago, times.has(BigInt(NOW - ago) * 1_000_000n)]).toEqual([ago, true]);
    }
    for (const { type, fields } of source.reports) {
      expect([type, fields.reason]).toEqual(['drop', expect.stringMatching(/^bad_(event|record|body)$/)]);
      expect(fields.message.length).toBeLessThan(500);
    }
  });

  it('keeps integers exact that no number holds, also of what is no event', async () => {
    const big = '1152921504606846977';
    const count = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(big);
    const source = await give([{ count }, make(1, NOW - 1000, { count })]);
    await source.until(({ events, reports }) => events.length === 1 && reports.length === 1);
    expect(source.values('json.value[/count]')).toEqual([big]);
    expect(source.reports[0]?.fields.event).toContain(big);
  });
});

describe.each([
  ['k8s_audit', k8sAudit, JSON_TYPE, 200, (n: number): unknown => auditEvent(n)],
  [
    'cloudevents',
    cloudevents,
    BATCH_TYPE,
    202,
    (n: number): unknown => [{ specversion: '1.0', id: `${n}`, source: '/', type: 'x', data: auditEvent(n) }],
  ],
] as const)('%s, compressed', (_name, type, headers, taken, body) => {
  it('is refused where it is cut, is none, or is a bomb of 300 MB; nothing of a bomb is held', async () => {
    const { source, post } = await webhook(type, type === cloudevents ? { routes: { x: 'k8s_audit' } } : {});
    const zip = { ...headers, 'content-encoding': 'gzip' };
    const whole = gzipSync(JSON.stringify(body(1)));
    expect(await post(whole.subarray(0, whole.length - 20), zip)).toBe(400);
    expect(await post(Buffer.from('{}'), zip)).toBe(400);
    const bomb = Buffer.concat(Array(300).fill(gzipSync(Buffer.alloc(1024 ** 2, ' '))));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }, 1);
    const before = process.memoryUsage().arrayBuffers;
    expect(await post(bomb, zip)).toBe(413);
    clearInterval(watch);
    expect(most - before).toBeLessThan(100 * 1024 ** 2);
    expect(source.said).toEqual(['drop bad_body 1', 'drop bad_body 1', 'drop body_too_large 1']);
    expect(await post(whole, zip)).toBe(taken);
    expect([source.events.length, source.end]).toEqual([1, 'open']);
  });
});

describe.each([
  ['k8s_audit', k8sAudit, JSON_TYPE, 200, { kind: 'EventList', items: [{}, auditEvent(1)] }],
  [
    'cloudevents',
    cloudevents,
    BATCH_TYPE,
    202,
    [{}, { specversion: '1.0', id: '1', source: '/', type: 'x', data: [auditEvent(1), 7] }],
  ],
] as const)('%s, told to come again', (_name, type, headers, taken, body) => {
  it('counts what is wrong once, with the request that is taken', async () => {
    const routes = type === cloudevents ? { routes: { x: 'k8s_audit' } } : {};
    const options = { credit: 1, settle: () => undefined };
    const { source, post } = await webhook(type, routes, options);
    const drops = () => source.reports.filter(({ fields }) => /^bad_/.test(fields.reason ?? '')).length;
    const send = () => post(JSON.stringify(body), headers);
    // It waits for the sink longer than it may; then another has no credit, and comes again.
    const time = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(time.signal);
    const late = send();
    await source.until(({ events }) => events.length === 1);
    time.abort();
    expect(await late).toBe(503);
    const other = JSON.stringify(body).replaceAll('audit-1', 'audit-2');
    expect(await post(other, headers)).toBe(503);
    expect(source.metrics.byLabel('refused')).toEqual({ timeout: 1, no_credit: 1 });
    expect(drops()).toBe(0);
    source.batches[0]?.ack.settle('delivered');
    expect(await send()).toBe(taken);
    expect([source.events.length, drops()]).toEqual([1, type === cloudevents ? 2 : 1]);
  });
});

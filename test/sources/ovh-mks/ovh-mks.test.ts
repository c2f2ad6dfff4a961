/** The source `ovh_mks` against a server of websockets that answers, falls silent, refuses and repeats. */

import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { SourceError } from '../../../src/core/errors.ts';
import { readFrame } from '../../../src/sources/ovh-mks/frames.ts';
import { ovhMks } from '../../../src/sources/ovh-mks/index.ts';
import { makeCertificates, until } from '../../sinks/servers.ts';
import { Harness, type HarnessOptions } from '../harness.ts';
import { auditEvent } from '../k8s-audit/events.ts';

const TOKEN = 's3cr3t t/ken+';

class Stream {
  readonly http: Server;
  readonly server: WebSocketServer;
  readonly clients: WebSocket[] = [];
  readonly asked: string[] = [];
  /** The status of the next upgrades; none: they are taken. */
  refuse: number[] = [];
  port = 0;

  constructor(options: object = {}, tls?: ServerOptions) {
    this.http = tls ? createTlsServer(tls) : createServer();
    this.server = new WebSocketServer({ noServer: true, ...options });
    this.http.on('upgrade', (request, socket, head) => {
      this.asked.push(request.url ?? '');
      const status = this.refuse.shift();
      if (status !== undefined) socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      else this.server.handleUpgrade(request, socket, head, (client) => this.clients.push(client));
    });
  }

  async start(): Promise<this> {
    this.http.listen(this.port, '127.0.0.1');
    await until(() => this.http.listening);
    this.port = (this.http.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.terminate();
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }

  get last(): WebSocket {
    return this.clients.at(-1) as WebSocket;
  }
}

const frame = (event: unknown, more: object = {}) =>
  JSON.stringify({ message: JSON.stringify({ version: '1.1', short_message: JSON.stringify(event), ...more }) });

let stream: Stream;
const open: Harness[] = [];
beforeEach(async () => {
  process.env.LDP_TOKEN = TOKEN;
  stream = await new Stream().start();
});
afterEach(async () => {
  const all = open.splice(0);
  for (const each of all) await each.stop();
  await stream.stop();
  // Whatever has happened, the token was told to nobody but the server.
  for (const { log, reports, end, trouble } of all) {
    const words = ({ from, to, ...fields }: Record<string, unknown>) => fields;
    const said = `${log.lines} ${JSON.stringify(reports.map((each) => words({ ...each.fields })))} ${end} ${trouble}`;
    expect(said).not.toContain('s3cr3t');
  }
});

function follow(config: object = {}, options: HarnessOptions = {}): Harness {
  const url = `ws://127.0.0.1:${stream.port}/tail/`;
  const source = new Harness(ovhMks, { url, token: { env: 'LDP_TOKEN' }, ...config }, options);
  open.push(source);
  return source;
}

describe('the tail of a stream', () => {
  it('gives audit events, once each, of the wanted applications', async () => {
    const source = follow({ app_ids: ['kube> audit'] });
    await until(() => stream.clients.length === 1);
    expect(new URL(stream.asked[0] as string, 'ws://x').searchParams.get('tk')).toBe(TOKEN);
    for (const [n, app] of ['kube> audit', 'other', 'kube> audit', undefined].entries()) {
      stream.last.send(frame(auditEvent(n), { _appID: app }));
    }
    stream.last.send(frame(auditEvent(2), { _appID: 'kube> audit' }));
    stream.last.send(frame(auditEvent(5), { _appID: 'kube> audit' }));
    await source.until(({ events }) => events.length === 3);
    expect(source.values('ka.target.name')).toEqual(['p0', 'p2', 'p5']);
    expect(source.batches[0]).toMatchObject({ source: 'k8s_audit', ack: { live: true } });
    expect(source.metrics.total('other_apps')).toBe(2);
    expect(source.metrics.total('duplicates')).toBe(1);
    expect(source.trouble).toBeUndefined();
    expect(source.reports).toEqual([]);
  });

  it('gives what it has at hand when it is stopped', async () => {
    let stopped: Promise<void> | undefined;
    let armed = false;
    // In the turn of the loop in which the message comes.
    const now = () => {
      if (armed) queueMicrotask(() => (stopped ??= source.stop()));
      return Date.now();
    };
    const source = follow({}, { now });
    await until(() => stream.clients.length === 1);
    armed = true;
    for (const n of [1, 2]) stream.last.send(frame(auditEvent(n)));
    await until(() => stopped !== undefined);
    await stopped;
    expect(source.values('ka.target.name')[0]).toBe('p1');
    expect(source.reports).toEqual([]);
  });

  it('costs only what is broken', async () => {
    const source = follow();
    await until(() => stream.clients.length === 1);
    const broken = [
      '{',
      'null',
      '{}',
      '{"message":1}',
      '{"message":"x"}',
      '{"message":"{}"}',
      '{"message":"{\\"short_message\\":\\"{\\"}"}',
    ];
    for (const text of [...broken, frame(null), frame({ kind: 'Pod' }), frame(auditEvent(1))]) stream.last.send(text);
    await source.until(({ events }) => events.length === 1);
    expect(source.said.filter((each) => each === 'drop bad_frame 1')).toHaveLength(7);
    expect(source.said.filter((each) => each === 'drop bad_event 1')).toHaveLength(2);
  });

  it('is connected anew when it ends, and says what was not seen', async () => {
    let clock = 1_000_000;
    const source = follow({}, { now: () => clock });
    await until(() => stream.clients.length === 1);
    stream.last.send(frame(auditEvent(1)));
    await source.until(({ events }) => events.length === 1);
    clock = 1_005_000;
    stream.last.close(1011);
    await until(() => stream.clients.length === 2);
    await source.until(({ reports }) => reports.length === 1);
    expect(source.reports[0]).toMatchObject({
      type: 'gap',
      fields: { reason: 'reconnect', from: 1_000_000_000_000n, to: 1_005_000_000_000n },
    });
    expect(source.log.lines.join('\n')).toMatch(/the connection was closed \(code 1011\); another connection is tried/);
    stream.last.send(frame(auditEvent(1)));
    stream.last.send(frame(auditEvent(2)));
    await source.until(({ events }) => events.length === 2);
    expect(source.values('ka.target.name')).toEqual(['p1', 'p2']);
    // What passes while it does not run was not seen either.
    await source.stop();
    clock = 1_060_000;
    const again = follow({}, { now: () => clock, position: source.position });
    await again.until(({ reports }) => reports.length === 1);
    expect(again.reports[0]?.fields).toMatchObject({ from: 1_005_000_000_000n, to: 1_060_000_000_000n });
  });

  it('that a clock set back passes under is not a negative span of time', async () => {
    let clock = 2_000_000;
    const source = follow({}, { now: () => clock });
    await until(() => stream.clients.length === 1);
    clock = 1_000_000;
    stream.last.terminate();
    await source.until(({ reports }) => reports.length === 1);
    expect(source.reports[0]?.fields.message).toMatch(/in the 0 s without/);
  });

  it('that has fallen silent is left, one that answers is not', async () => {
    await stream.stop();
    stream = await new Stream({ autoPong: false }).start();
    const source = follow({ silence: '50ms' });
    await until(() => stream.clients.length >= 2);
    expect(source.log.lines.join('\n')).toMatch(/nothing was heard for 0 s/);
    await source.stop();
    await stream.stop();
    stream = await new Stream().start();
    const other = follow({ silence: '50ms' });
    await until(() => stream.clients.length === 1);
    await new Promise((done) => setTimeout(done, 300));
    expect(stream.clients).toHaveLength(1);
    expect(other.reports).toEqual([]);
  });

  it('that sends a frame beyond all measure is connected anew', async () => {
    const source = follow();
    await until(() => stream.clients.length === 1);
    stream.last.send(Buffer.alloc(17 * 1024 * 1024));
    await until(() => stream.clients.length === 2);
    stream.last.send(frame(auditEvent(1)));
    await source.until(({ events }) => events.length === 1);
    expect(source.said).toEqual(['gap reconnect 1']);
  });
});

describe('a server', () => {
  it.each([400, 401, 403, 404])('that answers %i ends the source alone', async (status) => {
    stream.refuse = [status];
    const source = follow();
    await source.until(({ end }) => end !== 'open');
    expect(source.end).toBeInstanceOf(SourceError);
    expect(String(source.end)).toMatch(`answered with status ${status}; look at token and url`);
  });

  it('is held to its certificate', async () => {
    await stream.stop();
    const made = makeCertificates();
    stream = await new Stream({}, made.server()).start();
    const url = `wss://localhost:${stream.port}/tail/`;
    const source = follow({ url, tls: { ca: made.ca } });
    await until(() => stream.clients.length === 1);
    stream.last.send(frame(auditEvent(1)));
    await source.until(({ events }) => events.length === 1);
    const stranger = follow({ url });
    await stranger.until(({ trouble }) => trouble?.includes('name the file of its authority under tls.ca') ?? false);
    expect(stream.clients).toHaveLength(1);
  });

  it('cannot be asked without a token: that ends the source alone too', async () => {
    delete process.env.LDP_TOKEN;
    const source = follow();
    await source.until(({ end }) => end !== 'open');
    expect(source.end).toBeInstanceOf(SourceError);
    expect(String(source.end)).toMatch('LDP_TOKEN is not set');
  });

  it('that is overloaded or away is asked again and again, and is trouble meanwhile', async () => {
    stream.refuse = [429, 500, 503];
    const source = follow({}, { longest: 50 });
    await source.until(({ trouble }) => trouble?.includes('status 503') ?? false);
    await until(() => stream.clients.length === 1);
    await source.until(({ trouble }) => trouble === undefined);
    expect(source.slept).toHaveLength(3);
    await stream.stop();
    await source.until(({ trouble }) => trouble?.includes('ECONNREFUSED') ?? false);
    stream = Object.assign(new Stream(), { port: stream.port });
    await stream.start();
    await source.until(({ trouble }) => trouble === undefined);
    expect(source.end).toBe('open');
  });
});

it('a frame is read or is a problem, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((message) => JSON.stringify({ message })),
      ),
      (text) => {
        const read = readFrame(text);
        expect('problem' in read || read.document !== undefined).toBe(true);
      },
    ),
  );
  expect(readFrame(frame(auditEvent(1), { _appID: 'a' }))).toEqual({ document: auditEvent(1), app: 'a' });
});

const shared = new URL('../../../../shared/data/cloud/k8saudit/ovh-ldp/ws_frames.jsonl', import.meta.url);
it.skipIf(!existsSync(shared))('all frames of the sample are read (skipped without ../shared)', () => {
  const lines = readFileSync(shared, 'utf8').trim().split('\n');
  const read = lines.map(readFrame);
  expect(read.filter((each) => 'problem' in each)).toEqual([]);
  expect(read).toHaveLength(51);
});

import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../src/core/component.ts';
import type { UserError } from '../../src/core/errors.ts';
import { WriteError } from '../../src/core/write-error.ts';
import { PipelineDocument } from '../../src/pipeline/document.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { builtIn } from '../../src/pipeline/registry.ts';
import { http } from '../../src/sinks/http.ts';
import { makeCertificates, Receiver } from './servers.ts';
import { alertOf, never, openSink, recordOf } from './shared.ts';

let receiver: Receiver;
const open: Sink[] = [];
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async () => {
  for (const sink of open.splice(0)) await sink.close();
  await receiver.stop();
});

async function sinkOf(config: object): Promise<Sink> {
  const sink = await openSink(http, { url: receiver.url, ...config });
  open.push(sink);
  return sink;
}

/** The failure of a write: what was refused and what is to be sent again, by rule. */
async function failureOf(written: Promise<void>) {
  const error = await written.then(
    () => new Error('it was written'),
    (reason: WriteError) => reason,
  );
  if (!(error instanceof WriteError)) throw error;
  const rules = (events: WriteError['again']) => events?.map((event) => event.type);
  return { message: error.message, refused: rules(error.refused), again: rules(error.again), wait: error.wait };
}

const ruleIn = (body: string) => JSON.parse(body).rule as string;
const alerts = (...rules: string[]) => rules.map((rule) => alertOf(rule));

describe('the sink http', () => {
  it('posts each alert by itself in the format falco, several at once, no more than it may', async () => {
    // The first answers come when three are under way.
    const { promise: three, resolve } = Promise.withResolvers<void>();
    receiver.answer = async () => {
      if (receiver.got.length >= 3) resolve();
      await three;
      return {};
    };
    const sink = await sinkOf({ concurrency: 3 });
    const rules = Array.from({ length: 20 }, (_, n) => `r${n}`);
    await sink.write(alerts(...rules), never);
    expect(receiver.bodies.map(ruleIn).sort()).toEqual([...rules].sort());
    expect(receiver.most).toBe(3);
    expect(receiver.got[0]).toMatchObject({ method: 'POST', path: '/' });
    expect(receiver.got[0]?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(receiver.got[0]?.headers['user-agent']).toMatch(/^falco-pipe\/\d/);
  });

  it('sends headers, its method, compressed bodies, to the path of the address', async () => {
    process.env.TEST_HTTP_TENANT = 'blue';
    const headers = { 'X-Scope-OrgID': { env: 'TEST_HTTP_TENANT' }, 'x-two': '2' };
    const sink = await sinkOf({ url: `${receiver.url}/in/here?x=1`, headers, method: 'PUT', gzip: true });
    await sink.write(alerts('a'), never);
    delete process.env.TEST_HTTP_TENANT;
    const [got] = receiver.got;
    expect(got).toMatchObject({ method: 'PUT', path: '/in/here?x=1' });
    expect(got?.headers).toMatchObject({ 'x-scope-orgid': 'blue', 'x-two': '2', 'content-encoding': 'gzip' });
    expect(ruleIn(got?.body ?? '')).toBe('a');
  });

  it('what is turned away for now is offered again, as late as the server wants it', async () => {
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down' });
    const sink = await sinkOf({ concurrency: 1 });
    const failure = await failureOf(sink.write(alerts('a', 'b', 'c'), never));
    expect(failure).toEqual({ message: 'status 429: slow down', refused: [], again: ['a', 'b', 'c'], wait: 7000 });
    expect(receiver.got).toHaveLength(1);
  });

  it('reads Retry-After as a date too, and takes what it cannot read for none', async () => {
    const sink = await sinkOf({});
    for (const [value, low, high] of [
      [new Date(Date.now() + 60_000).toUTCString(), 50_000, 61_000],
      [new Date(Date.now() - 60_000).toUTCString(), 0, 0],
      ['soon', 0, 0],
    ] as const) {
      receiver.answer = () => ({ status: 503, headers: { 'retry-after': value } });
      const { wait } = await failureOf(sink.write(alerts('a'), never));
      expect(wait).toBeGreaterThanOrEqual(low);
      expect(wait).toBeLessThanOrEqual(high);
    }
  });

  it('what is refused costs its neighbours nothing', async () => {
    receiver.answer = ({ body }) => (ruleIn(body) === 'b' ? { status: 422, body: 'no b here' } : {});
    const sink = await sinkOf({});
    const failure = await failureOf(sink.write(alerts('a', 'b', 'c'), never));
    expect(failure).toEqual({ message: 'status 422: no b here', refused: ['b'], again: [], wait: 0 });
    expect(receiver.bodies.map(ruleIn).sort()).toEqual(['a', 'b', 'c']);
  });

  it.each([400, 413, 422])('status %i is about the alert: for good', async (status) => {
    receiver.answer = () => ({ status });
    const sink = await sinkOf({});
    expect(await failureOf(sink.write(alerts('a'), never))).toMatchObject({ refused: ['a'], again: [] });
  });

  it.each([
    ...[408, 425, 429, 500, 501, 502, 503, 504, 505],
    ...[302, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 415, 418, 451],
  ])('status %i is about something that can be mended: for now', async (status) => {
    receiver.answer = () => ({ status });
    const sink = await sinkOf({});
    expect(await failureOf(sink.write(alerts('a'), never))).toMatchObject({ refused: [], again: ['a'] });
  });

  it('a token that has expired says what to look at, and nothing is lost once there is another', async () => {
    process.env.TEST_HTTP_TOKEN = 'of yesterday';
    receiver.answer = ({ headers }) =>
      headers.authorization === 'Bearer of today' ? {} : { status: 401, body: 'token expired' };
    const sink = await sinkOf({ bearer_token: { env: 'TEST_HTTP_TOKEN' } });
    const failure = await failureOf(sink.write(alerts('a'), never));
    expect(failure).toMatchObject({ refused: [], again: ['a'] });
    expect(failure.message).toMatch(/^status 401: token expired \(look at its credentials: /);
    process.env.TEST_HTTP_TOKEN = 'of today';
    await sink.write(alerts('a'), never);
    delete process.env.TEST_HTTP_TOKEN;
  });

  it('finds the one that a batch is refused for by halves, and makes a batch smaller that is too large', async () => {
    const rulesOf = (body: string) => body.trim().split('\n').map(ruleIn);
    receiver.answer = ({ body }) => (rulesOf(body).includes('f') ? { status: 400, body: 'bad f' } : {});
    const sink = await sinkOf({ format: 'json_lines' });
    const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    expect(await failureOf(sink.write(alerts(...all), never))).toMatchObject({ refused: ['f'], again: [] });
    receiver.got.length = 0;
    const taken: string[] = [];
    receiver.answer = ({ body }) => {
      if (rulesOf(body).length > 3) return { status: 413 };
      taken.push(...rulesOf(body));
      return {};
    };
    await sink.write(alerts(...all), never);
    expect(taken).toEqual(all);
  });

  it('a redirect is not followed: it says where to', async () => {
    receiver.answer = () => ({ status: 308, headers: { location: 'https://elsewhere/' } });
    const sink = await sinkOf({});
    const { message } = await failureOf(sink.write(alerts('a'), never));
    expect(message).toBe('status 308 to https://elsewhere/: put that into url');
  });

  it('a server that is not there, hangs up or does not answer is for now', async () => {
    const gone = await Receiver.start();
    const { url } = gone;
    await gone.stop();
    const sink = await sinkOf({ url });
    const failure = await failureOf(sink.write(alerts('a'), never));
    expect(failure).toMatchObject({ refused: [], again: ['a'] });
    expect(failure.message).toContain(`${url}: connect ECONNREFUSED`);
    receiver.answer = () => new Promise(() => {});
    const slow = await sinkOf({});
    await expect(slow.write(alerts('a'), AbortSignal.timeout(50))).rejects.toThrow();
  });

  it('tells of events that are no alerts as alerts: what was lost is a warning', async () => {
    const { internalEvent } = await import('../../src/events/internal.ts');
    const sink = await sinkOf({ concurrency: 1 });
    const drop = internalEvent('drop', 1n, {
      component: 'node',
      reason: 'ring_full',
      count: 3,
      message: 'node lost 3',
    });
    await sink.write([drop, recordOf({ 'proc.name': 'cat' })], never);
    const [first, second] = receiver.bodies.map((body) => JSON.parse(body));
    expect(first).toMatchObject({ rule: 'falco-pipe internal: drop', priority: 'Warning', source: 'internal' });
    expect(first.output_fields).toMatchObject({ 'internal.count': 3, 'internal.reason': 'ring_full' });
    expect(second).toMatchObject({ rule: 'syscall open', priority: 'Informational', source: 'syscall' });
  });

  it('takes common secrets out of texts unless told not to', async () => {
    const alert = alertOf('a', 'Notice', 'ran mysqldump --password=hunter2 db');
    for (const redact of [true, false]) await (await sinkOf({ redact })).write([alert], never);
    const [clean, raw] = receiver.bodies.map((body) => JSON.parse(body).output as string);
    expect(clean).toMatch(/--password=\[redacted\] db$/);
    expect(raw).toMatch(/--password=hunter2 db$/);
  });

  it('a probe returns what came back', async () => {
    receiver.answer = () => ({ status: 202, headers: { 'x-id': '7' }, body: '{"ok":true}' });
    const sink = await sinkOf({});
    expect(await sink.probe?.(alerts('a'), never)).toMatch(
      /^HTTP status 202\n[\s\S]*x-id: 7\n[\s\S]*\n\n\{"ok":true\}$/,
    );
  });
});

describe('credentials', () => {
  it('are read when a request is made, and are in no error', async () => {
    process.env.TEST_HTTP_TOKEN = 's3cr3t-token';
    receiver.answer = ({ headers }) => ({
      status: 403,
      headers: { 'x-was': String(headers.authorization).slice(7) },
      body: `no: ${headers.authorization}`,
    });
    const sink = await sinkOf({ bearer_token: { env: 'TEST_HTTP_TOKEN' } });
    const { message } = await failureOf(sink.write(alerts('a'), never));
    expect(message).toMatch(/^status 403: no: Bearer \[secret\] \(look at its credentials/);
    await expect(sink.probe?.(alerts('a'), never)).rejects.toThrow(
      /status 403[\s\S]*x-was: \[secret\][\s\S]*no: Bearer \[secret\]$/,
    );
    process.env.TEST_HTTP_TOKEN = 'rotated';
    await sink.write(alerts('a'), never).catch(() => {});
    expect(receiver.got.at(-1)?.headers.authorization).toBe('Bearer rotated');
    delete process.env.TEST_HTTP_TOKEN;
  });

  it('of users are encoded', async () => {
    process.env.TEST_HTTP_PASSWORD = 'p:ä';
    const sink = await sinkOf({ basic: { user: 'me', password: { env: 'TEST_HTTP_PASSWORD' } } });
    await sink.write(alerts('a'), never);
    delete process.env.TEST_HTTP_PASSWORD;
    const [, encoded = ''] = receiver.got[0]?.headers.authorization?.split(' ') ?? [];
    expect(Buffer.from(encoded, 'base64').toString()).toBe('me:p:ä');
  });

  it('that are missing are said when the sink is opened', async () => {
    await expect(sinkOf({ bearer_token: { env: 'TEST_HTTP_NOTHING' } })).rejects.toThrow(
      /TEST_HTTP_NOTHING is not set/,
    );
    await expect(sinkOf({ url: 'falcosidekick:2801' })).rejects.toThrow(/not an address/);
  });
});

describe('OAuth client credentials', () => {
  const oauth = (extra = {}) => ({
    token_url: `${receiver.url}/token`,
    client_id: 'a client',
    client_secret: { env: 'TEST_HTTP_CLIENT' },
    ...extra,
  });
  beforeEach(() => {
    process.env.TEST_HTTP_CLIENT = 'client secret';
  });
  afterEach(() => void delete process.env.TEST_HTTP_CLIENT);
  const paths = () => receiver.got.map(({ path }) => path);

  it('a token is asked for once, as the RFC has it, and used while it is good', async () => {
    let count = 0;
    receiver.answer = ({ path }) =>
      path === '/token' ? { body: JSON.stringify({ access_token: `t${++count}`, expires_in: 3600 }) } : {};
    const sink = await sinkOf({ oauth: oauth({ scope: 'write all' }), concurrency: 4 });
    await sink.write(alerts('a', 'b', 'c'), never);
    await sink.write(alerts('d'), never);
    const [asked, ...sent] = receiver.got;
    expect(asked).toMatchObject({ path: '/token', body: 'grant_type=client_credentials&scope=write+all' });
    const [, encoded = ''] = asked?.headers.authorization?.split(' ') ?? [];
    expect(Buffer.from(encoded, 'base64').toString()).toBe('a+client:client+secret');
    expect(sent.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill('Bearer t1'));
  });

  it('a token that is refused is replaced once', async () => {
    let count = 0;
    receiver.answer = ({ path, headers }) => {
      if (path === '/token') return { body: JSON.stringify({ access_token: `t${++count}` }) };
      return { status: headers.authorization === 'Bearer t1' ? 401 : 200 };
    };
    const sink = await sinkOf({ oauth: oauth() });
    await sink.write(alerts('a'), never);
    expect(paths()).toEqual(['/token', '/', '/token', '/']);
  });

  it('a server that gives no token is for now, and is quoted without the secret', async () => {
    const body = JSON.stringify({ error: 'invalid_client', error_description: 'unknown' });
    receiver.answer = () => ({ status: 401, body });
    const sink = await sinkOf({ oauth: oauth() });
    const failure = await failureOf(sink.write(alerts('a'), never));
    expect(failure.again).toEqual(['a']);
    expect(failure.message).toBe(`no token from ${receiver.url}: status 401, invalid_client: unknown`);
  });
});

describe('TLS', () => {
  const certificates = makeCertificates();
  const { ca, clientCert: cert, clientKey: key } = certificates;
  const secure: Receiver[] = [];
  afterAll(async () => {
    for (const each of secure) await each.stop();
  });
  const serverOf = async (ask?: boolean) => {
    const server = await Receiver.start(certificates.server(ask));
    secure.push(server);
    return server;
  };

  it('trusts an authority of its own, and says what to do without it', async () => {
    const server = await serverOf();
    const trusting = await sinkOf({ url: server.url, tls: { ca } });
    await trusting.write(alerts('a'), never);
    expect(server.bodies.map(ruleIn)).toEqual(['a']);
    const other = await sinkOf({ url: server.url });
    const failure = await failureOf(other.write(alerts('a'), never));
    expect(failure.message).toMatch(
      /: unable to verify the first certificate: name the file of its authority under tls\.ca$/,
    );
    expect(failure.again).toEqual(['a']);
  });

  it('shows its certificate', async () => {
    const server = await serverOf(true);
    const known = await sinkOf({ url: server.url, tls: { ca, cert, key } });
    await known.write(alerts('a'), never);
    expect(server.got.map(({ client }) => client)).toEqual(['sensor-1']);
    const unknown = await sinkOf({ url: server.url, tls: { ca } });
    expect(await failureOf(unknown.write(alerts('a'), never))).toMatchObject({ again: ['a'] });
  });

  it('holds the server to its name', async () => {
    const server = await serverOf();
    const config = { url: server.url, tls: { ca, server_name: 'another.example' } };
    const failure = await failureOf((await sinkOf(config)).write(alerts('a'), never));
    expect(failure.message).toMatch(/another\.example.*server_name/);
  });

  it('a server that does not speak TLS is named as that, in one line', async () => {
    const plain = createSocketServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-none\r\n'));
    await new Promise<void>((done) => void plain.listen(0, '127.0.0.1', done));
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const failure = await failureOf((await sinkOf({ url, tls: { ca } })).write(alerts('a'), never));
    expect(failure.message).toBe(`${url}: wrong version number: what answers there does not speak TLS`);
    plain.close();
  });

  it('files that cannot be read are said when it is opened; halves of a pair when it is planned', async () => {
    await expect(sinkOf({ url: 'https://x', tls: { ca: '/nowhere/ca.pem' } })).rejects.toThrow(/ENOENT.*ca\.pem/);
    expect(http.config.safeParse({ url: 'http://x', tls: { cert: 'c.pem' } }).success).toBe(false);
  });

  it('is not for http://, unless something else that it speaks to has it; an address may be a secret', async () => {
    vi.stubEnv('TEST_HTTP_URL', 'http://jane:hush@sink.example');
    const error = await sinkOf({ url: { env: 'TEST_HTTP_URL' }, tls: { ca } }).catch((reason) => reason);
    expect(error).toMatchObject({
      exit: 78,
      message: expect.stringMatching(/^What is sent by http:\/\/ .* in the clear/),
    });
    expect(String(error)).not.toMatch(/hush|example/);
    vi.unstubAllEnvs();
    const clear = (keys: object) => {
      const sink = { type: 'http', from: 'in', url: 'http://x', tls: { server_name: 'x' }, ...keys };
      const text = JSON.stringify({ sources: { in: { type: 'internal' } }, sinks: { out: sink } });
      try {
        planPipeline(PipelineDocument.parse('p.yaml', text), builtIn());
        return [];
      } catch (error) {
        return (error as UserError).diagnostics.map(({ code }) => code);
      }
    };
    expect(clear({})).toEqual(['CONFIG_TLS']);
    expect(clear({ proxy: 'http://p' })).toEqual(['CONFIG_TLS']);
    const oauth = { token_url: 'https://t', client_id: 'i', client_secret: { env: 'S' } };
    for (const keys of [{ url: 'https://x' }, { proxy: 'https://p' }, { oauth }, { tls: undefined }]) {
      expect(clear(keys)).toEqual([]);
    }
  });

  it('goes through a proxy, which sees credentials of its own and not the alert', async () => {
    const server = await serverOf();
    const asked: [string | undefined, string | undefined][] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.push([request.url, request.headers['proxy-authorization']]);
      const target = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      target.on('error', () => socket.destroy());
      socket.on('error', () => target.destroy());
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const address = `http://me:pw@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const sink = await sinkOf({ url: server.url, tls: { ca }, proxy: address });
    await sink.write(alerts('a'), never);
    await sink.close();
    proxy.close();
    proxy.closeAllConnections();
    expect(asked).toEqual([[`localhost:${server.port}`, `Basic ${Buffer.from('me:pw').toString('base64')}`]]);
    expect(server.bodies.map(ruleIn)).toEqual(['a']);
  });
});

describe('a format of a service', () => {
  const errorOf = (keys: object) => {
    const sink = { type: 'http', from: 'in', ...keys };
    const yaml = JSON.stringify({ sources: { in: { type: 'replay', files: '/dev/null' } }, sinks: { out: sink } });
    try {
      planPipeline(PipelineDocument.parse('pipeline.yaml', yaml), builtIn());
    } catch (error) {
      return (error as UserError).diagnostics.map(({ message, hint }) => (hint ? `${message}. ${hint}` : message));
    }
    return [];
  };
  const key = { env: 'TEST_HTTP_KEY' };

  it('may have an address of its own; the others say that one is missing', () => {
    expect(errorOf({ format: { type: 'pagerduty', routing_key: key } })).toEqual([]);
    expect(errorOf({ format: { type: 'datadog', api_key: key } })).toEqual([]);
    const missing = (format: string) => [`Missing key "url": the format ${format} has no address of its own`];
    expect(errorOf({ format: { type: 'splunk_hec', token: key } })).toEqual(missing('splunk_hec'));
    expect(errorOf({})).toEqual(missing('falco'));
  });

  it('says what it cannot do without, and where a secret is kept', () => {
    expect(errorOf({ format: 'pagerduty' })).toEqual([
      'The format pagerduty needs routing_key. Write format: { type: pagerduty, routing_key: … }.',
    ]);
    expect(errorOf({ format: { type: 'datadog', api_key: 'abc' } })).toEqual([
      expect.stringMatching(/^sinks.out.format.api_key: a secret does not stand in the file/),
    ]);
    expect(errorOf({ url: 'http://x', format: { type: 'teams', alerts_per_message: 9 } })).toEqual([
      expect.stringMatching(/alerts_per_message must be at most 4, not 9\. Alerts in one message, which share 20 kB/),
    ]);
    expect(errorOf({ url: 'http://x', format: { type: 'pagerdty' } })).toEqual([
      expect.stringMatching(/format.type must be one of .*teams, not "pagerdty"\. Did you mean "pagerduty"\?$/),
    ]);
  });

  it('says when the sink is opened that its key is missing', async () => {
    const sink = sinkOf({ url: undefined, format: { type: 'pagerduty', routing_key: key } });
    await expect(sink).rejects.toThrow('TEST_HTTP_KEY is not set');
  });

  it('of Splunk: what has status 200 and is no answer of a collector was not delivered', async () => {
    process.env.TEST_HTTP_KEY = 'abcd';
    const sink = await sinkOf({ format: { type: 'splunk_hec', token: key } });
    for (const body of ['<html>Sign in</html>', '{"text":"odd","code":9}', '']) {
      receiver.answer = () => ({ body });
      const failure = await failureOf(sink.write(alerts('a', 'b'), never));
      expect(failure).toMatchObject({ refused: [], again: ['a', 'b'] });
      expect(failure.message).toBe(`the answer is not that of a collector: ${body}`);
    }
    delete process.env.TEST_HTTP_KEY;
  });

  it('of Splunk: an index that the token may not write to is waited for, and asked about once', async () => {
    process.env.TEST_HTTP_KEY = 'abcd';
    const body = '{"text":"Incorrect index","code":7,"invalid-event-number":0}';
    receiver.answer = () => ({ status: 400, body });
    const sink = await sinkOf({ format: { type: 'splunk_hec', token: key } });
    const failure = await failureOf(sink.write(alerts('a', 'b', 'c'), never));
    expect(failure).toMatchObject({ message: `status 400: ${body}`, refused: [], again: ['a', 'b', 'c'] });
    expect(receiver.got).toHaveLength(1);
    delete process.env.TEST_HTTP_KEY;
  });
});

/** Every component that speaks HTTP goes by the proxy that the environment names, but to the hosts that are to be reached without. */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { proxyAgentFor } from '../../src/core/net/proxy.ts';
import { fetchByProxy } from '../../src/operators/shared/fetch.ts';
import { loadPlan } from '../../src/pipeline/plan/load.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { fetchItems } from '../../src/rules/lists/items-fetch.ts';
import { Aws } from '../../src/sources/cloudtrail/aws.ts';
import { recordedLog } from '../core/shared.ts';
import { atEnd, scratch } from '../scratch.ts';
import { alerts, failureOf, receiving, ruleIn } from '../sinks/http-sinks.ts';
import { makeCertificates, Receiver } from '../sinks/servers.ts';
import { never } from '../sinks/shared.ts';

/** A proxy that leads every tunnel to `port`, or refuses it where there is none; what it was asked for. */
async function startProxy(port?: number) {
  const asked = new Set<string>();
  const credentials = new Set<string | undefined>();
  const server = createServer(({ url = '' }, response) => {
    const { hostname } = new URL(url);
    asked.add(hostname);
    if (hostname === 'lists.example') response.end('192.0.2.1\n');
    else response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    asked.add((request.url ?? '').replace(/:443$/, ''));
    credentials.add(request.headers['proxy-authorization']);
    socket.on('error', () => {});
    if (port === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const target = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    target.on('error', () => socket.destroy());
    socket.on('close', () => target.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return { asked, credentials, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

beforeEach(() => {
  for (const name of NAMES) for (const each of [name, name.toLowerCase()]) vi.stubEnv(each, '');
});
afterEach(() => vi.unstubAllEnvs());

const PIPELINE = `sources:
  queue: { type: cloudtrail, queue: audit, region: eu-west-1 }
  bucket: { type: cloudtrail, mode: s3, bucket: audit-logs, region: eu-west-1 }
  api: { type: cloudtrail, mode: lookup_events, region: eu-west-1, assume_role: { arn: 'arn:aws:iam::1:role/r' } }
  vcd: { type: vcloud, url: 'https://vcd.example', user: auditor, password: { env: SOME_KEY } }
  ovh: { type: ovh_mks, url: 'wss://ovh.example/tail/', token: { env: SOME_KEY } }
  hub: { type: azure_event_hubs, transport: websockets, connection: { env: HUB } }
  stored:
    type: azure_event_hubs
    transport: websockets
    connection: { env: HUBS }
    hub: other
    checkpoints: { url: 'https://blobs.example', container: checkpoints }
  self: { type: internal, heartbeat: 100ms }
operators:
  detect: { type: rules, from: queue, files: rules.yaml }
sinks:
  alerts: { type: http, from: detect, url: 'https://unused.example' }
  siem: { type: http, from: [self, queue, bucket, api, vcd, ovh, hub, stored], url: 'https://sink.example' }
  token:
    type: http
    from: self
    url: 'https://unused.example'
    oauth: { token_url: 'http://token.example/t', client_id: i, client_secret: { env: SOME_KEY } }
`;

const RULES = `- list: bad
  items_from: { url: 'http://lists.example/bad.txt' }
- rule: Bad
  desc: d
  condition: ct.srcip in (bad)
  output: x
  priority: WARNING
  source: aws_cloudtrail
`;

/** What the pipeline is refused by the proxy, once all that is in `hosts` was asked for. */
async function askedUntil(hosts: readonly string[], asked: ReadonlySet<string>): Promise<void> {
  const folder = scratch();
  const path = join(folder, 'pipeline.yaml');
  writeFileSync(path, PIPELINE);
  writeFileSync(join(folder, 'rules.yaml'), RULES);
  const { plan } = await loadPlan(path);
  const run = await Run.start(plan, { log: recordedLog().log, resolve: (each) => join(folder, each) });
  try {
    await vi.waitFor(() => expect(hosts.filter((host) => !asked.has(host))).toEqual([]), 20_000);
  } finally {
    await run.stop(0);
  }
}

const HOSTS = [
  'sqs.eu-west-1.amazonaws.com',
  'audit-logs.s3.eu-west-1.amazonaws.com',
  'sts.eu-west-1.amazonaws.com',
  'vcd.example',
  'ovh.example',
  'hub.servicebus.example',
  'login.microsoftonline.com',
  'lists.example',
  'sink.example',
  'token.example',
];

describe('by the environment', () => {
  beforeEach(() => {
    const own = { AWS_ACCESS_KEY_ID: 'AKIA0', AWS_SECRET_ACCESS_KEY: 'hush', AWS_EC2_METADATA_DISABLED: 'true' };
    const azure = {
      AZURE_TENANT_ID: '72f988bf-0000-0000-0000-000000000000',
      AZURE_CLIENT_ID: 'i',
      AZURE_CLIENT_SECRET: 's',
    };
    const hub = 'Endpoint=sb://hub.servicebus.example/;SharedAccessKeyName=n;SharedAccessKey=a2V5';
    for (const [name, value] of Object.entries({
      ...own,
      ...azure,
      HUB: `${hub};EntityPath=audit`,
      HUBS: hub,
      SOME_KEY: 'k',
    })) {
      vi.stubEnv(name, value);
    }
  });

  it('all go by it, but to hosts that NO_PROXY names', { timeout: 90_000 }, async () => {
    const { asked, address } = await startProxy();
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY']) vi.stubEnv(name, address);
    await askedUntil(HOSTS, asked);
    const inner = HOSTS.filter((host) => host.endsWith('.example') && host !== 'lists.example');
    asked.clear();
    vi.stubEnv('NO_PROXY', [...inner, '.invalid'].join(','));
    await askedUntil(
      HOSTS.filter((host) => !inner.includes(host)),
      asked,
    );
    expect(inner.filter((host) => asked.has(host))).toEqual([]);
  });
});

describe('the sink http', () => {
  const to = receiving();
  const certificates = makeCertificates();
  const { ca } = certificates;

  it('has what it sends and its own authority end to end, in a tunnel, with the credentials that the variable has', async () => {
    const server = await Receiver.start(certificates.server());
    atEnd(() => void server.stop());
    const { asked, credentials, address } = await startProxy(server.port);
    vi.stubEnv('https_proxy', `http://me:hush@${address}`);
    const sink = await to.sinkOf({ url: 'https://localhost', tls: { ca } });
    await sink.write(alerts('a'), never);
    expect([[...asked], server.bodies.map(ruleIn)]).toEqual([['localhost'], ['a']]);
    expect([...credentials]).toEqual([`Basic ${Buffer.from('me:hush').toString('base64')}`]);
    // What it is given by itself goes before the environment.
    const own = await startProxy(server.port);
    const other = await to.sinkOf({ url: 'https://localhost', tls: { ca }, proxy: `http://${own.address}` });
    await other.write(alerts('b'), never);
    expect([[...own.asked], server.bodies.map(ruleIn)]).toEqual([['localhost'], ['a', 'b']]);
    await Promise.all([sink.close(), other.close()]);
  });

  it('says what a proxy answers that does not lead there, and so do lists of rules', async () => {
    const { address } = await startProxy();
    vi.stubEnv('HTTPS_PROXY', address);
    const why = `the proxy http://${address} does not lead there: its answer has the status 502`;
    const sink = await to.sinkOf({ url: 'https://sink.example' });
    expect((await failureOf(sink.write(alerts('a'), never))).message).toBe(`https://sink.example: ${why}`);
    await sink.close();
    const get = await fetchByProxy();
    await expect(fetchItems({ address: 'https://lists.example/x' }, get)).rejects.toThrow(why);
  });

  it('trusts what all of the program trusts (NODE_EXTRA_CA_CERTS), unless it has an authority of its own', async () => {
    const server = await Receiver.start(certificates.server());
    atEnd(() => void server.stop());
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, readFileSync(ca, 'utf8')]);
    try {
      const sink = await to.sinkOf({ url: server.url });
      await sink.write(alerts('a'), never);
      expect(server.bodies.map(ruleIn)).toEqual(['a']);
      await sink.close();
    } finally {
      setDefaultCACertificates(before);
    }
  });

  it('and other components go without to addresses of a network that NO_PROXY names', async () => {
    const server = await Receiver.start();
    atEnd(() => void server.stop());
    const { asked, address } = await startProxy();
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY']) vi.stubEnv(name, address);
    const url = `http://127.0.0.1:${server.port}`;
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, 'k');
    const each = {
      async http() {
        const sink = await to.sinkOf({ url });
        await sink.write(alerts('a'), never).finally(() => sink.close());
      },
      async lists() {
        const get = await fetchByProxy();
        const options = { headers: {}, signal: never, redirects: true };
        const { status, discard } = await get(url, options);
        discard();
        expect(status).toBe(200);
      },
      async aws() {
        const sqs = await new Aws({ region: 'x', endpoint: url }, { resolve: String }).sqs();
        const request = new GetQueueUrlCommand({ QueueName: 'q' });
        await sqs.send(request).finally(() => sqs.destroy());
      },
    };
    server.answer = () => ({ body: '{}' });
    for (const [name, ask] of Object.entries(each)) {
      const before = server.got.length;
      asked.clear();
      vi.stubEnv('NO_PROXY', '10.0.0.0/8');
      await expect(ask(), name).rejects.toThrow();
      expect([[...asked], server.got.length - before], name).toEqual([['127.0.0.1'], 0]);
      asked.clear();
      vi.stubEnv('NO_PROXY', 'localhost,127.0.0.0/8,10.0.0.0/8');
      await ask();
      expect([asked.size, server.got.length - before], name).toEqual([0, 1]);
    }
    expect([proxyAgentFor('wss://127.0.0.1/x'), Object.keys(proxyAgentFor('wss://192.0.2.1'))]).toEqual([
      {},
      ['agent'],
    ]);
  });

  it('says which variable is no address of a proxy, and does not quote it', async () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://me:hush@proxy:1080');
    const error = await to.sinkOf({ url: 'https://x' }).catch((reason) => reason);
    expect(error).toMatchObject({
      exit: 78,
      message: expect.stringMatching(/^the variable HTTPS_PROXY is no address/),
    });
    expect(String(error)).not.toContain('hush');
  });

  it('says of a % that begins no escape what to write, and does not quote the password', async () => {
    const proxy = 'http://me:50%hush@proxy:3128';
    const why = 'has a % in its user or password that begins no escape: write %25 for it';
    const own = await to.sinkOf({ url: 'https://x', proxy }).catch((reason) => reason);
    expect(own).toMatchObject({ exit: 78, message: `its proxy ${why}` });
    vi.stubEnv('HTTPS_PROXY', proxy);
    const named = await to.sinkOf({ url: 'https://x' }).catch((reason) => reason);
    expect(named).toMatchObject({ exit: 78, message: `the variable HTTPS_PROXY ${why}` });
  });
});

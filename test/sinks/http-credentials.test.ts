/** What the sink `http` shows of itself: tokens, passwords, OAuth. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordedLog } from '../core/shared.ts';
import { alerts, diagnosticsOf, failureOf, receiving } from './http-sinks.ts';
import { never } from './shared.ts';

const to = receiving();

describe('credentials', () => {
  it('are read when a request is made, and are in no error', async () => {
    process.env.TEST_HTTP_TOKEN = 's3cr3t-token';
    to.receiver.answer = ({ headers }) => ({
      status: 403,
      headers: { 'x-was': String(headers.authorization).slice(7) },
      body: `no: ${headers.authorization}`,
    });
    const sink = await to.sinkOf({ bearer_token: { env: 'TEST_HTTP_TOKEN' } });
    const { message } = await failureOf(sink.write(alerts('a'), never));
    expect(message).toMatch(/^status 403: no: Bearer \[secret\] \(look at its credentials/);
    await expect(sink.probe?.(alerts('a'), never)).rejects.toThrow(
      /status 403[\s\S]*x-was: \[secret\][\s\S]*no: Bearer \[secret\]$/,
    );
    process.env.TEST_HTTP_TOKEN = 'rotated';
    await sink.write(alerts('a'), never).catch(() => {});
    expect(to.receiver.got.at(-1)?.headers.authorization).toBe('Bearer rotated');
    delete process.env.TEST_HTTP_TOKEN;
  });

  it('of users are encoded', async () => {
    process.env.TEST_HTTP_PASSWORD = 'p:ä';
    const sink = await to.sinkOf({ basic: { user: 'me', password: { env: 'TEST_HTTP_PASSWORD' } } });
    await sink.write(alerts('a'), never);
    delete process.env.TEST_HTTP_PASSWORD;
    const [, encoded = ''] = to.receiver.got[0]?.headers.authorization?.split(' ') ?? [];
    expect(Buffer.from(encoded, 'base64').toString()).toBe('me:p:ä');
  });

  it('that are missing are said when the sink is opened', async () => {
    await expect(to.sinkOf({ bearer_token: { env: 'TEST_HTTP_NOTHING' } })).rejects.toThrow(
      /TEST_HTTP_NOTHING is not set/,
    );
    await expect(to.sinkOf({ url: 'falcosidekick:2801' })).rejects.toThrow(/not an address/);
  });
});

describe('what sets one header', () => {
  const secret = { env: 'TEST_HTTP_KEY' };
  const oauth = { token_url: 'https://t.example', client_id: 'c', client_secret: secret };
  const basic = { user: 'u', password: secret };
  const said = (keys: object) =>
    diagnosticsOf({ url: 'https://x.example', ...keys }).map(
      ({ severity, message, via }) => `${severity}: ${message}; ${via?.join()}`,
    );
  const both = (key: string, header: string, other: string) =>
    expect.stringMatching(
      RegExp(
        `^error: ${key} is sent as the header ${header}, and so is ${other}: .*; ${other}: pipeline.yaml:1:[1-9]\\d`,
      ),
    );

  it.each([
    ['bearer_token', { bearer_token: secret }],
    ['basic', { basic }],
    ['oauth', { oauth }],
    ['headers.Authorization', { headers: { Authorization: 'Splunk x' } }],
  ])('%s is refused beside a format that has a token, and beside another', (key, keys) => {
    const format = { type: 'splunk_hec', token: secret };
    expect(said({ format, ...keys })).toEqual([both(key, 'authorization', 'format.token')]);
    const [other, given] = key === 'basic' ? ['bearer_token', { bearer_token: secret }] : ['basic', { basic }];
    expect(said({ ...keys, ...given })).toEqual([both('\\S+', 'authorization', '\\S+')]);
    expect(said({ ...keys, ...given })[0]).toContain(other);
    expect(said(keys)).toEqual([]);
  });

  it('may be a header of a format, and two of one name are not', () => {
    const format = { type: 'datadog', api_key: secret };
    expect(said({ format, headers: { 'DD-API-KEY': secret } })).toEqual([
      both('headers.DD-API-KEY', 'dd-api-key', 'format.api_key'),
    ]);
    expect(said({ format, bearer_token: secret, headers: { 'Content-Type': 'application/x' } })).toEqual([]);
    expect(said({ headers: { 'X-Key': secret, 'x-key': 'y' } })).toEqual([
      both('headers.x-key', 'x-key', 'headers.X-Key'),
    ]);
  });
});

describe('over http://', () => {
  const secret = { env: 'TEST_HTTP_KEY' };
  const oauth = (token_url: string) => ({ token_url, client_id: 'c', client_secret: secret });
  const warned = (keys: object) =>
    diagnosticsOf({ url: 'http://x.example:88', ...keys }).map(({ severity, code, message }) => [
      `${severity} ${code}`,
      message,
    ]);
  const clear = (what: string) => ['warning PLAIN_TOKEN', `${what} the network in the clear`];

  it.each([
    ['bearer_token crosses', { bearer_token: secret }],
    ['basic crosses', { basic: { user: 'u', password: secret } }],
    ['oauth crosses', { oauth: oauth('https://t.example') }],
    ['headers.x-key crosses', { headers: { 'x-key': secret, 'x-other': 'y' } }],
    ['headers.Authorization crosses', { headers: { Authorization: 'Token x' } }],
    ['format.token crosses', { format: { type: 'splunk_hec', token: secret } }],
    [
      'format.routing_key and headers.x cross',
      { format: { type: 'pagerduty', routing_key: secret }, headers: { x: secret } },
    ],
  ])('%s the network in the clear, unless it ends here or is encrypted', (what, keys) => {
    expect(warned(keys)).toEqual([clear(what)]);
    for (const url of ['https://x.example', 'http://127.0.0.1:88', 'http://[::1]', 'http://localhost'])
      expect(warned({ ...keys, url })).toEqual([]);
  });

  it('so does the secret that a token is asked for with; an alert alone does without a word', () => {
    const keys = { url: 'https://x.example', oauth: oauth('http://t.example/token') };
    expect(warned(keys)).toEqual([clear('oauth.client_secret crosses')]);
    expect(warned({ ...keys, oauth: oauth('http://127.0.0.1/token') })).toEqual([]);
    expect(warned({})).toEqual([]);
  });

  it('an address that is a secret is known when the sink is opened: it is said then, without the address', async () => {
    vi.stubEnv('TEST_HTTP_KEY', 'hush');
    vi.stubEnv('TEST_HTTP_URL', 'http://hidden.example/in');
    const { log, lines } = recordedLog();
    const config = { url: { env: 'TEST_HTTP_URL' }, bearer_token: secret };
    expect(warned(config)).toEqual([]);
    await to.sinkOf(config, { log, lines });
    vi.stubEnv('TEST_HTTP_URL', 'https://hidden.example/in');
    await to.sinkOf(config, { log, lines });
    vi.unstubAllEnvs();
    expect(lines).toEqual(['warn: bearer_token crosses the network in the clear: Use https://.']);
  });
});

describe('OAuth client credentials', () => {
  const oauth = (extra = {}) => ({
    token_url: `${to.receiver.url}/token`,
    client_id: 'a client',
    client_secret: { env: 'TEST_HTTP_CLIENT' },
    ...extra,
  });
  beforeEach(() => {
    process.env.TEST_HTTP_CLIENT = 'client secret';
  });
  afterEach(() => void delete process.env.TEST_HTTP_CLIENT);
  const paths = () => to.receiver.got.map(({ path }) => path);

  it('a token is asked for once, as the RFC has it, and used while it is good', async () => {
    let count = 0;
    to.receiver.answer = ({ path }) =>
      path === '/token' ? { body: JSON.stringify({ access_token: `t${++count}`, expires_in: 3600 }) } : {};
    const sink = await to.sinkOf({ oauth: oauth({ scope: 'write all' }), concurrency: 4 });
    await sink.write(alerts('a', 'b', 'c'), never);
    await sink.write(alerts('d'), never);
    const [asked, ...sent] = to.receiver.got;
    expect(asked).toMatchObject({ path: '/token', body: 'grant_type=client_credentials&scope=write+all' });
    const [, encoded = ''] = asked?.headers.authorization?.split(' ') ?? [];
    expect(Buffer.from(encoded, 'base64').toString()).toBe('a+client:client+secret');
    expect(sent.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill('Bearer t1'));
  });

  it('a token that is refused is replaced once', async () => {
    let count = 0;
    to.receiver.answer = ({ path, headers }) => {
      if (path === '/token') return { body: JSON.stringify({ access_token: `t${++count}` }) };
      return { status: headers.authorization === 'Bearer t1' ? 401 : 200 };
    };
    const sink = await to.sinkOf({ oauth: oauth() });
    await sink.write(alerts('a'), never);
    expect(paths()).toEqual(['/token', '/', '/token', '/']);
  });

  it('a server that gives no token is for now, and is quoted without the secret', async () => {
    const body = JSON.stringify({ error: 'invalid_client', error_description: 'unknown' });
    to.receiver.answer = () => ({ status: 401, body });
    const sink = await to.sinkOf({ oauth: oauth() });
    const failure = await failureOf(sink.write(alerts('a'), never));
    expect(failure.again).toEqual(['a']);
    expect(failure.message).toBe(`no token from ${to.receiver.url}: status 401, invalid_client: unknown`);
  });
});

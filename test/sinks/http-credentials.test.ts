/** What the sink `http` shows of itself: tokens, passwords, OAuth. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alerts, failureOf, receiving } from './http-sinks.ts';
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

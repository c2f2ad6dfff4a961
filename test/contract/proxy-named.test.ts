/** What fails behind a proxy says that one is there, and which: never with its password. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { messageOf } from '../../src/core/errors.ts';
import { fetchByProxy } from '../../src/operators/shared/fetch.ts';
import { Aws, explained } from '../../src/sources/cloudtrail/aws.ts';
import { ovhMks } from '../../src/sources/ovh-mks/index.ts';
import { vcloud } from '../../src/sources/vcloud/index.ts';
import { atEnd } from '../scratch.ts';
import { alerts, receiving } from '../sinks/http-sinks.ts';
import { never } from '../sinks/shared.ts';
import { Harness } from '../sources/harness.ts';

const to = receiving();

beforeEach(() => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
    for (const each of [name, name.toLowerCase()]) vi.stubEnv(each, '');
  }
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'SOME_KEY']) vi.stubEnv(name, 'k');
});
afterEach(() => vi.unstubAllEnvs());

/** Names a proxy in the environment that gives every request and tunnel that status; returns its name without the password. */
async function refusing(status: number): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end('blocked by policy'));
  server.on('connect', (_, socket) => {
    socket.on('error', () => {});
    socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return named((server.address() as AddressInfo).port);
}

function named(port: number): string {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) vi.stubEnv(name, `http://me:hush@127.0.0.1:${port}`);
  return `http://127.0.0.1:${port}`;
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => new Error('it was taken'),
    (error: unknown) => error,
  );

/** What each component says of a failure at an address that begins so. */
async function said(scheme: 'http' | 'https'): Promise<Record<string, string>> {
  const sink = await to.sinkOf({ url: `${scheme}://there.example` });
  const http = await failureOf(sink.write(alerts('a'), never)).finally(() => sink.close());
  const get = await fetchByProxy();
  const lists = messageOf(
    await failureOf(get(`${scheme}://there.example`, { headers: {}, signal: never, redirects: true })),
  );
  const oauth = { token_url: `${scheme}://there.example`, client_id: 'i', client_secret: { env: 'SOME_KEY' } };
  const withToken = await to.sinkOf({ url: 'https://there.example', oauth });
  const token = messageOf(await failureOf(withToken.write(alerts('a'), never)).finally(() => withToken.close()));
  const aws = new Aws({ region: 'x', endpoint: `${scheme}://there.example` }, { resolve: String });
  const [sqs, s3] = [await aws.sqs(), await aws.s3()];
  const queue = await failureOf(sqs.send(new GetQueueUrlCommand({ QueueName: 'q' }))).finally(() => sqs.destroy());
  const bucket = await failureOf(s3.send(new ListObjectsV2Command({ Bucket: 'b' }))).finally(() => s3.destroy());
  const user = { user: 'auditor', password: { env: 'SOME_KEY' } };
  const director = new Harness(vcloud, { url: `${scheme}://there.example`, ...user });
  const tail = new Harness(ovhMks, { url: 'wss://there.example/tail/', token: { env: 'SOME_KEY' } });
  for (const each of [director, tail]) {
    await vi.waitFor(() => expect(each.trouble).not.toBe('not connected yet'), 10_000);
    // It is tried again.
    expect(each.end).toBe('open');
  }
  const troubles = { vcloud: director.trouble ?? '', ovh: tail.trouble ?? '' };
  await Promise.all([director.stop(), tail.stop()]);
  const told = (error: unknown) => messageOf(explained(error, 'AWS'));
  return { http: messageOf(http), lists, token, queue: told(queue), bucket: told(bucket), ...troubles };
}

/** What is said of a failure on the way to an https:// address. */
const eachSays = (why: string) => ({
  http: `https://there.example: ${why}`,
  lists: why,
  token: `https://there.example: ${why}`,
  queue: `AWS: Error: ${why}`,
  bucket: `AWS: Error: ${why}`,
  vcloud: `no answer from there.example: ${why}`,
  ovh: `no connection to there.example: ${why}`,
});

it('a proxy that is not there', async () => {
  const proxy = named(1);
  const why = `by the proxy ${proxy}: connect ECONNREFUSED 127.0.0.1:1`;
  expect(await said('https')).toEqual(eachSays(why));
}, 30_000);

it.each([
  [407, 'wants another user and password'],
  [403, 'does not lead there'],
])(
  'a proxy that gives no tunnel: %i',
  async (status, what) => {
    const proxy = await refusing(status);
    const why = `the proxy ${proxy} ${what}: its answer has the status ${status}`;
    expect(await said('https')).toEqual(eachSays(why));
  },
  30_000,
);

it('a proxy that may have answered itself, in the clear: no source ends for that', async () => {
  const proxy = await refusing(403);
  const whose = `(perhaps of the proxy ${proxy}`;
  const { ovh: _, ...clear } = await said('http');
  const aws = `AWS: status 403 with an answer that is not AWS's ${whose}): blocked by policy`;
  expect(clear).toEqual({
    http: expect.stringContaining(`status 403: blocked by policy ${whose}; look at its credentials`),
    lists: `the answer has the status 403 ${whose})`,
    token: `no token from http://there.example: status 403 ${whose})`,
    queue: aws,
    bucket: aws,
    vcloud: `the login was refused by there.example: status 403 ${whose})`,
  });
}, 30_000);

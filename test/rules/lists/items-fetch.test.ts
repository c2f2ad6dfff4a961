/** Answers from the web that are to be lists. */

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fetchByProxy } from '../../../src/operators/shared/fetch.ts';
import { fetchItems } from '../../../src/rules/lists/items-fetch.ts';
import { NoAnswer } from '../../../src/rules/lists/no-answer.ts';

const MIB = Buffer.alloc(1024 * 1024, 'a');

/** An answer of so many bytes, and how many of them were asked for. */
function answerOf(size: number) {
  const answer = { asked: 0 };
  const body = Readable.from(
    (function* () {
      while (answer.asked < size) {
        const piece = MIB.subarray(0, size - answer.asked);
        answer.asked += piece.length;
        yield piece;
      }
    })(),
  );
  const get = async () => ({ status: 200, header: () => undefined, body, discard: () => {} });
  return { answer, fetched: () => fetchItems({ address: 'http://feed.test/' }, get) };
}

test('an answer is refused as soon as it has more than 128 MiB', async () => {
  const { answer, fetched } = answerOf(512 * MIB.length);
  await expect(fetched()).rejects.toThrow('the answer has more than 128 MiB');
  expect(answer.asked).toBeLessThan(132 * MIB.length);
  const { content } = (await answerOf(128 * MIB.length).fetched()) ?? {};
  expect(content?.length).toBe(128 * MIB.length);
});

let answer: RequestListener;
const server = createServer((request, response) => answer(request, response));
beforeAll(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
afterAll(() => void server.close());

/** What the server gives to who asks for a list. */
async function asked(headers?: Record<string, string>): Promise<string | undefined> {
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list`;
  const found = await fetchItems({ address, ...(headers === undefined ? {} : { headers }) }, await fetchByProxy());
  return found && Buffer.from(found.content).toString();
}

const sends =
  (body: Uint8Array, coding: string): RequestListener =>
  (_, response) =>
    response.writeHead(200, { 'content-encoding': coding }).end(body);

const LINES = Array.from({ length: 10_000 }, (_, index) => `/srv/data/${index}\n`).join('');
const packed = gzipSync(LINES);

test.each([
  ['gzip', packed],
  ['x-gzip', packed],
  ['identity', Buffer.from(LINES)],
  ['utf-8', Buffer.from(LINES)],
  ['gzip', Buffer.alloc(0)],
])('what was compressed for its way here is unpacked: %s', async (coding, body) => {
  answer = sends(body, coding);
  expect(await asked()).toBe(body.length === 0 ? '' : LINES);
});

test.each([
  ['in its middle', packed.subarray(0, packed.length / 2)],
  ['before its length', packed.subarray(0, -4)],
  ['before its checksum', packed.subarray(0, -8)],
])('what is cut short on its way here is refused: %s', async (_, body) => {
  answer = sends(body, 'gzip');
  await expect(asked()).rejects.toThrow('it is gzip that cannot be unpacked: unexpected end of file');
});

test('what would become too large is refused', async () => {
  answer = sends(gzipSync(Buffer.alloc(129 * MIB.length)), 'gzip');
  await expect(asked()).rejects.toThrow('it would be more than 128 MiB');
});

test('what is too large is not read to its end', async () => {
  let isOver = false;
  answer = (_, response) => {
    response.on('close', () => void (isOver = true));
    Readable.from(repeated(1024)).pipe(response.writeHead(200));
  };
  await expect(asked()).rejects.toThrow('the answer has more than 128 MiB');
  await vi.waitFor(() => expect(isOver).toBe(true));
});

function* repeated(count: number) {
  for (let at = 0; at < count; at++) yield MIB;
}

test.each([
  ['deflate', deflateSync(LINES)],
  ['br', brotliCompressSync(LINES)],
  ['gzip, gzip', gzipSync(packed)],
])('what comes in %s is refused: only gzip is asked for', async (coding, body) => {
  answer = (request, response) => {
    expect(request.headers['accept-encoding']).toBe('gzip');
    sends(body, coding)(request, response);
  };
  await expect(asked()).rejects.toThrow(`the answer is compressed as was not asked for (${coding})`);
});

test('what is called gzip has to be it', async () => {
  answer = sends(Buffer.from(LINES), 'gzip');
  await expect(asked()).rejects.toThrow('the answer is no gzip');
});

test('it goes where it is sent on to, unless it has headers of its own; a circle has an end', async () => {
  answer = ({ url }, response) =>
    url === '/list' ? response.writeHead(302, { location: '/other' }).end('moved') : response.end(url);
  expect(await asked()).toBe('/other');
  await expect(asked({ authorization: 'x' })).rejects.toThrow('the answer has the status 302: with `headers`');
  let count = 0;
  answer = (_, response) => response.writeHead(302, { location: `/${++count}` }).end();
  await expect(asked()).rejects.toThrow('the answer has the status 302');
  expect(count).toBe(21);
  answer = (_, response) => response.writeHead(302, { location: '/list' }).end();
  await expect(asked()).rejects.toThrow('Redirect loop');
});

test('an answer that ends before its length is none', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': LINES.length }).write(LINES.slice(0, -100));
    setTimeout(() => response.destroy(), 50);
  };
  await expect(asked()).rejects.toThrow(NoAnswer);
});

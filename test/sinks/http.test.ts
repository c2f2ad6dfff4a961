/** The sink `http`: its requests, and what becomes of alerts by the answers. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { scratch } from '../scratch.ts';
import { delivered } from './delivering.ts';
import { alerts, failureOf, receiving, ruleIn } from './http-sinks.ts';
import { Receiver } from './servers.ts';
import { alertOf, never, recordOf } from './shared.ts';

const to = receiving();

describe('the sink http', () => {
  it('posts each alert by itself in the format falco, several at once, no more than it may', async () => {
    // The first answers come when three are under way.
    const { promise: three, resolve } = Promise.withResolvers<void>();
    to.receiver.answer = async () => {
      if (to.receiver.got.length >= 3) resolve();
      await three;
      return {};
    };
    const sink = await to.sinkOf({ concurrency: 3 });
    const rules = Array.from({ length: 20 }, (_, n) => `r${n}`);
    await sink.write(alerts(...rules), never);
    expect(to.receiver.bodies.map(ruleIn).sort()).toEqual([...rules].sort());
    expect(to.receiver.most).toBe(3);
    expect(to.receiver.got[0]).toMatchObject({ method: 'POST', path: '/' });
    expect(to.receiver.got[0]?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(to.receiver.got[0]?.headers['user-agent']).toMatch(/^falco-pipe\/\d/);
  });

  it('sends headers, its method, compressed bodies, to the path of the address', async () => {
    process.env.TEST_HTTP_TENANT = 'blue';
    const headers = { 'X-Scope-OrgID': { env: 'TEST_HTTP_TENANT' }, 'x-two': '2' };
    const sink = await to.sinkOf({ url: `${to.receiver.url}/in/here?x=1`, headers, method: 'PUT', gzip: true });
    await sink.write(alerts('a'), never);
    delete process.env.TEST_HTTP_TENANT;
    const [got] = to.receiver.got;
    expect(got).toMatchObject({ method: 'PUT', path: '/in/here?x=1' });
    expect(got?.headers).toMatchObject({ 'x-scope-orgid': 'blue', 'x-two': '2', 'content-encoding': 'gzip' });
    expect(ruleIn(got?.body ?? '')).toBe('a');
  });

  it('what is turned away for now is offered again, as late as the server wants it', async () => {
    to.receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down' });
    const sink = await to.sinkOf({ concurrency: 1 });
    const failure = await failureOf(sink.write(alerts('a', 'b', 'c'), never));
    expect(failure).toEqual({ message: 'status 429: slow down', refused: [], again: ['a', 'b', 'c'], wait: 7000 });
    expect(to.receiver.got).toHaveLength(1);
  });

  it('a receiver that takes longer for all of them than a write may take gets each nevertheless', async () => {
    to.receiver.answer = async () => {
      await sleep(20);
      return {};
    };
    const many = alerts(...Array.from({ length: 50 }, (_, n) => `r${n}`));
    const sink = { url: to.receiver.url, concurrency: 1, timeout: '300ms' };
    const { summary } = await delivered({ folder: scratch(), sink, alerts: many, retry: '5s' });
    expect(summary).toMatchObject({ delivered: 50, dropped: 0 });
    expect(new Set(to.receiver.bodies.map(ruleIn)).size).toBe(50);
    expect(to.receiver.bodies.length).toBeLessThan(75);
  });

  it('reads Retry-After as a date too, and takes what it cannot read for none', async () => {
    const sink = await to.sinkOf({});
    for (const [value, low, high] of [
      [new Date(Date.now() + 60_000).toUTCString(), 50_000, 61_000],
      [new Date(Date.now() - 60_000).toUTCString(), 0, 0],
      ['soon', 0, 0],
    ] as const) {
      to.receiver.answer = () => ({ status: 503, headers: { 'retry-after': value } });
      const { wait } = await failureOf(sink.write(alerts('a'), never));
      expect(wait).toBeGreaterThanOrEqual(low);
      expect(wait).toBeLessThanOrEqual(high);
    }
  });

  it('what is refused costs its neighbours nothing', async () => {
    to.receiver.answer = ({ body }) => (ruleIn(body) === 'b' ? { status: 422, body: 'no b here' } : {});
    const sink = await to.sinkOf({});
    const failure = await failureOf(sink.write(alerts('a', 'b', 'c'), never));
    expect(failure).toEqual({ message: 'status 422: no b here', refused: ['b'], again: [], wait: 0 });
    expect(to.receiver.bodies.map(ruleIn).sort()).toEqual(['a', 'b', 'c']);
  });

  it.each([400, 413, 422])('status %i is about the alert: for good', async (status) => {
    to.receiver.answer = () => ({ status });
    const sink = await to.sinkOf({});
    expect(await failureOf(sink.write(alerts('a'), never))).toMatchObject({ refused: ['a'], again: [] });
  });

  it.each([
    ...[408, 425, 429, 500, 501, 502, 503, 504, 505],
    ...[302, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 415, 418, 451],
  ])('status %i is about something that can be mended: for now', async (status) => {
    to.receiver.answer = () => ({ status });
    const sink = await to.sinkOf({});
    expect(await failureOf(sink.write(alerts('a'), never))).toMatchObject({ refused: [], again: ['a'] });
  });

  it('a token that has expired says what to look at, and nothing is lost once there is another', async () => {
    process.env.TEST_HTTP_TOKEN = 'of yesterday';
    to.receiver.answer = ({ headers }) =>
      headers.authorization === 'Bearer of today' ? {} : { status: 401, body: 'token expired' };
    const sink = await to.sinkOf({ bearer_token: { env: 'TEST_HTTP_TOKEN' } });
    const failure = await failureOf(sink.write(alerts('a'), never));
    expect(failure).toMatchObject({ refused: [], again: ['a'] });
    expect(failure.message).toMatch(/^status 401: token expired \(look at its credentials: /);
    process.env.TEST_HTTP_TOKEN = 'of today';
    await sink.write(alerts('a'), never);
    delete process.env.TEST_HTTP_TOKEN;
  });

  it('finds the one that a batch is refused for by halves, and makes a batch smaller that is too large', async () => {
    const rulesOf = (body: string) => body.trim().split('\n').map(ruleIn);
    to.receiver.answer = ({ body }) => (rulesOf(body).includes('f') ? { status: 400, body: 'bad f' } : {});
    const sink = await to.sinkOf({ format: 'json_lines' });
    const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    expect(await failureOf(sink.write(alerts(...all), never))).toMatchObject({ refused: ['f'], again: [] });
    to.receiver.got.length = 0;
    const taken: string[] = [];
    to.receiver.answer = ({ body }) => {
      if (rulesOf(body).length > 3) return { status: 413 };
      taken.push(...rulesOf(body));
      return {};
    };
    await sink.write(alerts(...all), never);
    expect(taken).toEqual(all);
  });

  it('a redirect is not followed: it says where to', async () => {
    to.receiver.answer = () => ({ status: 308, headers: { location: 'https://elsewhere/' } });
    const sink = await to.sinkOf({});
    const { message } = await failureOf(sink.write(alerts('a'), never));
    expect(message).toBe('status 308 to https://elsewhere/: put that into url');
  });

  it('a server that is not there, hangs up or does not answer is for now', async () => {
    const gone = await Receiver.start();
    const { url } = gone;
    await gone.stop();
    const sink = await to.sinkOf({ url });
    const failure = await failureOf(sink.write(alerts('a'), never));
    expect(failure).toMatchObject({ refused: [], again: ['a'] });
    expect(failure.message).toContain(`${url}: connect ECONNREFUSED`);
    to.receiver.answer = () => new Promise(() => {});
    const slow = await to.sinkOf({});
    await expect(slow.write(alerts('a'), AbortSignal.timeout(50))).rejects.toThrow();
  });

  it('tells of events that are no alerts as alerts: what was lost is a warning', async () => {
    const { internalEvent } = await import('../../src/events/internal.ts');
    const sink = await to.sinkOf({ concurrency: 1 });
    const drop = internalEvent('drop', 1n, {
      component: 'node',
      reason: 'ring_full',
      count: 3,
      message: 'node lost 3',
    });
    await sink.write([drop, recordOf({ 'proc.name': 'cat' })], never);
    const [first, second] = to.receiver.bodies.map((body) => JSON.parse(body));
    expect(first).toMatchObject({ rule: 'falco-pipe internal: drop', priority: 'Warning', source: 'internal' });
    expect(first.output_fields).toMatchObject({ 'internal.count': 3, 'internal.reason': 'ring_full' });
    expect(second).toMatchObject({ rule: 'syscall open', priority: 'Informational', source: 'syscall' });
  });

  it('takes common secrets out of texts unless told not to', async () => {
    const alert = alertOf('a', 'Notice', 'ran mysqldump --password=hunter2 db');
    for (const redact of [true, false]) await (await to.sinkOf({ redact })).write([alert], never);
    const [clean, raw] = to.receiver.bodies.map((body) => JSON.parse(body).output as string);
    expect(clean).toMatch(/--password=\[redacted\] db$/);
    expect(raw).toMatch(/--password=hunter2 db$/);
  });

  it('a probe returns what came back', async () => {
    to.receiver.answer = () => ({ status: 202, headers: { 'x-id': '7' }, body: '{"ok":true}' });
    const sink = await to.sinkOf({});
    expect(await sink.probe?.(alerts('a'), never)).toMatch(
      /^HTTP status 202\n[\s\S]*x-id: 7\n[\s\S]*\n\n\{"ok":true\}$/,
    );
  });
});

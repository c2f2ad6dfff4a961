/** Whom and what the webhook of the source `k8s_audit` turns away. */

import { once } from 'node:events';
import { copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { k8sAudit } from '../../../src/sources/k8s-audit/index.ts';
import { scratch } from '../../scratch.ts';
import { makeCertificates } from '../../sinks/servers.ts';
import { Harness } from '../harness.ts';
import { auditEvent, auditEvents } from './events.ts';
import { start } from './hook.ts';

describe('who and what is turned away', () => {
  it('is told why, and counted', async () => {
    const { source, send, post } = await start({ max_body: '2KiB' });
    expect(await send('', { method: 'GET' })).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect((await send('x', { path: '/other' })).status).toBe(404);
    expect((await send('x', { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await send('x', { headers: { 'content-encoding': 'br' } })).status).toBe(415);
    expect(JSON.parse((await send('{"kind":"Event",')).body).error).toMatch(/^the body is not JSON/);
    expect((await send('x', { headers: { 'content-encoding': 'gzip' } })).status).toBe(400);
    expect((await post(auditEvents(20))).status).toBe(413);
    const cut = gzipSync(JSON.stringify(auditEvent(1))).subarray(0, 100);
    expect((await send(cut, { headers: { 'content-encoding': 'gzip' } })).status).toBe(400);
    const bomb = gzipSync(Buffer.alloc(1_500_000, ' '));
    expect(bomb.length).toBeLessThan(2048);
    expect((await send(bomb, { headers: { 'content-encoding': 'gzip' } })).status).toBe(413);
    const chunked = await send(JSON.stringify(auditEvents(20)), { headers: { 'transfer-encoding': 'chunked' } });
    expect(chunked.status).toBe(413);
    expect(source.metrics.byLabel('refused')).toEqual({
      method: 1,
      path: 1,
      content_type: 1,
      encoding: 1,
      bad_body: 3,
      body_too_large: 3,
    });
    expect(source.said.filter((each) => each.startsWith('drop'))).toHaveLength(8);
    expect((await post(auditEvent(1))).status).toBe(200);
  });

  it('bears the token, or is refused; the token is read anew each time', async () => {
    process.env.HOOK_TOKEN = 'open sesame';
    const { source, post } = await start({ bearer_token: { env: 'HOOK_TOKEN' } });
    const withToken = (token: string) => post(auditEvent(1), { headers: { authorization: token } });
    expect(await post(auditEvent(1))).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect((await withToken('Bearer open sesam')).status).toBe(401);
    expect((await withToken('Basic open sesame')).status).toBe(401);
    expect(source.events).toEqual([]);
    expect((await withToken('bearer open sesame')).status).toBe(200);
    process.env.HOOK_TOKEN = 'another';
    expect((await withToken('Bearer open sesame')).status).toBe(401);
    expect((await withToken('Bearer another')).status).toBe(200);
    expect(JSON.stringify(source.reports)).not.toContain('sesam');
    delete process.env.HOOK_TOKEN;
    const away = await withToken('Bearer another');
    expect(away).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(away.body).not.toContain('HOOK_TOKEN');
    expect(source.said).toContain('error secret 1');
    const never = new Harness(k8sAudit, { listen: '127.0.0.1:0', bearer_token: { env: 'HOOK_TOKEN' } });
    expect(never.end).toBeInstanceOf(SourceError);
    expect(String(never.end)).toMatch(/a secret is missing: the environment variable HOOK_TOKEN is not set/);
  });

  it('shows a certificate of the authority, where one is asked for', async () => {
    const made = makeCertificates();
    const tls = { cert: made.cert, key: made.key, client_ca: made.ca };
    const { source, post } = await start({ tls });
    const ca = readFileSync(made.ca);
    const common = { protocol: 'https:', host: 'localhost', ca } as const;
    await expect(post(auditEvent(1), common)).rejects.toThrow();
    const own = { cert: readFileSync(made.clientCert), key: readFileSync(made.clientKey) };
    expect((await post(auditEvent(1), { ...common, ...own })).status).toBe(200);
    expect(source.events).toHaveLength(1);
  });

  it('gets new certificates once they are there, without a restart', async () => {
    const [first, second] = [makeCertificates(), makeCertificates()];
    const folder = scratch();
    const tls = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
    const put = (made: ReturnType<typeof makeCertificates>, at: number) => {
      copyFileSync(made.cert, tls.cert);
      copyFileSync(made.key, tls.key);
      for (const file of Object.values(tls)) utimesSync(file, at, at);
    };
    put(first, 1000);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { post, source } = await start({ tls });
    const trusting = (made: typeof first) => ({ protocol: 'https:', host: 'localhost', ca: readFileSync(made.ca) });
    expect((await post(auditEvent(1), trusting(first))).status).toBe(200);
    put(second, 2000);
    vi.advanceTimersByTime(60_000);
    expect((await post(auditEvent(2), trusting(second))).status).toBe(200);
    await expect(post(auditEvent(3), trusting(first))).rejects.toThrow(/certificate/);
    // What cannot be used does not take the place of what can.
    writeFileSync(tls.cert, 'no certificate');
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    expect((await post(auditEvent(4), trusting(second))).status).toBe(200);
    expect(source.said.filter((each) => each.startsWith('error tls_files'))).toHaveLength(1);
  });

  it('asks before it sends much, and hears at once whether that is of use', async () => {
    const { port, source } = await start();
    const ask = (path: string, type: string) =>
      new Promise<string>((resolve, reject) => {
        const headers = { 'content-type': type, 'content-length': 10_000_000, expect: '100-continue' };
        const request = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', headers });
        request.on('continue', () => {
          resolve('continue');
          request.destroy();
        });
        request.on('response', ({ statusCode }) => resolve(String(statusCode)));
        request.on('error', reject);
        request.flushHeaders();
      });
    expect(await ask('/k8s-audit', 'application/json')).toBe('continue');
    expect(await ask('/elsewhere', 'application/json')).toBe('404');
    expect(source.end).toBe('open');
  });

  it('may come again when so much is read already that memory would suffer', async () => {
    const { port, post, source } = await start();
    const head =
      'POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12000000\r\n\r\n{';
    const slow = Array.from({ length: 5 }, () => connect(port, '127.0.0.1'));
    for (const socket of slow) socket.write(head);
    const big = 'x'.repeat(8_000_000);
    for (let status = 0; status !== 503; ) status = (await post({ ...auditEvent(1), requestObject: big })).status;
    expect(source.metrics.byLabel('refused').memory).toBe(1);
    for (const socket of slow) socket.destroy();
    await source.until(({ metrics }) => metrics.byLabel('refused').gone === 5);
    expect((await post({ ...auditEvent(2), requestObject: big })).status).toBe(200);
  });

  it('that is compressed counts as what it may become, and once it is read as what it is', async () => {
    const { port, source, send } = await start({}, { settle: () => undefined });
    const headers = { 'content-encoding': 'gzip' };
    const small = (n: number) => send(gzipSync(JSON.stringify(auditEvent(n))), { headers });
    const waiting = Array.from({ length: 20 }, (_, n) => small(n));
    await source.until(({ events }) => events.length === 20);
    const head =
      'POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12000000\r\nExpect: 100-continue\r\n\r\n';
    const slow = Array.from({ length: 5 }, () => connect(port, '127.0.0.1'));
    for (const socket of slow) {
      socket.write(head);
      await once(socket, 'data');
    }
    expect((await small(20)).status).toBe(503);
    expect(source.metrics.byLabel('refused')).toEqual({ memory: 1 });
    for (const socket of slow) socket.destroy();
    for (const { ack } of source.batches) ack.settle('delivered');
    for (const reply of await Promise.all(waiting)) expect(reply.status).toBe(200);
  });

  it('is told to come again where its body took too long, and nothing of it is taken', async () => {
    const { source, port, post } = await start({}, { settle: () => undefined });
    const time = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(time.signal);
    const body = JSON.stringify(auditEvent(1));
    const headers = { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' };
    const request = httpRequest({ host: '127.0.0.1', port, path: '/k8s-audit', method: 'POST', headers });
    const answered = once(request, 'response');
    request.flushHeaders();
    await once(request, 'continue');
    time.abort();
    request.end(body);
    const [{ statusCode }] = await answered;
    expect([statusCode, source.events.length]).toEqual([503, 0]);
    expect(source.metrics.byLabel('refused')).toEqual({ timeout: 1 });
    const again = post(auditEvent(1));
    await source.until(({ events }) => events.length === 1);
    source.batches[0]?.ack.settle('delivered');
    expect((await again).status).toBe(200);
  });

  it('may take its time only so long', async () => {
    const { source, port } = await start({ timeout: '300ms' });
    const text = await new Promise<string>((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, path: '/k8s-audit', method: 'POST' }, (response) =>
        resolve(String(response.statusCode)),
      );
      request.on('error', reject);
      request.setHeader('content-type', 'application/json');
      request.setHeader('content-length', '1000');
      request.write('{"kind":');
    }).catch((error) => String(error));
    expect(text).toMatch(/408|reset|hang up/i);
    expect(source.end).toBe('open');
  });
});

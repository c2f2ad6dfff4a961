/** Connecting to NATS: what is wrong with the keys of it, TLS that is insisted on, and certificates that are rotated. */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { nats } from '../../src/sinks/nats.ts';
import { makeCertificates } from '../sinks/servers.ts';
import { alertOf, never, openSink } from '../sinks/shared.ts';
import { hasNats, NatsServer } from './server.ts';

/** Errors or warnings about a pipeline that reads from NATS and writes to it with these keys. */
function said(keys: object): string {
  const source = { type: 'nats', stream: 'S', ...keys };
  const text = JSON.stringify({ sources: { in: source }, sinks: { out: { type: 'nats', from: 'in', ...keys } } });
  const lines = (diagnostics: readonly Parameters<typeof renderDiagnostic>[0][]) =>
    diagnostics.map((each) => renderDiagnostic(each)).join('\n');
  try {
    return lines(planPipeline(PipelineDocument.parse('/x/p.yaml', text), builtIn()).warnings);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return lines(error.diagnostics);
  }
}

describe('the keys', () => {
  const token = { env: 'T' };
  const basic = { user: 'u', password: token };
  const credentials = { file: '/run/nats.creds' };
  // Of the source and of the sink.
  const twice = (text: string) => new RegExp(`(${text}[^]*){2}`);
  it.each([
    [{ servers: 'nats://127.0.0.1:4222', token }, /^$/],
    [{ servers: ['localhost:4222', 'nats://[::1]'], basic }, /^$/],
    [{ servers: 'nats://nats.example' }, /^$/],
    [{ servers: ['nats://a.example', 'tls://b.example:4222'], token }, /^$/],
    [{ servers: 'nats://nats.example', token, tls: {} }, /^$/],
    [
      { servers: 'nats.example', token },
      twice('warning: The token may cross the network to nats.example in the clear'),
    ],
    [{ servers: 'nats://127.evil.example', basic }, twice('warning: The password may cross the network')],
    [{ servers: 'nats://nats.example', credentials }, twice('warning: What we are let in for may cross the network')],
    [{ servers: 'https://nats.example' }, twice('servers: an address is nats://HOST:4222 or tls://HOST:4222')],
    [{ servers: ['nats://a', 'nats://b:99999'] }, twice('servers.1: an address is nats://HOST:4222')],
    [{ servers: '' }, twice('servers: an address is nats://HOST:4222')],
    [{ servers: 'nats://a', token, basic }, twice('give one of `credentials`, `token` and `basic`')],
    [{ servers: 'nats://a', token, credentials }, twice('give one of `credentials`, `token` and `basic`')],
  ])('%j', (keys, expected) => {
    expect(said(keys)).toMatch(expected);
  });

  it.each(['nats://jane:hush@nats.example', 'hush@nats.example', 'tls://jane:hu/sh@nats.example'])(
    'a login in an address is refused, and not repeated: %s',
    (servers) => {
      for (const keys of [{ servers }, { servers: ['nats://a', servers] }]) {
        expect(said(keys)).toMatch(twice('a secret does not stand in the file'));
        expect(said(keys)).not.toMatch(/hu\/?sh/);
      }
    },
  );
});

describe.skipIf(!hasNats)('TLS', () => {
  const subject = 'nobody.takes.it';
  beforeAll(() => {
    process.env.TEST_NATS_TLS = 'open sesame';
  });
  afterAll(() => {
    delete process.env.TEST_NATS_TLS;
  });

  it('of tls:// is insisted on: a server without it is told nothing', async () => {
    const server = await NatsServer.start('--auth', 'open sesame');
    const servers = server.url.replace('nats:', 'tls:');
    const sink = await openSink(nats, { servers, subject, token: { env: 'TEST_NATS_TLS' } });
    await expect(sink.write([alertOf('a')], never)).rejects.toThrow(`${servers}: server does not support 'tls'`);
    await sink.close();
    await server.halt();
  });

  it.each([
    ['IP:127.0.0.1', /no stream takes/],
    ['DNS:localhost', /127\.0\.0\.1.*does not match certificate's altnames/],
  ])('holds a server that is given by its address to it: a certificate of %s', async (names, expected) => {
    const { ca, cert, key } = makeCertificates(names);
    const server = await NatsServer.start('--tls', '--tlscert', cert, '--tlskey', key);
    const sink = await openSink(nats, { servers: `tls://127.0.0.1:${server.port}`, subject, tls: { ca } });
    await expect(sink.write([alertOf('a')], never)).rejects.toThrow(expected);
    await sink.close();
    await server.halt();
  });

  it('has the certificates that are there when a lost connection is made again', async () => {
    const [old, young] = [makeCertificates(), makeCertificates()];
    const files = ['--tlscert', old.cert, '--tlskey', old.key, '--tlscacert', old.ca];
    const server = await NatsServer.start('--tls', '--tlsverify', ...files);
    const tls = { ca: old.ca, cert: old.clientCert, key: old.clientKey };
    const sink = await openSink(nats, { servers: server.url, subject, tls });
    // Connected: only the stream is missing.
    const works = () => expect(sink.write([alertOf('a')], never)).rejects.toThrow(/no stream takes/);
    await works();
    for (const name of ['ca.pem', 'server.pem', 'server.key', 'client.pem', 'client.key']) {
      copyFileSync(join(young.folder, name), join(old.folder, name));
    }
    await server.halt();
    await server.run();
    await vi.waitFor(works, { timeout: 15_000, interval: 50 });
    await sink.close();
    await server.halt();
  });
});

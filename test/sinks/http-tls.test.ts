/** TLS and proxies of the sink `http`. */

import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { http } from '../../src/sinks/http.ts';
import { alerts, diagnosticsOf, failureOf, receiving, ruleIn } from './http-sinks.ts';
import { makeCertificates, Receiver } from './servers.ts';
import { never } from './shared.ts';

const to = receiving();

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
    const trusting = await to.sinkOf({ url: server.url, tls: { ca } });
    await trusting.write(alerts('a'), never);
    expect(server.bodies.map(ruleIn)).toEqual(['a']);
    const other = await to.sinkOf({ url: server.url });
    const failure = await failureOf(other.write(alerts('a'), never));
    expect(failure.message).toMatch(
      /: unable to verify the first certificate: name the file of its authority under tls\.ca$/,
    );
    expect(failure.again).toEqual(['a']);
  });

  it('shows its certificate', async () => {
    const server = await serverOf(true);
    const known = await to.sinkOf({ url: server.url, tls: { ca, cert, key } });
    await known.write(alerts('a'), never);
    expect(server.got.map(({ client }) => client)).toEqual(['sensor-1']);
    const unknown = await to.sinkOf({ url: server.url, tls: { ca } });
    expect(await failureOf(unknown.write(alerts('a'), never))).toMatchObject({ again: ['a'] });
  });

  it('holds the server to its name', async () => {
    const server = await serverOf();
    const config = { url: server.url, tls: { ca, server_name: 'another.example' } };
    const failure = await failureOf((await to.sinkOf(config)).write(alerts('a'), never));
    expect(failure.message).toMatch(/another\.example.*server_name/);
  });

  it('a server that does not speak TLS is named as that, in one line', async () => {
    const plain = createSocketServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-none\r\n'));
    await new Promise<void>((done) => void plain.listen(0, '127.0.0.1', done));
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const failure = await failureOf((await to.sinkOf({ url, tls: { ca } })).write(alerts('a'), never));
    expect(failure.message).toBe(`${url}: wrong version number: what answers there does not speak TLS`);
    plain.close();
  });

  it('files that cannot be read are said when it is opened; halves of a pair when it is planned', async () => {
    await expect(to.sinkOf({ url: 'https://x', tls: { ca: '/nowhere/ca.pem' } })).rejects.toThrow(/ENOENT.*ca\.pem/);
    expect(http.config.safeParse({ url: 'http://x', tls: { cert: 'c.pem' } }).success).toBe(false);
  });

  it('is not for http://, unless something else that it speaks to has it; an address may be a secret', async () => {
    vi.stubEnv('TEST_HTTP_URL', 'http://jane:hush@sink.example');
    const error = await to.sinkOf({ url: { env: 'TEST_HTTP_URL' }, tls: { ca } }).catch((reason) => reason);
    expect(error).toMatchObject({
      exit: 78,
      message: expect.stringMatching(/^What is sent by http:\/\/ .* in the clear/),
    });
    expect(String(error)).not.toMatch(/hush|example/);
    vi.unstubAllEnvs();
    const clear = (keys: object) =>
      diagnosticsOf({ url: 'http://x', tls: { server_name: 'x' }, ...keys })
        .filter(({ severity }) => severity === 'error')
        .map(({ code }) => code);
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
    const sink = await to.sinkOf({ url: server.url, tls: { ca }, proxy: address });
    await sink.write(alerts('a'), never);
    await sink.close();
    proxy.close();
    proxy.closeAllConnections();
    expect(asked).toEqual([[`localhost:${server.port}`, `Basic ${Buffer.from('me:pw').toString('base64')}`]]);
    expect(server.bodies.map(ruleIn)).toEqual(['a']);
  });
});

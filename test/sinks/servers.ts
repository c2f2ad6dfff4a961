/** Real servers on loopback that remember what they got, and certificates made at the time of the test. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { scratch } from '../scratch.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The common name of the certificate that the client showed. */
  readonly client: string | undefined;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Answers each request with what `answer` says; 200 by default. */
export class Receiver {
  readonly got: Received[] = [];
  answer: (request: Received) => Answer | Promise<Answer> = () => ({});
  /** Requests that were under way at once, at most. */
  most = 0;
  #open = 0;
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
    server.on('request', (request, response) => void this.#handle(request, response));
  }

  static async start(tls?: ServerOptions): Promise<Receiver> {
    const receiver = new Receiver(tls ? createTlsServer(tls) : createServer(), tls ? 'https' : 'http');
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Its address, without a path. */
  get url(): string {
    return `${this.#scheme}://localhost:${this.port}`;
  }

  get bodies(): string[] {
    return this.got.map(({ body }) => body);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.most = Math.max(this.most, ++this.#open);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString();
    const socket = request.socket as Partial<TLSSocket>;
    const client = socket.getPeerCertificate?.()?.subject?.CN as string | undefined;
    const got = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body, client };
    this.got.push(got);
    const { status = 200, headers = {}, body: text = '' } = await this.answer(got);
    this.#open--;
    response.writeHead(status, headers).end(text);
  }
}

export interface Certificates {
  readonly folder: string;
  /** Paths of PEM files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** For a server that `localhost` reaches; with `ask` it wants a certificate of the client. */
  server(ask?: boolean): ServerOptions;
}

/** An authority of the test's own, a certificate for localhost and one for a client. */
export function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1'): Certificates {
  const folder = scratch();
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority');
  writeFileSync(path('server.ext'), `subjectAltName=${names}\n`);
  for (const [name, subject] of [
    ['server', '/CN=localhost'],
    ['client', '/CN=sensor-1'],
  ] as const) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    const extension = name === 'server' ? ['-extfile', 'server.ext'] : [];
    const from = ['-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl('x509', '-req', ...from, '-out', `${name}.pem`, '-days', '2', ...extension);
  }
  return {
    folder,
    ca: path('ca.pem'),
    cert: path('server.pem'),
    key: path('server.key'),
    clientCert: path('client.pem'),
    clientKey: path('client.key'),
    server: (ask = false) => ({
      cert: readFileSync(path('server.pem')),
      key: readFileSync(path('server.key')),
      ...(ask ? { ca: readFileSync(path('ca.pem')), requestCert: true, rejectUnauthorized: true } : {}),
    }),
  };
}

/** Resolves when `test` holds; looks again whenever the loop turns. Fails after ten seconds. */
export async function until(test: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await test())) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await new Promise((done) => setTimeout(done, 5));
  }
}

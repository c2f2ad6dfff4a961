/** The HTTP server of sources that others send events to: who may, how much at once, and what is answered. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { readText } from '../../core/files/read-once.ts';
import { addressOf } from '../../core/net/address.ts';
import { wholeBody } from '../../core/net/whole-body.ts';
import { ownError } from './own-error.ts';
import type { ServerConfig } from './server-keys.ts';

const unzip = promisify(gunzip);

/** Bytes of bodies that are held at once, of all requests together; at least one body always fits. */
const HELD = 64 * 1024 * 1024;
/** Connections at once. */
const CONNECTIONS = 256;
/** Files of certificates are looked at this often, in ms. */
const LOOK = 60_000;
/** At the end answers have this many ms to leave. */
const LAST = 500;
/** Seconds after which one who was turned away may come again. */
const AGAIN = '5';

const GARBLED: Readonly<Record<string, readonly [status: string, reason: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'slow_request'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'large_headers'],
};

export interface Request {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Not compressed any more. */
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** A request that is not taken, with what is said to the client. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stable word for it, under which it is counted and reported. */
  readonly reason: string;
  /** What it brought is lost: the sender will hardly offer it again. */
  readonly loses: boolean;

  constructor(
    status: number,
    reason: string,
    message: string,
    { loses = false, headers = {} }: { loses?: boolean; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.loses = loses;
    this.headers = headers;
  }
}

/** There is no room now: the sender keeps its events, and comes again. */
export function busy(reason: string, message: string): Refusal {
  return new Refusal(503, reason, message, { headers: { 'retry-after': AGAIN } });
}

/** What a request holds of the memory that all have together. */
interface Share {
  bytes: number;
}

export interface HttpServerOptions {
  readonly config: ServerConfig;
  readonly ctx: Pick<SourceContext, 'log' | 'report' | 'metrics' | 'resolve'>;
  /** The methods that `handle` knows. */
  readonly methods: readonly string[];
  /** Answers a request; throws a Refusal where it cannot. `signal` is aborted when its time is over. */
  readonly handle: (request: Request, signal: AbortSignal) => Promise<Answer>;
  /** The server has failed. */
  readonly failed: (error: Error) => void;
}

/** Listens until `close`. Fails with a plain error when the address cannot be had: it may be free again. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  #watch: NodeJS.Timeout | undefined;
  #held = 0;
  #inflating: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { config, failed } = options;
    const limits = {
      requestTimeout: config.timeout,
      headersTimeout: config.timeout,
      connectionsCheckingInterval: Math.min(config.timeout, 1000),
    };
    try {
      config.bearer_token?.read(options.ctx.resolve);
    } catch (error) {
      throw ownError(error);
    }
    this.#server = config.tls ? this.#secure(limits) : createServer(limits);
    this.#server.maxConnections = CONNECTIONS;
    this.#server.on('request', (request, response) => void this.#serve(request, response));
    // It expects to be told to go on: the one who is refused need not send at all.
    this.#server.on('checkContinue', (request, response) => void this.#serve(request, response, true));
    this.#server.on('clientError', (error, socket) => this.#garbled(error, socket));
    this.#server.on('drop', () => this.#note('connections', `more than ${CONNECTIONS} connections: one was closed`));
    this.#server.on('error', (error) => failed(new Error(`cannot listen at ${config.listen}: ${messageOf(error)}`)));
    const { host, port } = addressOf(config.listen);
    const scheme = config.tls ? 'https' : 'http';
    this.#server.listen({ host, port }, () => {
      options.ctx.log.info(
        `listening at ${scheme}://${config.listen.replace(/\d+$/, String(this.port))}${config.path}`,
      );
    });
  }

  /** The port, once it listens. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  /** Takes no more requests. Those under way are answered when their events settle, or their time is over. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#watch);
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  /** After `close`: resolves when all is answered. What has not settled when `settling` is aborted is not waited for. */
  finish(settling: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      // What has settled just now is still answered.
      const end = () => setTimeout(() => this.#server.closeAllConnections(), LAST).unref();
      if (settling.aborted) end();
      else settling.addEventListener('abort', end, { once: true });
      // It calls back with an error where it never listened: then there is nothing to wait for.
      this.#server.close(() => resolve());
    });
  }

  #secure(limits: object): Server {
    const { ctx } = this.#options;
    let files = this.#files();
    const requestCert = files.context.ca !== undefined;
    let server: TlsServer;
    try {
      server = createTlsServer({ ...limits, ...files.context, requestCert });
    } catch (cause) {
      throw new SourceError(`the certificate or its key cannot be used: ${messageOf(cause)}`, {
        exit: exitCode.config,
        cause,
      });
    }
    server.on('tlsClientError', (error) => this.#note('tls', `a client was turned away: ${messageOf(error)}`));
    this.#watch = setInterval(() => {
      try {
        if (this.#stamp() === files.stamp) return;
        files = this.#files();
        server.setSecureContext(files.context);
      } catch (error) {
        ctx.report('error', { reason: 'tls_files', message: `the old certificate stays: ${messageOf(error)}` });
      }
    }, LOOK);
    this.#watch.unref();
    return server;
  }

  #files() {
    const { tls } = this.#options.config;
    const { resolve } = this.#options.ctx;
    try {
      const stamp = this.#stamp();
      const text = (path = '') => readText(resolve(path));
      const { cert, key, client_ca: ca } = tls ?? {};
      return { stamp, context: { cert: text(cert), key: text(key), ...(ca ? { ca: text(ca) } : {}) } };
    } catch (cause) {
      throw new SourceError(`a file of TLS cannot be read: ${messageOf(cause)}`, { exit: exitCode.config, cause });
    }
  }

  #stamp(): string {
    const { resolve } = this.#options.ctx;
    const files = Object.values(this.#options.config.tls ?? {}).filter((file) => file !== undefined);
    return JSON.stringify(files.map((file) => statSync(resolve(file)).mtimeMs));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, expects = false): Promise<void> {
    const { config, ctx, handle } = this.#options;
    const signal = AbortSignal.timeout(config.timeout);
    try {
      const share: Share = { bytes: 0 };
      this.#hold(share, this.#admit(request));
      if (expects) response.writeContinue();
      try {
        const body = await this.#body(request, share);
        if (signal.aborted) throw busy('timeout', 'it took too long to send');
        const { method = '', headers } = request;
        this.#answer(response, await inTime(handle({ method, headers, body }, signal), signal));
      } finally {
        this.#hold(share, 0);
      }
    } catch (error) {
      // The client has gone: it knows that nothing was taken.
      if (request.errored && !(error instanceof Refusal)) ctx.metrics.add('refused', 'gone', 1);
      else this.#refuse(request, response, error);
    }
  }

  /** Looks at the head of a request. Returns how many bytes its body has, at most. */
  #admit(request: IncomingMessage): number {
    const { config, methods } = this.#options;
    if (this.#closed) throw busy('stopping', 'falco-pipe stops');
    const [path] = (request.url ?? '').split('?');
    if (path !== config.path) throw new Refusal(404, 'path', `there is only ${config.path} here`);
    this.#authorize(request);
    if (!methods.includes(request.method ?? '')) {
      const headers = { allow: methods.join(', ') };
      throw new Refusal(405, 'method', `requests are sent with ${methods.join(' or ')}`, { headers });
    }
    const told = Number(request.headers['content-length'] ?? config.max_body);
    if (told > config.max_body) throw this.#tooLarge();
    return told;
  }

  /** From now on a request holds so many bytes; refused where that is too much beside the others. */
  #hold(share: Share, bytes: number): void {
    const others = this.#held - share.bytes;
    if (bytes > share.bytes && others > 0 && others + bytes > HELD) {
      throw busy('memory', `${HELD / 1024 / 1024} MiB of requests are being read already`);
    }
    this.#held = others + bytes;
    share.bytes = bytes;
  }

  #authorize({ headers }: IncomingMessage): void {
    const { config, ctx } = this.#options;
    if (!config.bearer_token) return;
    const [, given = ''] = /^bearer +(.*)$/i.exec(headers.authorization ?? '') ?? [];
    let token: string;
    try {
      token = config.bearer_token.read(ctx.resolve);
    } catch (error) {
      // It is being rotated, perhaps. Where it should be is nobody's business.
      ctx.report('error', { reason: 'secret', message: messageOf(error) });
      throw busy('secret', 'the token cannot be looked up now');
    }
    if (sameText(given, token)) return;
    const message = given === '' ? 'a bearer token is missing' : 'the bearer token is wrong';
    throw new Refusal(401, 'unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } });
  }

  async #body(request: IncomingMessage, share: Share): Promise<Buffer> {
    const { max_body: most } = this.#options.config;
    // One that is too slow is ended by Node (requestTimeout).
    // Who sends too much is told so: its connection has to last that long.
    const pieces = request.iterator({ destroyOnReturn: false });
    const body = await wholeBody(pieces, most, () => this.#tooLarge());
    this.#hold(share, body.length);
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (encoding === 'identity') return body;
    if (encoding !== 'gzip') {
      throw new Refusal(415, 'encoding', `bodies may be compressed with gzip, not ${encoding.slice(0, 40)}`, {
        loses: true,
      });
    }
    const inflated = this.#inflating.then(() => this.#inflate(body, share));
    this.#inflating = inflated.catch(() => {});
    return inflated;
  }

  // One after the other: how large it becomes is known only then, so that there has to be room for the largest.
  async #inflate(body: Buffer, share: Share): Promise<Buffer> {
    const { max_body: most } = this.#options.config;
    this.#hold(share, share.bytes + most);
    const plain = await unzip(body, { maxOutputLength: most }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_BUFFER_TOO_LARGE') throw this.#tooLarge();
      throw new Refusal(400, 'bad_body', `the body is no gzip: ${messageOf(error)}`, { loses: true });
    });
    this.#hold(share, plain.length);
    return plain;
  }

  #tooLarge(): Refusal {
    const message = `a body may have ${this.#options.config.max_body} bytes (max_body)`;
    return new Refusal(413, 'body_too_large', message, { loses: true });
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { ctx } = this.#options;
    if (!(error instanceof Refusal)) {
      ctx.report('error', { reason: 'failed', message: `a request failed: ${messageOf(error)}` });
      this.#refuse(request, response, busy('failed', 'the request failed; the log says why'));
      return;
    }
    const { status, reason, headers, message, loses } = error;
    const from = request.socket?.remoteAddress ?? 'a client';
    ctx.metrics.add('refused', reason, 1);
    if (loses) ctx.report('drop', { reason, count: 1, message: `a request of ${from} was refused: ${message}` });
    else if (status !== 503) ctx.report('error', { reason, message: `a request of ${from} was refused: ${message}` });
    else ctx.report('health', { reason, message: `${from} is asked to come again: ${message}` });
    // What is left of its body is of no use, but it hears of that only when it is read.
    const rest = request.complete ? {} : { connection: 'close' };
    this.#answer(response, { status, headers: { ...headers, ...rest }, body: { error: message } });
    if (request.complete) return;
    request.resume();
    response.once('finish', () => setTimeout(() => request.destroy(), LAST).unref());
  }

  #answer(response: ServerResponse, { status, headers, body }: Answer): void {
    if (response.headersSent || response.destroyed) return;
    if (this.#closed) response.setHeader('connection', 'close');
    response.writeHead(status, { ...(body ? { 'content-type': 'application/json' } : {}), ...headers });
    response.end(body && `${JSON.stringify(body)}\n`);
  }

  #garbled({ code = '', message }: NodeJS.ErrnoException, socket: Duplex): void {
    if (code === 'ECONNRESET' || !socket.writable) return;
    const [status, reason] = GARBLED[code] ?? ['400 Bad Request', 'bad_request'];
    this.#note(reason, `a request was refused: ${message}`);
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }

  #note(reason: string, message: string): void {
    this.#options.ctx.metrics.add('refused', reason, 1);
    this.#options.ctx.report('error', { reason, message });
  }
}

/** Whether two texts are the same; how long it takes tells nothing of them. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(busy('timeout', 'its events have not settled in time; they are still under way'));
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}

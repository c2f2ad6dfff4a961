/** Requests to Cloud Director: answers that are not too large, and what to make of those that are errors. */

import type { SourceContext } from '../../core/component.ts';
import { retryAfter } from '../../core/failure/retry.ts';
import { proxyDispatcher, proxyOf, saidOf } from '../../core/net/proxy.ts';
import { connectionError, readTls } from '../../core/net/tls.ts';
import { wholeBody } from '../../core/net/whole-body.ts';
import { isObject } from '../../events/cloud/document.ts';
import { readJson } from '../../events/exact-json.ts';
import type { Dispatcher, Pool } from '../shared/undici.ts';
import type { Config } from './config.ts';

/** The largest answer that is read, in bytes: a page of 128 items. */
const LARGEST = 32 * 1024 * 1024;
/** ms that a request may take. */
const TIMEOUT = 60_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined where it is none. */
  readonly body: unknown;
  /** The proxy by which it came in the clear, and which may have given it itself. */
  readonly proxy?: string;
}

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** It may be answered later; not before `wait` ms, where the service says so. */
export class Unavailable extends Error {
  readonly wait: number;
  constructor(message: string, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

/** The answer is larger than may be. */
export class TooLarge extends Error {}

export class Http {
  readonly origin: string;
  readonly #undici: typeof import('../shared/undici.ts');
  readonly #dispatcher: Dispatcher;
  readonly #now: () => number;

  private constructor(config: Config, ctx: SourceContext, undici: typeof import('../shared/undici.ts')) {
    this.origin = config.url.replace(/\/$/, '');
    this.#undici = undici;
    const files = () => readTls(config.tls, ctx.resolve);
    const atFirst = files();
    const direct: Pool.Options = {
      connections: 2,
      // Read for each connection: certificates are rotated.
      connect(options, done) {
        try {
          undici.buildConnector(files())(options, done);
        } catch (error) {
          done(error as Error, null);
        }
      },
    };
    // Through a proxy they are read once.
    this.#dispatcher = proxyDispatcher(undici, { ...direct, requestTls: atFirst }) ?? new undici.Agent(direct);
    this.#now = () => ctx.now();
  }

  /** Rejects with a UserError (exit 78) for a file of TLS that cannot be read. */
  static async open(config: Config, ctx: SourceContext): Promise<Http> {
    return new Http(config, ctx, await import('../shared/undici.ts'));
  }

  /** Resolves with any answer but those that ask to come again; rejects with Unavailable for these, or without an answer. */
  async ask({ method = 'GET', path, query = {}, headers, body }: Asked, signal?: AbortSignal): Promise<Answer> {
    const url = new URL(path, this.origin);
    // What filters need is encoded whole: a plus would be a blank.
    const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    url.search = search.join('&');
    const proxy = proxyOf(url);
    const limit = AbortSignal.timeout(TIMEOUT);
    let answer: Answer;
    try {
      const response = await this.#undici.request(url, {
        method,
        headers,
        dispatcher: this.#dispatcher,
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        ...(body === undefined ? {} : { body }),
      });
      const given = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
      const text = await read(response.body);
      answer = { status: response.statusCode, headers: Object.fromEntries(given), body: readJson(text) };
      if (proxy !== undefined && url.protocol === 'http:') answer = { ...answer, proxy };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TooLarge) throw error;
      throw new Unavailable(`no answer from ${url.host}: ${saidOf(connectionError(error), proxy)}`);
    }
    const { status } = answer;
    if (status !== 408 && status !== 429 && status < 500) return answer;
    throw new Unavailable(
      `${url.host} answered ${told(answer)}`,
      retryAfter(answer.headers['retry-after'], this.#now()),
    );
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }
}

/** An error for people: the status, and what the service says of it. */
export function told({ status, body, proxy }: Answer): string {
  const said = isObject(body) ? (body.message ?? body.error_description ?? body.error) : undefined;
  const whose = proxy === undefined ? '' : ` (perhaps of the proxy ${proxy})`;
  return `status ${status}${typeof said === 'string' ? `: ${said.replace(/\s+/g, ' ').slice(0, 200)}` : ''}${whose}`;
}

async function read(body: AsyncIterable<Buffer>): Promise<string> {
  const tooLarge = () => new TooLarge(`an answer is larger than ${LARGEST / 1024 / 1024} MiB`);
  return (await wholeBody(body, LARGEST, tooLarge)).toString();
}

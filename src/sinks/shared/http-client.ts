/** Requests of the sink `http`: undici with TLS of one's own, a proxy, credentials; loaded when the sink is opened. */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { proxyAddress, proxyDispatcher, proxyOf, saidOf } from '../../core/net/proxy.ts';
import { connectionError, readTls, type TlsConfig } from '../../core/net/tls.ts';
import { wholeBody } from '../../core/net/whole-body.ts';
import { packageVersion } from '../../core/package.ts';
import { reveal, type Secret, withoutSecrets } from '../../core/secret.ts';
import type { HttpResponse } from '../formats/format.ts';
import { OAuth, type OAuthConfig } from './oauth.ts';
import type { Dispatcher } from './undici.ts';

const compress = promisify(gzip);

const LONGEST = 4 * 1024 * 1024; // bytes of an answer that are read; a bulk answer has about 100 an event

export interface ClientConfig {
  readonly method: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string | Secret>>;
  readonly bearer_token?: Secret | undefined;
  readonly basic?: { readonly user: string; readonly password: Secret } | undefined;
  readonly oauth?: OAuthConfig | undefined;
  readonly gzip: boolean;
  readonly concurrency: number;
  readonly tls?: TlsConfig | undefined;
  readonly proxy?: string | Secret | undefined;
}

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class HttpClient {
  readonly #config: ClientConfig;
  readonly #resolve: (path: string) => string;
  readonly #undici: typeof import('./undici.ts');
  readonly #oauth: OAuth | undefined;
  #dispatcher: Dispatcher;
  // Of its own, without a user and password.
  #proxy: string | undefined;
  // What was sent and is nobody's to see; servers like to repeat it in their errors.
  #secrets = new Set<string>();

  private constructor(config: ClientConfig, resolve: (path: string) => string, undici: typeof import('./undici.ts')) {
    this.#config = config;
    this.#resolve = resolve;
    this.#undici = undici;
    this.#dispatcher = this.#connect();
    this.#oauth = config.oauth && new OAuth(config.oauth, (request, signal) => this.#send(request, 'POST', signal));
    this.#headers({}); // a secret that is missing is said at once
    if (config.oauth) this.reveal(config.oauth.client_secret);
  }

  /** Throws a UserError when a file or a secret is missing. */
  static async open(config: ClientConfig, resolve: (path: string) => string): Promise<HttpClient> {
    return new HttpClient(config, resolve, await import('./undici.ts'));
  }

  /**
   * Sends a request and reads the answer, whatever its status. Rejects when there is none. No secret is quoted by either.
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { gzip: compressed, method } = this.#config;
    const body = compressed ? await compress(request.body) : request.body;
    const headers = { ...request.headers, ...(compressed ? { 'content-encoding': 'gzip' } : {}) };
    const authorized = async () => ({ ...this.#headers(headers), ...(await this.#authorization(signal)) });
    const response = await this.#send({ url: request.url, headers: await authorized(), body }, method, signal);
    // A token may end before its time: once with a new one.
    if (response.status !== 401 || !this.#oauth) return this.#cleaned(response);
    this.#oauth.forget();
    return this.#cleaned(await this.#send({ url: request.url, headers: await authorized(), body }, method, signal));
  }

  /** Reads certificates again; requests under way end on the old connections. */
  async reopen(): Promise<void> {
    const old = this.#dispatcher;
    this.#dispatcher = this.#connect();
    void old.close().catch(() => {});
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  #cleaned({ headers, body, ...more }: HttpResponse): HttpResponse {
    const clean = Object.entries(headers).map(([name, value]) => [name, this.#clean(value)]);
    return { ...more, headers: Object.fromEntries(clean), body: this.#clean(body) };
  }

  #clean(text: string): string {
    return withoutSecrets(text, this.#secrets);
  }

  #connect(): Dispatcher {
    const { tls, proxy, concurrency } = this.#config;
    const files = readTls(tls, this.#resolve);
    // The sink's own time-out covers the whole write.
    const pool = { connections: concurrency, headersTimeout: 0, bodyTimeout: 0 };
    const { ca } = files;
    const tunnel = { requestTls: files, proxyTls: ca === undefined ? {} : { ca } };
    if (proxy !== undefined) {
      const uri = proxyAddress(this.reveal(proxy), 'its proxy');
      this.#proxy = new URL(uri).origin;
      return new this.#undici.ProxyAgent({ ...pool, ...tunnel, uri });
    }
    const direct = { ...pool, connect: { ...files, timeout: 0 } };
    return proxyDispatcher(this.#undici, { ...direct, ...tunnel }) ?? new this.#undici.Agent(direct);
  }

  /** The text of what may be a secret, which no answer or error quotes from then on. Throws as Secret.read does. */
  reveal(value: string | Secret): string {
    const text = reveal(value, this.#resolve);
    if (typeof value !== 'string') this.#secrets.add(text);
    return text;
  }

  #headers(of: Readonly<Record<string, string>>): Record<string, string> {
    const { headers, bearer_token: token, basic } = this.#config;
    const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), this.reveal(value)] as const);
    const all: Record<string, string> = {
      'user-agent': `falco-pipe/${packageVersion}`,
      ...of,
      ...Object.fromEntries(own),
    };
    if (token) all.authorization = `Bearer ${this.reveal(token)}`;
    if (basic) {
      const encoded = Buffer.from(`${basic.user}:${this.reveal(basic.password)}`).toString('base64');
      this.#secrets.add(encoded);
      all.authorization = `Basic ${encoded}`;
    }
    return all;
  }

  async #authorization(signal: AbortSignal): Promise<Record<string, string>> {
    if (!this.#oauth) return {};
    const secret = this.reveal((this.#config.oauth as OAuthConfig).client_secret);
    const token = await this.#oauth.token(secret, signal);
    this.#secrets.add(token);
    return { authorization: `Bearer ${token}` };
  }

  async #send(
    { url, headers, body }: Omit<HttpRequest, 'body'> & { readonly body: string | Buffer },
    method: 'POST' | 'PUT',
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const proxy = this.#proxy ?? proxyOf(url);
    try {
      const response = await this.#undici.request(url, { method, headers, body, signal, dispatcher: this.#dispatcher });
      const given = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
      const answer = {
        status: response.statusCode,
        headers: Object.fromEntries(given),
        body: await read(response.body),
      };
      // What comes in a tunnel is the server's.
      return proxy === undefined || url.protocol === 'https:' ? answer : { ...answer, proxy };
    } catch (error) {
      signal.throwIfAborted();
      const what = `${url.origin}: ${saidOf(this.#clean(connectionError(error)), proxy)}`;
      throw new Error(what, { cause: error });
    }
  }
}

async function read(body: AsyncIterable<Buffer>): Promise<string> {
  const tooLong = () => new Error(`the answer is longer than ${LONGEST / 1024 / 1024} MiB`);
  return (await wholeBody(body, LONGEST, tooLong)).toString();
}

/** Access to Cloud Director: a session of a user, or a token that an API token is exchanged for. */

import { renameSync, writeFileSync } from 'node:fs';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { isObject } from '../../events/cloud/document.ts';
import type { Config } from './config.ts';
import { type Answer, type Asked, type Http, told, Unavailable } from './http.ts';

const SESSIONS = '/cloudapi/1.0.0/sessions';
const CURRENT = `${SESSIONS}/current`;
/** Part of its life after which a token is replaced. */
const LIFE = 0.8;

/** Who we are there; ids without `urn:vcloud:…:`. */
export interface Identity {
  readonly session: string | undefined;
  readonly org: string | undefined;
  readonly user: string | undefined;
}

export class Session {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #http: Http;
  #token: { readonly value: string; readonly until: number } | undefined;
  #asking: Promise<string> | undefined;
  #rotated: string | undefined;
  /** Of the last login. */
  identity: Identity = { session: undefined, org: undefined, user: undefined };
  /** Ids of our own sessions, whose events are nobody's concern. */
  readonly own = new Set<string>();

  constructor(config: Config, ctx: SourceContext, http: Http) {
    this.#config = config;
    this.#ctx = ctx;
    this.#http = http;
  }

  /** A token that is good now. Rejects with a SourceError when we are refused, with Unavailable when nobody answers. */
  token(): Promise<string> {
    if (this.#token && this.#ctx.now() < this.#token.until) return Promise.resolve(this.#token.value);
    this.#asking ??= this.#login().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** It is not good any more, whatever was said: the next one is asked for. */
  forget(token: string): void {
    if (this.#token?.value === token) this.#token = undefined;
  }

  /** GETs with a token; one that has ended is replaced once. Rejects as `token` does, also when we may not read that. */
  async get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const token = await this.token();
      const headers = { accept: this.#accept('application/json'), authorization: `Bearer ${token}` };
      const answer = await this.#http.ask({ path, query, headers }, signal);
      if (answer.status < 300) return answer;
      if (answer.status === 401 && attempt === 1) this.forget(token);
      else throw this.#refused(`reading ${path}`, answer);
    }
  }

  /** Ends a session that was begun with a password. */
  async close(): Promise<void> {
    const token = this.#token;
    if (!token || this.#config.api_token) return;
    const headers = { accept: this.#accept('application/json'), authorization: `Bearer ${token.value}` };
    await this.#http.ask({ method: 'DELETE', path: CURRENT, headers }, AbortSignal.timeout(2000));
  }

  #accept(type: string): string {
    return `${type};version=${this.#config.api_version}`;
  }

  async #login(): Promise<string> {
    const { value, lasts } = this.#config.api_token ? await this.#exchange() : await this.#begin();
    this.#token = { value, until: lasts === undefined ? Number.POSITIVE_INFINITY : this.#ctx.now() + lasts * LIFE };
    return value;
  }

  async #begin(): Promise<Grant> {
    const { user, password, org } = this.#config;
    const name = `${user}@${org ?? 'System'}:${password?.read(this.#ctx.resolve)}`;
    const answer = await this.#http.ask({
      method: 'POST',
      path: org === undefined ? `${SESSIONS}/provider` : SESSIONS,
      headers: {
        accept: this.#accept('application/json'),
        authorization: `Basic ${Buffer.from(name).toString('base64')}`,
      },
    });
    const value = answer.headers['x-vmware-vcloud-access-token'];
    if (answer.status >= 300 || !value) throw this.#refused('the login', answer);
    this.#identify(answer.body);
    // It ends when it is idle for long; that is told by 401.
    return { value, lasts: undefined };
  }

  async #exchange(): Promise<Grant> {
    const { org } = this.#config;
    const given = this.#rotated ?? (this.#config.api_token as Stored).read(this.#ctx.resolve);
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: given });
    const asked: Asked = {
      method: 'POST',
      path: org === undefined ? '/oauth/provider/token' : `/oauth/tenant/${encodeURIComponent(org)}/token`,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    };
    const answer = await this.#http.ask(asked);
    const { access_token: value, expires_in: seconds, refresh_token: next } = isObject(answer.body) ? answer.body : {};
    if (answer.status >= 300 || typeof value !== 'string') throw this.#refused('the exchange of the API token', answer);
    if (typeof next === 'string' && next !== given) this.#keep(next);
    const headers = { accept: this.#accept('application/json'), authorization: `Bearer ${value}` };
    const current = await this.#http.ask({ path: CURRENT, headers });
    if (current.status < 300) this.#identify(current.body);
    return { value, lasts: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined };
  }

  // The old one is not good any more: without this one the next start would be refused.
  #keep(next: string): void {
    this.#rotated = next;
    const where = (this.#config.api_token as Stored).toJSON();
    const report = (why: string) => {
      const message = `the API token has changed, and the next start needs the new one, but ${why}`;
      this.#ctx.report('error', { reason: 'token_not_kept', message });
    };
    if (!('file' in where)) {
      report('it stands in an environment variable: name a file, api_token: { file: PATH }');
      return;
    }
    try {
      const path = this.#ctx.resolve(where.file);
      // On disk before it takes the place of the one that was.
      writeFileSync(`${path}.new`, next, { mode: 0o600, flush: true });
      renameSync(`${path}.new`, path);
    } catch (error) {
      report(messageOf(error));
    }
  }

  #identify(session: unknown): void {
    if (!isObject(session)) return;
    const id = (value: unknown) => (typeof value === 'string' ? value.split(':').at(-1) : undefined);
    const of = (value: unknown) => (isObject(value) ? id(value.id) : undefined);
    this.identity = { session: id(session.id), org: of(session.org), user: of(session.user) };
    if (this.identity.session) this.own.add(this.identity.session);
  }

  #refused(what: string, answer: Answer): Error {
    const message = `${what} was refused by ${new URL(this.#http.origin).host}: ${told(answer)}`;
    // An answer that should have been good, and was none.
    if (answer.status < 300) return new Unavailable(`${what}: the answer of ${this.#http.origin} makes no sense`);
    // It may be another's word, which may change: only the service asks for another login.
    if (answer.proxy !== undefined && answer.status !== 401) return new Unavailable(message);
    return new SourceError(message, { exit: exitCode.noPermission });
  }
}

interface Grant {
  readonly value: string;
  /** ms; undefined: until it is refused. */
  readonly lasts: number | undefined;
}

type Stored = NonNullable<Config['api_token']>;

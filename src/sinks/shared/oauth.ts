/** OAuth 2 client credentials (RFC 6749 §4.4): a token that is asked for when it is needed and kept while it is good. */

import { z } from 'zod';
import { now } from '../../core/clock.ts';
import { type Secret, secret } from '../../core/secret.ts';
import type { HttpResponse } from '../formats/format.ts';

export const oauthKeys = z
  .strictObject({
    token_url: z
      .string()
      .regex(/^https?:\/\/./, 'an address begins with http:// or https://')
      .describe('Where tokens are asked for.'),
    client_id: z.string().min(1).describe('Who we are there.'),
    client_secret: secret().describe('The secret of that client.'),
    scope: z.string().optional().describe('What the token is to be good for, words separated by blanks.'),
    audience: z.string().optional().describe('Whom the token is for, where the server wants to know.'),
  })
  .describe('OAuth 2 client credentials.');

export interface OAuthConfig extends Omit<z.output<typeof oauthKeys>, 'client_secret'> {
  readonly client_secret: Secret;
}

type Send = (
  request: { readonly url: URL; readonly headers: Readonly<Record<string, string>>; readonly body: string },
  signal: AbortSignal,
) => Promise<HttpResponse>;

const EARLY = 30_000; // ms before its end at which a token is replaced
const UNSAID = 300; // seconds that a token is kept whose server does not say how long it is good

export class OAuth {
  readonly #config: OAuthConfig;
  readonly #send: Send;
  #token: { readonly value: string; readonly until: number } | undefined;
  // Requests side by side wait for one token.
  #asking: Promise<string> | undefined;

  constructor(config: OAuthConfig, send: Send) {
    this.#config = config;
    this.#send = send;
  }

  /** A token that is good now. Rejects with what the server said of the refusal. */
  token(clientSecret: string, signal: AbortSignal): Promise<string> {
    if (this.#token && now() < this.#token.until) return Promise.resolve(this.#token.value);
    this.#asking ??= this.#ask(clientSecret, signal).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The server did not take it: the next one is asked for. */
  forget(): void {
    this.#token = undefined;
  }

  async #ask(clientSecret: string, signal: AbortSignal): Promise<string> {
    const { token_url: url, client_id: id, scope, audience } = this.#config;
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope ? { scope } : {}) });
    if (audience) form.set('audience', audience);
    // RFC 6749 §2.3.1: both are form-encoded before they are joined.
    const encode = (text: string) => new URLSearchParams({ _: text }).toString().slice(2);
    const credentials = Buffer.from(`${encode(id)}:${encode(clientSecret)}`).toString('base64');
    const headers = {
      authorization: `Basic ${credentials}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    };
    const { status, body, proxy } = await this.#send({ url: new URL(url), headers, body: form.toString() }, signal);
    const answer = parsed(body);
    if (status !== 200 || typeof answer.access_token !== 'string') {
      const why = [answer.error, answer.error_description].filter((each) => typeof each === 'string').join(': ');
      const whose = proxy === undefined ? '' : ` (perhaps of the proxy ${proxy})`;
      throw new Error(`no token from ${new URL(url).origin}: status ${status}${whose}${why ? `, ${why}` : ''}`);
    }
    const lasts = Number(answer.expires_in ?? UNSAID) * 1000;
    // A token that is good for less than half a minute is used for half of its time.
    this.#token = { value: answer.access_token, until: now() + Math.max(lasts - EARLY, lasts / 2) };
    return answer.access_token;
  }
}

function parsed(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Fetches what lists come from over the web. */

import { messageOf } from '../../core/errors.ts';
import { wholeBody } from '../../core/net/whole-body.ts';
import { MOST_BYTES, MOST_TEXT } from './items-bounds.ts';
import type { ItemsFrom } from './items-from.ts';
import { sentHeaders } from './items-headers.ts';
import { NoAnswer } from './no-answer.ts';

/** What a server says of an answer, by which it knows later whether it would give another one (RFC 9110 §8.8). */
export interface Validators {
  readonly etag?: string;
  /** Its Last-Modified. */
  readonly modified?: string;
}

export interface Fetched {
  readonly content: Uint8Array;
  readonly validators?: Validators;
}

const TIMEOUT_MS = 30_000;
/** What fetch says of ports to which it never connects: https://fetch.spec.whatwg.org/#port-blocking. */
const BAD_PORT = /\bbad port$/;
const OTHER = 'have the server listen at another one';

/**
 * Fetches what a list comes from; undefined when it still is what `known` says.
 * @throws NoAnswer for what may pass: no connection, no answer within 30 s, a server that fails or is asked too often;
 * another Error for another status than 200, a port that is never asked, a web page, JSON, more than 128 MiB, a secret of its headers that is not there
 * @param get fetches, the way that there is
 */
export async function fetchItems(
  { address, headers: own }: Pick<ItemsFrom, 'address' | 'headers'>,
  known?: Validators,
  signal?: AbortSignal,
  get: typeof fetch = fetch,
): Promise<Fetched | undefined> {
  const headers = { 'user-agent': 'falco-pipe', ...sentHeaders(own), ...conditions(known) };
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const all = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    // What is meant for one server is not carried to another.
    const redirect = own === undefined ? 'follow' : 'manual';
    const response = await get(address, { headers, signal: all, redirect });
    if (response.status === 304 && known !== undefined) return undefined;
    if (response.status !== 200) {
      await response.body?.cancel();
      throw statusError(response.status, own !== undefined);
    }
    const other = otherForm(response.headers.get('content-type') ?? '');
    if (other !== undefined) {
      await response.body?.cancel();
      throw new Unfit(`the answer is ${other}, no list`);
    }
    const content = await wholeBody(response.body ?? [], MOST_BYTES, tooLarge);
    const validators = validatorsIn(response.headers);
    return { content, ...(validators === undefined ? {} : { validators }) };
  } catch (error) {
    if (error instanceof Unfit || error instanceof NoAnswer) throw error;
    if (timeout.aborted) throw new NoAnswer(`no whole answer within ${TIMEOUT_MS / 1000} s`, { cause: error });
    // What fetch says is "fetch failed"; why is in its cause.
    const cause = error instanceof Error ? error.cause : undefined;
    const why = messageOf(cause ?? error);
    if (BAD_PORT.test(why)) throw new Unfit(`its port is that of another protocol, and never asked by HTTP: ${OTHER}`);
    throw new NoAnswer(why, { cause: error });
  }
}

function conditions({ etag, modified }: Validators = {}): Record<string, string> {
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(modified === undefined ? {} : { 'if-modified-since': modified }),
  };
}

function validatorsIn(headers: Headers): Validators | undefined {
  const etag = headers.get('etag');
  const modified = headers.get('last-modified');
  // What has changed in the second in which it was sent may change once more in it (§8.8.2.2).
  const isOld = modified !== null && Date.parse(headers.get('date') ?? '') - Date.parse(modified) >= 1000;
  if (etag === null && !isOld) return undefined;
  return { ...(etag === null ? {} : { etag }), ...(isOld ? { modified } : {}) };
}

/** An answer that is no list; the next one will hardly be. */
class Unfit extends Error {}

function statusError(status: number, hasHeaders: boolean): Error {
  const message = `the answer has the status ${status}`;
  if (status >= 500 || [408, 425, 429].includes(status)) return new NoAnswer(message);
  if (!hasHeaders || status < 300 || status > 399) return new Unfit(message);
  return new Unfit(`${message}: with \`headers\`, which are for one server, redirects are not followed`);
}

/** What an answer of a type is that is no list: each line of a login page, or of an error, would be an item of texts. */
function otherForm(type: string): string | undefined {
  if (/^text\/html\b/i.test(type)) return 'a web page (text/html)';
  // What else ends in +json may be the list as it is: GitHub calls a raw file so.
  const [json] = /^application\/(?:problem\+)?json\b/i.exec(type) ?? [];
  return json === undefined ? undefined : `JSON (${json})`;
}

function tooLarge(): Error {
  return new Unfit(`the answer has ${MOST_TEXT}`);
}

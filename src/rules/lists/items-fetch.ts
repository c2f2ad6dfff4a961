/** Fetches what lists come from over the web. */

import { messageOf } from '../../core/errors.ts';
import { largeBody } from '../../core/net/whole-body.ts';
import { MOST_BYTES, MOST_TEXT } from './items-bounds.ts';
import type { ItemsFrom } from './items-from.ts';
import { isGzip, unpacked } from './items-gzip.ts';
import { sentHeaders } from './items-headers.ts';
import { ScanError } from './items-scan.ts';
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

/** An answer, as it was sent: what has a Content-Encoding is not unpacked. */
export interface Response {
  readonly status: number;
  /** Its last header of a name, which is in small letters. */
  readonly header: (name: string) => string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  /** Lets go of a body that nobody reads. */
  readonly discard: () => void;
}

/** Asks an address; rejects where there is no answer. */
export type Get = (
  address: string,
  options: {
    readonly headers: Record<string, string>;
    readonly signal: AbortSignal;
    /** Whether it goes where it is sent on to. */
    readonly redirects: boolean;
  },
) => Promise<Response>;

const TIMEOUT_MS = 30_000;

/**
 * Fetches what a list comes from; undefined when it still is what `known` says.
 * @param wait ms in which its answer has to begin
 * @throws NoAnswer for what may pass: no connection, no whole answer within 30 s, a server that fails or is asked too often;
 * ScanError for what is compressed and cannot be unpacked; another Error for another status than 200, a web page, JSON, more
 * than 128 MiB, a compression that was not asked for, a secret of its headers that is not there
 */
export async function fetchItems(
  { address, headers: own }: Pick<ItemsFrom, 'address' | 'headers'>,
  get: Get,
  known?: Validators,
  signal?: AbortSignal,
  wait = TIMEOUT_MS,
): Promise<Fetched | undefined> {
  const headers = { 'user-agent': 'falco-pipe', 'accept-encoding': 'gzip', ...sentHeaders(own), ...conditions(known) };
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const silence = new AbortController();
  const waiting = setTimeout(() => silence.abort(), wait);
  try {
    const all = AbortSignal.any([silence.signal, timeout, ...(signal === undefined ? [] : [signal])]);
    // What is meant for one server is not carried to another.
    const response = await get(address, { headers, signal: all, redirects: own === undefined });
    clearTimeout(waiting);
    const isSame = response.status === 304 && known !== undefined;
    const why = isSame ? undefined : refusal(response, own !== undefined);
    if (isSame || why !== undefined) {
      response.discard();
      if (why !== undefined) throw why;
      return undefined;
    }
    const content = await decoded(await largeBody(response.body, MOST_BYTES, tooLarge), response);
    const validators = validatorsIn(response);
    return { content, ...(validators === undefined ? {} : { validators }) };
  } catch (error) {
    if (error instanceof Unfit || error instanceof NoAnswer || error instanceof ScanError) throw error;
    if (silence.signal.aborted) throw new NoAnswer(`no answer within ${wait / 1000} s`, { cause: error });
    if (timeout.aborted) throw new NoAnswer(`no whole answer within ${TIMEOUT_MS / 1000} s`, { cause: error });
    throw new NoAnswer(messageOf(error), { cause: error });
  } finally {
    clearTimeout(waiting);
  }
}

function conditions({ etag, modified }: Validators = {}): Record<string, string> {
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(modified === undefined ? {} : { 'if-modified-since': modified }),
  };
}

function validatorsIn({ header }: Response): Validators | undefined {
  const etag = header('etag');
  const modified = header('last-modified');
  // What has changed in the second in which it was sent may change once more in it (§8.8.2.2).
  const isOld = modified !== undefined && Date.parse(header('date') ?? '') - Date.parse(modified) >= 1000;
  if (etag === undefined && !isOld) return undefined;
  return { ...(etag === undefined ? {} : { etag }), ...(isOld ? { modified } : {}) };
}

/** An answer that is no list; the next one will hardly be. */
class Unfit extends Error {}

/** Why an answer is none that could be read; undefined: it is. */
function refusal({ status, header }: Response, hasHeaders: boolean): Error | undefined {
  if (status !== 200) return statusError(status, hasHeaders);
  const other = otherForm(header('content-type') ?? '');
  return other === undefined ? undefined : new Unfit(`the answer is ${other}, no list`);
}

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

/** What was compressed for its way here; names of no compression, which some servers send, mean nothing. */
async function decoded(content: Uint8Array, { header }: Response): Promise<Uint8Array> {
  const [coding, ...more] =
    (header('content-encoding') ?? '').toLowerCase().match(/\b(?:gzip|deflate|br|zstd|compress)\b/g) ?? [];
  if (coding === undefined || content.length === 0) return content;
  if (coding !== 'gzip' || more.length > 0) {
    throw new Unfit(`the answer is compressed as was not asked for (${[coding, ...more].join(', ')})`);
  }
  if (!isGzip(content)) throw new Unfit('the answer is no gzip, which its server says that it is');
  return await unpacked(content);
}

function tooLarge(): Error {
  return new Unfit(`the answer has ${MOST_TEXT}`);
}

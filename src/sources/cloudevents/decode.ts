/** CloudEvents 1.0 over HTTP: the binary, the structured and the batched mode, read and validated. */

import type { IncomingHttpHeaders } from 'node:http';
import { messageOf } from '../../core/errors.ts';
import { evidence, isObject, type JsonObject } from '../../events/cloud/document.ts';
import { parseTimestamp } from '../../events/cloud/timestamp.ts';
import { parseJson } from '../../events/exact-json.ts';

/** One that came, its data parsed. */
export interface CloudEventMessage {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | undefined;
  /** ns since the epoch. */
  readonly time: bigint | undefined;
  readonly data: unknown;
}

export interface DecodedMessages {
  readonly messages: readonly CloudEventMessage[];
  /** What is none, and why. */
  readonly rejected: readonly { readonly text: string; readonly problem: string }[];
}

/** The request has no CloudEvents at all: a sentence, and whether its form is one that we do not know. */
export class NotCloudEvents extends Error {
  readonly unknownForm: boolean;
  constructor(message: string, unknownForm = false) {
    super(message);
    this.unknownForm = unknownForm;
  }
}

/** Makes them of a request. One of a batch that is broken costs itself alone. Throws a NotCloudEvents, nothing else. */
export function decodeMessages(headers: IncomingHttpHeaders, body: Buffer): DecodedMessages {
  const media = mediaType(headers['content-type']);
  if (media === 'application/cloudevents-batch+json') {
    const batch = parsedBody(body);
    if (!Array.isArray(batch)) throw new NotCloudEvents('a batch is a JSON array');
    return collect(batch.map((item) => [() => structured(item), () => evidence(item)]));
  }
  if (media === 'application/cloudevents+json') {
    const item = parsedBody(body);
    return collect([[() => structured(item), () => evidence(item)]]);
  }
  if (media.startsWith('application/cloudevents')) {
    throw new NotCloudEvents(`of the event formats only JSON is understood, not ${media.slice(0, 80)}`, true);
  }
  if (headers['ce-specversion'] === undefined) {
    const forms = 'headers that begin with ce-, or the Content-Type application/cloudevents+json or -batch+json';
    throw new NotCloudEvents(`a CloudEvent has ${forms}`, true);
  }
  return collect([[() => binary(headers, media, body), () => body.toString()]]);
}

/** A problem of one of them. */
class Invalid extends Error {}

type Attempt = readonly [read: () => CloudEventMessage, text: () => string];

function collect(attempts: readonly Attempt[]): DecodedMessages {
  const messages: CloudEventMessage[] = [];
  const rejected: { text: string; problem: string }[] = [];
  for (const [read, text] of attempts) {
    try {
      messages.push(read());
    } catch (error) {
      rejected.push({ text: text(), problem: messageOf(error) });
    }
  }
  return { messages, rejected };
}

/** Lower case, without parameters: `Application/JSON; charset=UTF-8` is application/json. */
function mediaType(header: string | undefined): string {
  return (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function isJson(media: string): boolean {
  return media === '' || /^[^/]+\/(.*\+)?json$/.test(media);
}

function parsedBody(body: Buffer): unknown {
  try {
    return parseJson(body.toString());
  } catch (error) {
    throw new NotCloudEvents(`the body is not JSON: ${messageOf(error)}`);
  }
}

function structured(item: unknown): CloudEventMessage {
  if (!isObject(item)) throw new Invalid('a CloudEvent is a JSON object');
  const { data, data_base64: base64, ...attributes } = item;
  checkAttributes(attributes);
  const media = mediaType(optional(attributes, 'datacontenttype'));
  if (base64 === undefined || base64 === null) {
    // JSON as text is JSON only where the type says that it is something else.
    return message(attributes, isJson(media) ? data : given(data, media));
  }
  if (data !== undefined) throw new Invalid('it has both `data` and `data_base64`');
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    throw new Invalid('`data_base64` is no base64');
  return message(attributes, content(Buffer.from(base64, 'base64'), media));
}

function binary(headers: IncomingHttpHeaders, media: string, body: Buffer): CloudEventMessage {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-')) attributes[name.slice(3)] = unescaped(String(value), name);
  }
  checkAttributes(attributes);
  return message(attributes, body.length === 0 ? undefined : content(body, media));
}

/** HTTP binding §3.1.3.2: quoted strings, and percent-encoded UTF-8. */
function unescaped(value: string, header: string): string {
  const quoted = /^"(.*)"$/s.exec(value);
  const plain = quoted ? (quoted[1] as string).replace(/\\(.)/gs, '$1') : value;
  try {
    return plain.replace(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent);
  } catch {
    throw new Invalid(`the header ${header} has percent-encoded bytes that are no UTF-8`);
  }
}

function content(bytes: Buffer, media: string): unknown {
  if (!isJson(media)) return given(bytes.toString(), media);
  try {
    return parseJson(bytes.toString());
  } catch (error) {
    throw new Invalid(`its data is not JSON: ${messageOf(error)}`);
  }
}

function given(data: unknown, media: string): unknown {
  if (media.startsWith('text/') || typeof data !== 'string') return data;
  throw new Invalid(`its data is ${media.slice(0, 80)}, and only JSON is understood`);
}

function checkAttributes(attributes: JsonObject): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (!/^[a-z0-9]+$/.test(name)) {
      throw new Invalid(`"${name.slice(0, 80)}" is no attribute: its name may have a-z and 0-9 only`);
    }
    const isFine =
      value === null ||
      typeof value === 'string' ||
      typeof value === 'boolean' ||
      (Number.isInteger(value) && Math.abs(value as number) <= 2 ** 31);
    if (!isFine) throw new Invalid(`the attribute ${name} is no text, no boolean and no integer`);
  }
}

function message(attributes: JsonObject, data: unknown): CloudEventMessage {
  const version = required(attributes, 'specversion');
  if (version !== '1.0') throw new Invalid(`its specversion is "${version.slice(0, 20)}", and only 1.0 is understood`);
  const time = optional(attributes, 'time');
  const at = time === undefined ? undefined : parseTimestamp(time);
  if (time !== undefined && at === undefined)
    throw new Invalid(`its time is "${time.slice(0, 40)}", not one of RFC 3339`);
  return {
    id: required(attributes, 'id'),
    source: required(attributes, 'source'),
    type: required(attributes, 'type'),
    subject: optional(attributes, 'subject'),
    time: at,
    data,
  };
}

function required(attributes: JsonObject, name: string): string {
  const value = optional(attributes, name);
  if (value === undefined) throw new Invalid(`it has no attribute \`${name}\``);
  return value;
}

function optional(attributes: JsonObject, name: string): string | undefined {
  const value = attributes[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new Invalid(`the attribute ${name} is no text`);
  if (value === '') throw new Invalid(`the attribute ${name} is empty`);
  return value;
}

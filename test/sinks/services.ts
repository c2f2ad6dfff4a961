/** What services answer to a request: each checks what the real one does, by its documentation (see the formats). */

import type { Answer, Received } from './servers.ts';

export const KEY = 'R0123456789ABCDEF0123456789ABCDE';

/** What a request is judged by. */
export type Request = Pick<Received, 'method' | 'path' | 'headers' | 'body'>;
type Json = Record<string, unknown>;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const json = (status: number, body: unknown): Answer => ({ status, body: JSON.stringify(body) });

/** Events API v2: 202, or 400 with every error. */
export function pagerduty({ method, path, headers, body }: Request): Answer {
  if (method !== 'POST' || path !== '/v2/enqueue') return { status: 404 };
  if (Buffer.byteLength(body) > 512_000) return { status: 413, body: 'Request Entity Too Large' };
  const event = parsed(body);
  const invalid = (errors: string[]) =>
    json(400, { status: 'invalid event', message: 'Event object is invalid', errors });
  if (!isMap(event) || headers['content-type'] !== 'application/json') return invalid(['JSON cannot be parsed']);
  const payload = isMap(event.payload) ? event.payload : {};
  const errors: string[] = [];
  const text = (of: Json, key: string, name: string, most = Number.POSITIVE_INFINITY) => {
    const value = of[key];
    if (typeof value !== 'string' || value.trim() === '') errors.push(`'${name}' is missing or blank`);
    else if (value.length > most) errors.push(`'${name}' is too long`);
  };
  text(event, 'routing_key', 'routing_key');
  if (String(event.routing_key).length !== 32)
    errors.push("Length of 'routing_key' is incorrect (should be 32 characters)");
  text(event, 'dedup_key', 'dedup_key', 255);
  if (event.event_action !== 'trigger') errors.push("'event_action' is invalid");
  text(payload, 'summary', 'payload.summary', 1024);
  text(payload, 'source', 'payload.source');
  if (!['critical', 'error', 'warning', 'info'].includes(String(payload.severity)))
    errors.push(
      "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
    );
  if (Number.isNaN(Date.parse(String(payload.timestamp)))) errors.push("'payload.timestamp' is invalid");
  if (!isMap(payload.custom_details)) errors.push("'payload.custom_details' is invalid");
  if (errors.length > 0) return invalid(errors);
  return json(202, { status: 'success', message: 'Event processed', dedup_key: event.dedup_key });
}

/** The trigger of a workflow, and what posting the card would say: 28 KB at most, elements of Adaptive Cards 1.2. */
export function teams({ method, headers, body }: Request): Answer {
  if (method !== 'POST') return { status: 404 };
  if (Buffer.byteLength(body) > 28_000) return { status: 413, body: 'RequestEntityTooLarge' };
  const message = parsed(body);
  const bad = (what: string) => json(400, { error: { code: 'TriggerInputSchemaMismatch', message: what } });
  if (!isMap(message) || headers['content-type'] !== 'application/json') return bad('no JSON');
  const [attachment, ...others] = message.attachments as Json[];
  const card = attachment?.content;
  if (message.type !== 'message' || others.length > 0 || !isMap(card)) return bad('no message with one card');
  if (attachment?.contentType !== 'application/vnd.microsoft.card.adaptive') return bad('contentType');
  if (card.type !== 'AdaptiveCard' || card.version !== '1.2') return bad('no card');
  for (const container of card.body as Json[]) {
    if (container.type !== 'Container') return bad(`element ${container.type}`);
    if (!['default', 'attention', 'warning', 'accent'].includes(String(container.style))) return bad('style');
    for (const { type, inlines } of container.items as { type: string; inlines: Json[] }[]) {
      if (type !== 'RichTextBlock' || inlines.length === 0) return bad(`element ${type}`);
      for (const run of inlines) {
        if (run.type !== 'TextRun' || typeof run.text !== 'string' || run.text === '') return bad('TextRun');
      }
    }
  }
  return { status: 202 };
}

/** Logs intake v2. Longer logs than 1 MB would be cut; here that is told. */
export function datadog({ method, path, headers, body }: Request): Answer {
  if (method !== 'POST' || path !== '/api/v2/logs') return { status: 404 };
  const error = (status: number, title: string, detail: string) =>
    json(status, { errors: [{ status: String(status), title, detail }] });
  if (headers['dd-api-key'] !== KEY) return error(403, 'Forbidden', 'API key is invalid');
  if (Buffer.byteLength(body) > 5_000_000) return error(413, 'Request Entity Too Large', 'payload above 5MB');
  const logs = parsed(body);
  if (!Array.isArray(logs) || logs.length > 1000) return error(400, 'Bad Request', 'no array of at most 1000 logs');
  for (const log of logs) {
    if (Buffer.byteLength(JSON.stringify(log)) > 1_000_000) return error(400, 'Bad Request', 'a log above 1MB');
    const texts = ['ddsource', 'ddtags', 'hostname', 'service', 'status', 'message'];
    if (!texts.every((key) => typeof log[key] === 'string')) return error(400, 'Bad Request', 'a field is no text');
    if (parsed(log.message) === undefined) return error(400, 'Bad Request', 'the message is no JSON');
  }
  return json(202, {});
}

/** HTTP Event Collector: objects one after the other; what is wrong has a code. */
export function splunk({ method, path, headers, body }: Request): Answer {
  if (method !== 'POST' || path !== '/services/collector/event') return { status: 404 };
  const answer = (status: number, code: number, text: string, more = {}) => json(status, { text, code, ...more });
  if (!headers.authorization) return answer(401, 2, 'Token is required');
  if (!headers.authorization.startsWith('Splunk ')) return answer(401, 3, 'Invalid authorization');
  if (headers.authorization !== `Splunk ${KEY}`) return answer(403, 4, 'Invalid token');
  if (Buffer.byteLength(body) > 1_048_576) return { status: 413, body: 'Request Entity Too Large' };
  const events = objectsOf(body).map(parsed);
  if (events.length === 0) return answer(400, 5, 'No data');
  for (const [number, event] of events.entries()) {
    const about = { 'invalid-event-number': number };
    if (!isMap(event) || typeof event.time !== 'number') return answer(400, 6, 'Invalid data format', about);
    if (event.index !== undefined && event.index !== 'security') return answer(400, 7, 'Incorrect index', about);
    if (event.event === undefined) return answer(400, 12, 'Event field is required', about);
    if (!isMap(event.event) || Object.keys(event.event).length === 0)
      return answer(400, 13, 'Event field cannot be blank', about);
    if (!isMap(event.fields) || Object.values(event.fields).some(isMap))
      return answer(400, 15, 'Error in handling indexed fields', about);
  }
  return answer(200, 0, 'Success');
}

/** The texts of JSON objects that stand one after the other. */
export function objectsOf(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{' && depth++ === 0) start = index;
    else if (token === '}' && --depth === 0) found.push(text.slice(start, index + 1));
  }
  return found;
}

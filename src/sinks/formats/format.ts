/** Formats of the sink `http`: how alerts are written into a request, and what its answer means. A page each. */

import type { z } from 'zod';
import type { Secret } from '../../core/secret.ts';
import type { Alert } from '../../events/alert.ts';

export interface HttpContent {
  /** Appended to an address that has no path of its own. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The proxy by which it came in the clear, and which may have given it itself. */
  readonly proxy?: string;
}

/** What became of the alerts of a request that was answered with 2xx. */
export interface Verdict {
  /** Never to be taken: their places in the request. */
  readonly refused: readonly number[];
  /** To be sent again. */
  readonly again: readonly number[];
  /** What was said of the first of them. */
  readonly why: string;
}

export interface Encoder {
  /** Alerts in one request, at most. */
  readonly most: number;
  /** Where a request may have so many bytes only, a byte for what is between its parts included: how an alert becomes one. */
  readonly parts?: { readonly bytes: number; write(alert: Alert): string };
  /** `parts` has what `parts.write` has made of each alert; default: it is asked. */
  encode(alerts: readonly Alert[], parts?: readonly string[]): HttpContent;
  /** Looks into an answer with 2xx. Undefined, or without this function: all were taken. */
  accepted?(response: HttpResponse, alerts: readonly Alert[]): Verdict | undefined;
  /** Whether an answer of which `isOfContent` holds is nevertheless about what can be mended: a key, an index. */
  canBeMended?(response: HttpResponse): boolean;
}

/** Reads a secret of the options, each time anew; no answer or error quotes it from then on. */
export type Reveal = (secret: Secret) => string;

export interface Format<Options extends z.ZodObject = z.ZodObject> {
  /** Its name in pipeline files. */
  readonly type: string;
  readonly summary: string;
  /** The address of the service, where it has one. */
  readonly url?: string;
  /** The header that carries a secret of the options, in lower case: nothing else may set it. */
  readonly credential?: { readonly option: string; readonly header: string };
  /** `z.strictObject`, each key described. */
  readonly options: Options;
  create(options: z.output<Options>, reveal: Reveal): Encoder;
}

/** Keeps the type of the options for `create`. */
export function defineFormat<Options extends z.ZodObject>(format: Format<Options>): Format {
  return format as unknown as Format;
}

/** The options that a format cannot do without. */
export function neededOptions({ options }: Format): string[] {
  return Object.entries(options.shape).flatMap(([key, shape]) => (shape.safeParse(undefined).success ? [] : [key]));
}

export const JSON_TYPE = { 'content-type': 'application/json' };

/** Requests of so many bytes, and alerts, each of which `write` makes a part of one; `join` makes a request of parts. */
export function inParts({
  most,
  bytes,
  write,
  join,
}: {
  readonly most: number;
  readonly bytes: number;
  write(alert: Alert): string;
  join(parts: readonly string[]): HttpContent;
}): Pick<Encoder, 'most' | 'parts' | 'encode'> {
  return { most, parts: { bytes, write }, encode: (alerts, parts = alerts.map(write)) => join(parts) };
}

/** Writes any number of alerts, a line of JSON each. */
export function inLines(line: (alert: Alert) => string): Encoder {
  return {
    most: Number.POSITIVE_INFINITY,
    encode: (alerts) => ({
      path: '/',
      headers: { 'content-type': 'application/x-ndjson' },
      body: alerts.map((alert) => `${line(alert)}\n`).join(''),
    }),
  };
}

/**
 * Whether a status judges what was sent: then it is refused for good. All others are about something that can be mended: a
 * token that has expired, an address that is gone, a receiver that has no time. Alerts wait for that, up to
 * `retry.give_up_after`.
 */
export function isOfContent(status: number): boolean {
  return status === 400 || status === 413 || status === 422;
}

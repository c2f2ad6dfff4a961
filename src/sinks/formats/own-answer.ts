/** Answers with 2xx that are not the service's own: a captive portal, or a proxy that wants a login, answers 200 to everything. */

import type { Alert } from '../../events/alert.ts';
import type { Encoder, HttpResponse, Verdict } from './format.ts';

/** All alerts are to be sent again, for nothing of the kind came to `service`. */
export function notFrom(service: string, { status, body }: HttpResponse, alerts: readonly Alert[]): Verdict {
  const said = body.replace(/\s+/g, ' ').trim().slice(0, 200);
  const why = `the answer with status ${status} is not that of ${service} (look at url and proxy): ${said}`;
  return { refused: [], again: [...alerts.keys()], why };
}

/** The JSON of an answer; undefined where it is none. */
export function jsonIn({ body }: HttpResponse): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Judges the answers of a service that are no pages for people: of one that is, nothing came to `service`. `own` is its own word. */
export function unlessPage(service: string, own?: string): NonNullable<Encoder['accepted']> {
  return (response, alerts) =>
    isPage(response) && response.body !== own ? notFrom(service, response, alerts) : undefined;
}

function isPage({ headers, body }: HttpResponse): boolean {
  return /^text\/html\b/i.test(headers['content-type'] ?? '') || /^\s*</.test(body);
}

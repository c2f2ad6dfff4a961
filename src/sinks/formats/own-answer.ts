/** Answers with 2xx that are not the service's own: a captive portal, or a proxy that wants a login, answers 200 to everything. */

import type { Alert } from '../../events/alert.ts';
import type { HttpResponse, Verdict } from './format.ts';

/** All alerts are to be sent again, for nothing of the kind came to `service`. */
export function notFrom(service: string, { status, body }: HttpResponse, alerts: readonly Alert[]): Verdict {
  const said = body.replace(/\s+/g, ' ').trim().slice(0, 200);
  const why = `the answer with status ${status} is not that of ${service} (look at url and proxy): ${said}`;
  return { refused: [], again: [...alerts.keys()], why };
}

/** Whether an answer is a page for people. */
export function isPage({ headers, body }: HttpResponse): boolean {
  return /^text\/html\b/i.test(headers['content-type'] ?? '') || /^\s*</.test(body);
}

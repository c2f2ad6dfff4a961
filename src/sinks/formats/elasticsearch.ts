/** The format `elasticsearch`: the bulk API of Elasticsearch and OpenSearch; each document is judged on its own. */

import { z } from 'zod';
import { type Alert, alertJson } from '../../events/alert.ts';
import { rfc3339 } from '../../events/time.ts';
import { ecsDocument } from '../shared/ecs.ts';
import { defineFormat, type HttpResponse, isOfContent, type Verdict } from './format.ts';
import { jsonIn, notFrom } from './own-answer.ts';

const options = z.strictObject({
  index: z.string().min(1).default('falco').describe('The index or data stream.'),
  suffix: z
    .enum(['none', 'monthly', 'daily'])
    .default('none')
    .describe("Appends the alert's month (-2026.01) or day (-2026.01.31) to the index."),
  document: z
    .enum(['falco', 'ecs'])
    .default('falco')
    .describe("falco: Falco's JSON and @timestamp. ecs: Elastic Common Schema."),
});

const DIGITS = { none: 0, monthly: 7, daily: 10 } as const;

export const elasticsearch = defineFormat({
  type: 'elasticsearch',
  summary: 'Elasticsearch and OpenSearch by their bulk API; an alert that is there already is not written twice.',
  options,
  create({ index, suffix, document }) {
    const indexOf = (alert: Alert) => {
      const date = rfc3339(alert.time).slice(0, DIGITS[suffix]).replaceAll('-', '.');
      return date ? `${index}-${date}` : index;
    };
    const text = (alert: Alert) => (document === 'ecs' ? JSON.stringify(ecsDocument(alert)) : falcoDocument(alert));
    return {
      most: Number.POSITIVE_INFINITY,
      encode: (alerts) => ({
        path: '/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason',
        headers: { 'content-type': 'application/x-ndjson' },
        body: alerts
          .map((alert) => `${JSON.stringify({ create: { _index: indexOf(alert), _id: alert.id } })}\n${text(alert)}\n`)
          .join(''),
      }),
      accepted: verdict,
    };
  },
});

function falcoDocument(alert: Alert): string {
  return `{"@timestamp":${JSON.stringify(rfc3339(alert.time))},${alertJson(alert, { iso8601: true }).slice(1)}`;
}

const TEXT = z.string().catch('');
const OUTCOME = z.object({
  status: z.int(),
  error: z.object({ type: TEXT, reason: TEXT }).catch({ type: '', reason: '' }),
});
/** What is asked for of the answer: an outcome for each document, below the name of what was done with it. */
const ANSWER = z.union([
  z.object({ errors: z.literal(false) }),
  z.object({ errors: z.literal(true), items: z.array(z.object({ create: OUTCOME })) }),
]);

// 409: a document of that id is there: the alert was sent before.
function verdict(response: HttpResponse, alerts: readonly Alert[]): Verdict | undefined {
  const { data } = ANSWER.safeParse(jsonIn(response));
  if (data?.errors === false) return undefined;
  if (data?.items.length !== alerts.length) return notFrom('the bulk API', response, alerts);
  const failed = data.items.flatMap(({ create: { status, error } }, place) =>
    status >= 400 && status !== 409 ? [{ place, status, error }] : [],
  );
  const [first] = failed;
  return {
    refused: failed.filter(({ status }) => isOfContent(status)).map(({ place }) => place),
    again: failed.filter(({ status }) => !isOfContent(status)).map(({ place }) => place),
    why: first ? `${first.status} ${first.error.type}: ${first.error.reason}` : '',
  };
}

/** The format `otlp`: OpenTelemetry logs over HTTP in JSON. */

import { z } from 'zod';
import type { Value } from '../../core/event.ts';
import { packageVersion } from '../../core/package.ts';
import type { Alert } from '../../events/alert.ts';
import { byPriority, fieldText, presentFields, tagsOf } from '../shared/json.ts';
import { defineFormat, type HttpResponse, JSON_TYPE, type Verdict } from './format.ts';
import { jsonIn, unlessPage } from './own-answer.ts';

const options = z.strictObject({
  resource: z
    .record(z.string(), z.string())
    .default({})
    .describe('Attributes of the resource, beside service.name and host.name.'),
});

/** SeverityNumber by priority (spec/ecosystem.md §7). */
const SEVERITIES: Record<string, number> = {
  Debug: 5,
  Informational: 9,
  Notice: 10,
  Warning: 13,
  Error: 17,
  Critical: 18,
  Alert: 21,
  Emergency: 22,
};

export const otlp = defineFormat({
  type: 'otlp',
  summary: 'OpenTelemetry logs (OTLP/HTTP, JSON).',
  options,
  create: ({ resource }) => ({
    most: Number.POSITIVE_INFINITY,
    encode(alerts) {
      const byHost = Map.groupBy(alerts, (alert) => fieldText(alert, 'hostname'));
      const resourceLogs = [...byHost].map(([host, own]) => ({
        resource: { attributes: attributes({ 'service.name': 'falco-pipe', 'host.name': host, ...resource }) },
        scopeLogs: [{ scope: { name: 'falco-pipe', version: packageVersion }, logRecords: own.map(logRecord) }],
      }));
      return { path: '/v1/logs', headers: JSON_TYPE, body: JSON.stringify({ resourceLogs }) };
    },
    accepted: verdict,
  }),
});

function logRecord(alert: Alert) {
  const priority = fieldText(alert, 'priority');
  const own = {
    'falco.rule': fieldText(alert, 'rule'),
    'falco.source': fieldText(alert, 'source'),
    'falco.id': alert.id,
    'falco.tags': tagsOf(alert),
  };
  return {
    timeUnixNano: String(alert.time),
    severityNumber: byPriority(alert, SEVERITIES, 0),
    severityText: priority,
    body: { stringValue: fieldText(alert, 'output') },
    attributes: attributes({ ...Object.fromEntries(presentFields(alert)), ...own }),
  };
}

function attributes(values: Readonly<Record<string, Value>>) {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

// The JSON of protocol buffers: 64-bit integers are text.
function anyValue(value: Value): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: String(value) };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
  return { arrayValue: { values: value.map((item) => anyValue(item as Value)) } };
}

/** A partial success says how many were rejected, never to be sent again, but not which. 64-bit integers are text. */
const ANSWER = z.object({
  partialSuccess: z.object({
    rejectedLogRecords: z.coerce.number().int().min(0),
    errorMessage: z.string().catch(''),
  }),
});

const orPage = unlessPage('OpenTelemetry');

function verdict(response: HttpResponse, alerts: readonly Alert[]): Verdict | undefined {
  const partial = ANSWER.safeParse(jsonIn(response)).data?.partialSuccess;
  if (!partial || partial.rejectedLogRecords === 0) return orPage(response, alerts);
  const refused = [...alerts.keys()].slice(0, partial.rejectedLogRecords);
  return { refused, again: [], why: partial.errorMessage };
}

/** The format `cloudevents`: CloudEvents 1.0 over HTTP, in its three modes; the data is Falco's JSON. */

import { z } from 'zod';
import { type Alert, alertJson } from '../../events/alert.ts';
import { rfc3339 } from '../../events/time.ts';
import { fieldText } from '../shared/json.ts';
import { defineFormat, JSON_TYPE } from './format.ts';

const options = z.strictObject({
  mode: z
    .enum(['binary', 'structured', 'batch'])
    .default('binary')
    .describe('binary: attributes as headers. structured: as JSON. batch: many alerts a request.'),
  event_type: z
    .string()
    .min(1)
    .default('falco.rule.output.v1')
    .describe("The attribute `type`. Default: falcosidekick's."),
  source: z.string().min(1).optional().describe('The attribute `source`. Default: `//falco-pipe/HOSTNAME`.'),
});

export const cloudevents = defineFormat({
  type: 'cloudevents',
  summary: 'CloudEvents 1.0, for Knative, brokers and functions.',
  options,
  create({ mode, event_type: type, source }) {
    const attributes = (alert: Alert): Record<string, string> => ({
      specversion: '1.0',
      id: alert.id,
      source: source ?? `//falco-pipe/${encodeURIComponent(fieldText(alert, 'hostname').toWellFormed())}`,
      type,
      time: rfc3339(alert.time),
      datacontenttype: 'application/json',
      // Extensions: lower-case letters and digits only.
      priority: fieldText(alert, 'priority'),
      rule: fieldText(alert, 'rule'),
      eventsource: fieldText(alert, 'source'),
      hostname: fieldText(alert, 'hostname'),
    });
    const structured = (alert: Alert) =>
      `${JSON.stringify(attributes(alert)).slice(0, -1)},"data":${alertJson(alert, { iso8601: true })}}`;
    return {
      most: mode === 'batch' ? Number.POSITIVE_INFINITY : 1,
      encode(alerts) {
        if (mode === 'batch') return content('application/cloudevents-batch+json', `[${alerts.map(structured)}]`);
        const [alert] = alerts as readonly [Alert];
        if (mode === 'structured') return content('application/cloudevents+json', structured(alert));
        const { datacontenttype: _, ...rest } = attributes(alert);
        const headers = Object.entries(rest).map(([name, value]) => [`ce-${name}`, headerValue(value)]);
        const body = alertJson(alert, { iso8601: true });
        return { path: '/', headers: { ...JSON_TYPE, ...Object.fromEntries(headers) }, body };
      },
    };
  },
});

function content(type: string, body: string) {
  return { path: '/', headers: { 'content-type': `${type}; charset=utf-8` }, body };
}

// CloudEvents HTTP binding 3.1.3.2: blanks, quotes, percent signs and all but printable ASCII are percent-encoded.
function headerValue(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\x21\x23\x24\x26-\x7e]/gu, (char) =>
      Array.from(Buffer.from(char), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}

/** The format `loki`: Grafana Loki's push API; alerts with the same labels share a stream. */

import { z } from 'zod';
import { type Alert, alertJson } from '../../events/alert.ts';
import { fieldText, firstOf, tagsOf, textOf } from '../shared/json.ts';
import { labelName } from '../shared/labels.ts';
import { defineFormat, JSON_TYPE } from './format.ts';
import { unlessPage } from './own-answer.ts';

const options = z.strictObject({
  labels: z.record(z.string(), z.string()).default({}).describe('Labels that every stream gets.'),
  label_fields: z
    .array(z.string())
    .default(['k8s.ns.name', 'k8s.pod.name'])
    .describe('Output fields that become labels. Each new value makes a stream: few values only.'),
  line: z.enum(['json', 'text']).default('json').describe("The line: Falco's JSON, or the output alone."),
});

export const loki = defineFormat({
  type: 'loki',
  summary: 'Grafana Loki. A tenant is the header X-Scope-OrgID.',
  options,
  create({ labels, label_fields: labelFields, line }) {
    const labelsOf = (alert: Alert): Record<string, string> => {
      const own: [string, string][] = labelFields.flatMap((field): [string, string][] => {
        const value = firstOf(alert, field);
        return value === undefined ? [] : [[labelName(field), textOf(value)]];
      });
      return {
        ...Object.fromEntries(own),
        rule: fieldText(alert, 'rule'),
        source: fieldText(alert, 'source'),
        priority: fieldText(alert, 'priority'),
        hostname: fieldText(alert, 'hostname'),
        ...(tagsOf(alert).length > 0 ? { tags: tagsOf(alert).join(',') } : {}),
        ...labels,
      };
    };
    const lineOf = (alert: Alert) =>
      line === 'text' ? fieldText(alert, 'output') : alertJson(alert, { iso8601: true });
    return {
      most: Number.POSITIVE_INFINITY,
      encode(alerts) {
        const streams = new Map<string, { stream: Record<string, string>; values: [string, string][] }>();
        for (const alert of alerts) {
          const stream = labelsOf(alert);
          const key = JSON.stringify(stream);
          if (!streams.has(key)) streams.set(key, { stream, values: [] });
          streams.get(key)?.values.push([String(alert.time), lineOf(alert)]);
        }
        const body = JSON.stringify({ streams: [...streams.values()] });
        return { path: '/loki/api/v1/push', headers: JSON_TYPE, body };
      },
      accepted: unlessPage('Loki'),
    };
  },
});

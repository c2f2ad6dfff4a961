/** The format `alertmanager`: Prometheus Alertmanager's API v2 (spec/ecosystem.md §4.2 for the labels that people know). */

import { z } from 'zod';
import type { Alert } from '../../events/alert.ts';
import { rfc3339 } from '../../events/time.ts';
import { byPriority, fieldText, presentFields, tagsOf, textOf } from '../shared/json.ts';
import { labelName } from '../shared/labels.ts';
import { defineFormat, JSON_TYPE } from './format.ts';
import { unlessPage } from './own-answer.ts';

const options = z.strictObject({
  labels: z.record(z.string(), z.string()).default({}).describe('Labels that every alert gets.'),
  label_fields: z
    .array(z.string())
    .default(['k8s.ns.name', 'k8s.pod.name', 'container.id', 'container.name', 'proc.name', 'user.name'])
    .describe(
      'Output fields that become labels; alerts that differ in a label are alerts of their own. The others become annotations.',
    ),
  resolve_after: z
    .string()
    .regex(/^\d+(s|m|h)$/, 'a length of time in whole seconds, minutes or hours (30s, 15m, 1h)')
    .optional()
    .describe('How long an alert lasts. Default: what Alertmanager is configured for.'),
});

const SECONDS: Record<string, bigint> = { s: 1n, m: 60n, h: 3600n };

const SEVERITIES: Record<string, string> = {
  Emergency: 'critical',
  Alert: 'critical',
  Critical: 'critical',
  Error: 'warning',
  Warning: 'warning',
};

export const alertmanager = defineFormat({
  type: 'alertmanager',
  summary: 'Prometheus Alertmanager, API v2.',
  options,
  create({ labels, label_fields: labelFields, resolve_after: lasting }) {
    const chosen = new Set(labelFields);
    const lasts = lasting && BigInt(Number.parseInt(lasting, 10)) * (SECONDS[lasting.at(-1) as string] as bigint);
    const asLabels = (fields: readonly (readonly [string, Parameters<typeof textOf>[0]])[]) =>
      Object.fromEntries(fields.map(([name, value]) => [labelName(name), textOf(value)]));
    const one = (alert: Alert) => {
      const priority = fieldText(alert, 'priority');
      const fields = presentFields(alert);
      return {
        labels: {
          ...asLabels(fields.filter(([name]) => chosen.has(name))),
          alertname: fieldText(alert, 'rule'),
          source: 'falco',
          rule: fieldText(alert, 'rule'),
          priority,
          severity: byPriority(alert, SEVERITIES, 'information'),
          eventsource: fieldText(alert, 'source'),
          hostname: fieldText(alert, 'hostname'),
          ...(tagsOf(alert).length > 0 ? { tags: tagsOf(alert).join(',') } : {}),
          ...labels,
        },
        annotations: {
          ...asLabels(fields.filter(([name]) => !chosen.has(name))),
          summary: fieldText(alert, 'rule'),
          description: fieldText(alert, 'output'),
        },
        startsAt: rfc3339(alert.time),
        ...(lasts ? { endsAt: rfc3339(alert.time + lasts * 1_000_000_000n) } : {}),
      };
    };
    return {
      most: Number.POSITIVE_INFINITY,
      encode: (alerts) => ({ path: '/api/v2/alerts', headers: JSON_TYPE, body: JSON.stringify(alerts.map(one)) }),
      accepted: unlessPage('Alertmanager'),
    };
  },
});

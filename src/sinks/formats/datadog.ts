/**
 * The format `datadog`: Datadog's logs intake, v2 (docs.datadoghq.com/api/latest/logs/send-logs for fields, sizes and answers;
 * logs/log_configuration/processors/log_status_remapper and log_date_remapper for status and time). The message is Falco's
 * JSON, as falcosidekick sends it.
 */

import { z } from 'zod';
import { now } from '../../core/clock.ts';
import { secret } from '../../core/secret.ts';
import { type Alert, alertJson } from '../../events/alert.ts';
import { bounded } from '../shared/bounded.ts';
import { byPriority, fieldText, milliseconds, tagsOf } from '../shared/json.ts';
import { defineFormat, inParts, JSON_TYPE } from './format.ts';
import { unlessPage } from './own-answer.ts';

const options = z.strictObject({
  api_key: secret().describe('An API key of the organization.'),
  service: z.string().min(1).default('falco-pipe').describe('The attribute `service`.'),
  tags: z
    .record(z.string(), z.string())
    .default({})
    .describe('Tags that every log gets, beside those of its rule: `{ env: prod }`.'),
});

/** Statuses by priority; what Datadog does not know would be `info`. */
const STATUSES: Record<string, string> = {
  Emergency: 'emerg',
  Alert: 'alert',
  Critical: 'critical',
  Error: 'error',
  Warning: 'warning',
  Notice: 'notice',
  Informational: 'info',
  Debug: 'debug',
};

const MOST_LOGS = 1000; // of a request
const REQUEST = 5_000_000; // bytes, before they are compressed
const MOST = 1_000_000; // bytes of a log; of what is longer Datadog cuts the end, which leaves no JSON
const OLDEST = 17 * 3_600_000; // ms; it takes no log whose time is more than 18 hours ago

export const datadog = defineFormat({
  type: 'datadog',
  summary: 'Datadog Logs. Other sites than US1 have other addresses: `https://http-intake.logs.datadoghq.eu`.',
  url: 'https://http-intake.logs.datadoghq.com',
  options,
  credential: { option: 'api_key', header: 'dd-api-key' },
  create: ({ api_key: apiKey, service, tags }, reveal) => {
    const always = Object.entries(tags).map(([name, value]) => `${name}:${value}`);
    const log = (alert: Alert) => ({
      ddsource: 'falco',
      ddtags: [...always, ...tagsOf(alert)].map((tag) => tag.replaceAll(',', '_')).join(','),
      hostname: fieldText(alert, 'hostname'),
      service,
      status: byPriority(alert, STATUSES, 'info'),
      // Without it a log has the time at which it came; the message has that of the event.
      ...(now() - milliseconds(alert) < OLDEST ? { timestamp: milliseconds(alert) } : {}),
      message: alertJson(alert, { iso8601: true }),
      alert_id: alert.id,
    });
    return {
      ...inParts({
        most: MOST_LOGS,
        bytes: REQUEST - 2, // brackets
        write: (alert) => bounded(alert, MOST, (short) => JSON.stringify(log(short))),
        join: (logs) => ({
          path: '/api/v2/logs',
          headers: { ...JSON_TYPE, 'dd-api-key': reveal(apiKey) },
          body: `[${logs.join(',')}]`,
        }),
      }),
      // It answers 202 with {}; what takes logs in its place answers 200, too.
      accepted: unlessPage('Datadog'),
    };
  },
});

/** The format `json_lines`: Falco's JSON, one alert a line, many a request: what log shippers take. */

import { z } from 'zod';
import { alertJson } from '../../events/alert.ts';
import { defineFormat } from './format.ts';

export const jsonLines = defineFormat({
  type: 'json_lines',
  summary: "Falco's JSON, an alert a line, many a request: what Vector, Fluent Bit and Logstash take.",
  options: z.strictObject({}),
  create: () => ({
    most: Number.POSITIVE_INFINITY,
    encode: (alerts) => ({
      path: '/',
      headers: { 'content-type': 'application/x-ndjson' },
      body: alerts.map((alert) => `${alertJson(alert, { iso8601: true })}\n`).join(''),
    }),
  }),
});

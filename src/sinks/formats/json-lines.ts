/** The format `json_lines`: Falco's JSON, one alert a line, many a request: what log shippers take. */

import { z } from 'zod';
import { alertJson } from '../../events/alert.ts';
import { defineFormat, inLines } from './format.ts';

export const jsonLines = defineFormat({
  type: 'json_lines',
  summary: "Falco's JSON, an alert a line, many a request: what Vector, Fluent Bit and Logstash take.",
  options: z.strictObject({}),
  create: () => inLines((alert) => alertJson(alert, { iso8601: true })),
});

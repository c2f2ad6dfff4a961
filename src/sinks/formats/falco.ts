/** The format `falco`: Falco's JSON, one alert a request, as `http_output` sends it; falcosidekick takes it unchanged. */

import { z } from 'zod';
import { alertJson } from '../../events/alert.ts';
import { defineFormat, JSON_TYPE } from './format.ts';

export const falco = defineFormat({
  type: 'falco',
  summary: "Falco's JSON, one alert a request: what falcosidekick and Falco Talon take.",
  options: z.strictObject({
    iso8601: z
      .boolean()
      .default(false)
      .describe('Times as ISO 8601 in UTC instead of the local time of day, as `time_format_iso_8601`.'),
  }),
  create: ({ iso8601 }) => ({
    most: 1,
    encode: ([alert]) => ({ path: '/', headers: JSON_TYPE, body: alert ? alertJson(alert, { iso8601 }) : '' }),
  }),
});

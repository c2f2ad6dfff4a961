/**
 * The format `splunk_hec`: Splunk's HTTP Event Collector, endpoint services/collector/event (help.splunk.com, "Format events
 * for HTTP Event Collector" for the fields, "Troubleshoot HTTP Event Collector" for the codes; inputs.conf.spec:
 * maxEventSize). Acknowledgement by indexers is not asked for: an event counts as delivered when Splunk has taken it.
 */

import { z } from 'zod';
import { secret } from '../../core/secret.ts';
import { type Alert, alertJson } from '../../events/alert.ts';
import { bounded } from '../shared/bounded.ts';
import { fieldText, milliseconds } from '../shared/json.ts';
import { defineFormat, type HttpResponse, inParts, JSON_TYPE, type Verdict } from './format.ts';
import { jsonIn, notFrom } from './own-answer.ts';

const options = z.strictObject({
  token: secret().describe('The token of the collector, sent as `Authorization: Splunk …`.'),
  index: z.string().min(1).optional().describe("The index. Default: the token's."),
  sourcetype: z.string().min(1).default('falco').describe("The sourcetype; falcosidekick's is `falcosidekick`."),
  source: z.string().min(1).default('falco-pipe').describe('The source.'),
});

const MOST = 1_000_000; // bytes of a request, for Splunk Cloud takes 1 MB; Splunk Enterprise takes events of 5 MB

export const splunkHec = defineFormat({
  type: 'splunk_hec',
  summary: "Splunk's HTTP Event Collector, and what speaks as it does.",
  options,
  credential: { option: 'token', header: 'authorization' },
  create: ({ token, index, sourcetype, source }, reveal) => {
    const event = (alert: Alert) => {
      const host = fieldText(alert, 'hostname');
      const about = {
        time: milliseconds(alert) / 1000,
        ...(host ? { host } : {}),
        source,
        sourcetype,
        ...(index ? { index } : {}),
        fields: { alert_id: alert.id },
      };
      return `${JSON.stringify(about).slice(0, -1)},"event":${alertJson(alert, { iso8601: true })}}`;
    };
    return {
      ...inParts({
        most: Number.POSITIVE_INFINITY,
        bytes: MOST,
        write: (alert) => bounded(alert, MOST - 1, event),
        join: (events) => ({
          path: '/services/collector/event',
          headers: { ...JSON_TYPE, authorization: `Splunk ${reveal(token)}` },
          body: events.join('\n'),
        }),
      }),
      accepted: verdict,
      canBeMended: (response) => OF_THE_TOKEN.has(codeOf(response) ?? 0),
    };
  },
});

/** Codes with status 400 that tell of the token: an index that it may not write to, a channel (acknowledgement) that it wants. */
const OF_THE_TOKEN: ReadonlySet<number> = new Set([7, 10, 11]);

function codeOf(response: HttpResponse): number | undefined {
  const code = (jsonIn(response) as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
}

function verdict(response: HttpResponse, alerts: readonly Alert[]): Verdict | undefined {
  return codeOf(response) === 0 ? undefined : notFrom('a collector', response, alerts);
}

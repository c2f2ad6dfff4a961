/** The formats of the sink `http`. */

import { alertmanager } from './alertmanager.ts';
import { cloudevents } from './cloudevents.ts';
import { datadog } from './datadog.ts';
import { ecs } from './ecs.ts';
import { elasticsearch } from './elasticsearch.ts';
import { falco } from './falco.ts';
import type { Format } from './format.ts';
import { jsonLines } from './json-lines.ts';
import { loki } from './loki.ts';
import { ocsf } from './ocsf.ts';
import { otlp } from './otlp.ts';
import { pagerduty } from './pagerduty.ts';
import { slack } from './slack.ts';
import { splunkHec } from './splunk-hec.ts';
import { teams } from './teams.ts';

export const formats: readonly Format[] = [
  alertmanager,
  cloudevents,
  datadog,
  ecs,
  elasticsearch,
  falco,
  jsonLines,
  loki,
  ocsf,
  otlp,
  pagerduty,
  slack,
  splunkHec,
  teams,
];

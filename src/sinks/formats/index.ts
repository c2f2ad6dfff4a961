/** The formats of the sink `http`. */

import { alertmanager } from './alertmanager.ts';
import { cloudevents } from './cloudevents.ts';
import { ecs } from './ecs.ts';
import { elasticsearch } from './elasticsearch.ts';
import { falco } from './falco.ts';
import type { Format } from './format.ts';
import { jsonLines } from './json-lines.ts';
import { loki } from './loki.ts';
import { ocsf } from './ocsf.ts';
import { otlp } from './otlp.ts';
import { slack } from './slack.ts';

export const formats: readonly Format[] = [
  alertmanager,
  cloudevents,
  ecs,
  elasticsearch,
  falco,
  jsonLines,
  loki,
  ocsf,
  otlp,
  slack,
];

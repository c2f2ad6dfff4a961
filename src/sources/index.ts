/** The sources that come with falco-pipe. */

import type { SourceDefinition } from '../core/component.ts';
import { azureEventHubs } from './azure-event-hubs/index.ts';
import { cloudevents } from './cloudevents/index.ts';
import { cloudtrail } from './cloudtrail/index.ts';
import { container } from './container.ts';
import { ebpf } from './ebpf/index.ts';
import { internal } from './internal.ts';
import { k8sAudit } from './k8s-audit/index.ts';
import { nats } from './nats/index.ts';
import { ovhMks } from './ovh-mks/index.ts';
import { replay } from './replay.ts';
import { vcloud } from './vcloud/index.ts';

export const sources: readonly SourceDefinition[] = [
  azureEventHubs,
  cloudtrail,
  cloudevents,
  container,
  ebpf,
  internal,
  k8sAudit,
  nats,
  ovhMks,
  replay,
  vcloud,
];

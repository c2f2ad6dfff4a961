/** The source `azure_event_hubs`: audit logs that Azure exports to Event Hubs, and those of AKS clusters among them. */

import { Observable } from 'rxjs';
import { checkConnection } from '../../azure/connection.ts';
import type { Claim } from '../../core/claim.ts';
import { defineSource } from '../../core/component.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { cloudFills } from '../../events/cloud/event.ts';
import { type Config, config } from './config.ts';
import { Reader } from './reader.ts';

export const azureEventHubs = defineSource({
  type: 'azure_event_hubs',
  summary:
    'Azure audit logs from Event Hubs: activity, Entra ID sign-ins and audit, resources as `azure_audit`, AKS audit logs as `k8s_audit`.',
  config,
  examples: [
    {
      title: 'One reader, with the connection string in a file',
      yaml: 'azure: { type: azure_event_hubs, connection: { file: /run/secrets/hub }, hub: insights-activity-logs, consumer_group: falco-pipe }',
    },
    {
      title: 'Replicas that divide the partitions, with a managed identity',
      yaml: 'azure: { type: azure_event_hubs, namespace: audit.servicebus.windows.net, hub: insights-logs-kube-audit, checkpoints: { url: "https://audit.blob.core.windows.net", container: falco-pipe } }',
    },
  ],
  delivery: 'at_least_once',
  emits: ({ emits }) => emits,
  fills: cloudFills,
  shared: ({ checkpoints, partitioned_by: by }) => (checkpoints ? { by } : undefined),
  positionFor: ({ connection, namespace, hub, consumer_group }) => ({ connection, namespace, hub, consumer_group }),
  prepare(given, plan) {
    checkConnection(given, plan);
    const { connection, url, every = 0, expires = 1 } = given.checkpoints ?? {};
    if (given.checkpoints && (connection === undefined) === (url === undefined)) {
      const message = '`checkpoints` needs either `connection` or `url`';
      plan.report({ severity: 'error', code: 'CONFIG_AZURE', message }, ['checkpoints']);
    }
    if (expires <= every) {
      const message = '`expires` must be longer than `every`: a replica that is well would lose its partitions';
      plan.report({ severity: 'error', code: 'CONFIG_AZURE', message }, ['checkpoints', 'expires']);
    }
    plan.claim([reading(given)], ['consumer_group']);
  },
  open: (given, ctx) =>
    new Observable<Batch>((subscriber) => {
      const reader = new Reader(given, ctx, subscriber);
      void reader.start();
      return () => reader.stop();
    }),
});

// Event Hubs lets one reader of a group have a partition; with shared checkpoints each source would have a part of them.
function reading({ connection, namespace, hub, consumer_group: group }: Config): Claim {
  return {
    resource: JSON.stringify([
      'event hub',
      connection,
      namespace?.toLowerCase(),
      hub?.toLowerCase(),
      group.toLowerCase(),
    ]),
    does: `reads ${hub === undefined ? 'the hub' : hub} in the consumer group ${group}`,
    advice:
      'Readers of one group take partitions from each other: name another `consumer_group`, or read both from one source.',
  };
}

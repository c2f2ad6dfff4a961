/** The configuration of the source `azure_event_hubs`. */

import { z } from 'zod';
import { connectionKeys } from '../../azure/connection.ts';
import { duration, wait } from '../../core/config.ts';
import { secret } from '../../core/secret.ts';

export const config = z.strictObject({
  ...connectionKeys,
  emits: z
    .array(z.enum(['azure_audit', 'k8s_audit']))
    .min(1)
    .default(['azure_audit', 'k8s_audit'])
    .describe(
      'What the hub has: the audit logs of AKS are k8s_audit, all else is azure_audit. Anything else is rejected, and counted.',
    ),
  consumer_group: z
    .string()
    .min(1)
    .default('$Default')
    .describe(
      'The consumer group; one of its own for each pipeline, for readers of one group take partitions from each other.',
    ),
  start: z
    .enum(['earliest', 'latest'])
    .default('earliest')
    .describe(
      'Where a partition is read from that has no checkpoint: from the oldest event that the hub has, or from now on.',
    ),
  batch: z
    .int()
    .min(1)
    .max(5000)
    .default(500)
    .describe(
      'Events of the hub that are taken at a time, at most; three times as many of each partition are held in memory.',
    ),
  wait: wait().prefault('1s').describe('How long a batch may wait for more.'),
  checkpoints: z
    .strictObject({
      connection: secret().optional().describe('The connection string of the storage account.'),
      url: z
        .string()
        .regex(/^https?:\/\/[^\s/]+(\/\S*)?$/, 'a URL such as https://ACCOUNT.blob.core.windows.net')
        .optional()
        .describe(
          '`https://ACCOUNT.blob.core.windows.net`, where we are who the environment says (DefaultAzureCredential).',
        ),
      container: z.string().min(3).describe('The container, which must be there.'),
      every: wait().prefault('10s').describe('How often replicas look which partitions are free, or should be.'),
      expires: duration()
        .prefault('60s')
        .describe('After how much silence of a replica the others take its partitions.'),
    })
    .optional()
    .describe(
      'Azure Blob, where replicas keep checkpoints and divide partitions. Default: the state folder, for one reader.',
    ),
  partitioned_by: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Fields that those who send use as the partition key, where replicas divide the partitions: events alike in them come to the same replica.',
    ),
});

export type Config = z.output<typeof config>;

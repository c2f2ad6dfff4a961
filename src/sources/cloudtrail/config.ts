/** The configuration of the source `cloudtrail`. */

import { z } from 'zod';
import { duration, paths, size, wait } from '../../core/config.ts';
import { isInterval } from './interval.ts';

const account = z.string().regex(/^\d{12}$/, 'an account has twelve digits');
const modes = ['sqs', 's3', 'lookup_events', 'file'] as const;
export type Mode = (typeof modes)[number];

export const config = z.strictObject({
  mode: z
    .enum(modes)
    .default('sqs')
    .describe(
      'sqs: a queue that tells of log files, or has events of EventBridge. s3: log files by listing a bucket. lookup_events: the API, for an account without a trail. file: files that are here already.',
    ),
  queue: z.string().min(1).optional().describe('sqs: the name or URL of the queue.'),
  queue_owner: account.optional().describe('sqs: the account that owns the queue, when it is another one.'),
  exclusive: z
    .boolean()
    .optional()
    .describe(
      'sqs: no other reader has this queue, so that operators may keep state by its events. Nothing checks it: two that say so each know a part.',
    ),
  visibility: duration()
    .refine((ms) => ms >= 2000 && ms <= 43_200_000, 'between 2s and 12h')
    .prefault('5m')
    .describe(
      'sqs: how long a message is hidden from other readers; it is hidden for longer while it is worked on. One that failed is hidden for a tenth of this, then three times as long each time.',
    ),
  bucket: z.string().min(1).optional().describe('s3: the bucket.'),
  prefix: z.string().default('').describe('s3: what stands before `AWSLogs/` in keys.'),
  accounts: z.array(account).min(1).optional().describe('s3: only these accounts. Default: all that the bucket has.'),
  regions: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      's3: only these regions; default: all that the bucket has. lookup_events: the regions to ask; default: `region`.',
    ),
  interval: z
    .string()
    .refine(isInterval, 'an interval is 5d, 5d-2d, or times like 2026-03-01T00:00:00Z, alone or with a - between')
    .optional()
    .describe(
      's3: reads the log files of a time, by their names, and ends: `5d` (until now), `5d-2d`, `2026-03-01T00:00:00Z-2026-03-02T00:00:00Z`. Default: goes on with what comes.',
    ),
  files: paths()
    .optional()
    .describe('file: files or folders with log files, also gzip; folders with all that is below them.'),
  every: wait().prefault('60s').describe('s3, lookup_events: how often there is a look for more.'),
  lookback: duration()
    .refine((ms) => ms <= 90 * 86_400_000, 'at most 90d')
    .prefault('15m')
    .describe('s3, lookup_events: how far back the first start begins.'),
  overlap: duration()
    .prefault('15m')
    .describe('lookup_events: how much later than it happened an event may appear. What was seen is not given again.'),
  concurrency: z.int().min(1).max(32).default(4).describe('sqs, s3: log files that are read at once.'),
  max_record: size().prefault('1MiB').describe('Larger records are left out, and counted.'),
  max_object: size()
    .prefault('1GiB')
    .describe('A log file that has more than this when it is decompressed is not read to its end.'),
  region: z.string().min(1).optional().describe('The region. Default: as for all AWS programs.'),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^/]/, 'an endpoint is http://HOST:PORT or https://HOST')
    .optional()
    .describe('Where to connect instead of to AWS.'),
  profile: z.string().min(1).optional().describe('The profile of the shared configuration.'),
  config_file: z.string().min(1).optional().describe('The shared configuration file. Default: ~/.aws/config.'),
  credentials_file: z.string().min(1).optional().describe('The shared credentials file. Default: ~/.aws/credentials.'),
  assume_role: z
    .strictObject({
      arn: z.string().min(1).describe('The role.'),
      external_id: z.string().min(1).optional().describe('The external id that the role asks for.'),
      session_name: z.string().min(2).default('falco-pipe').describe('The name of the session, for audit logs.'),
    })
    .optional()
    .describe('A role to work as.'),
});

export type Config = z.output<typeof config>;

/** What a mode cannot do without. */
const needs: Readonly<Record<Mode, keyof Config | undefined>> = {
  sqs: 'queue',
  s3: 'bucket',
  lookup_events: undefined,
  file: 'files',
};

/** The keys that belong to some modes only. */
const modesOf: Partial<Record<keyof Config, readonly Mode[]>> = {
  queue: ['sqs'],
  queue_owner: ['sqs'],
  exclusive: ['sqs'],
  bucket: ['s3'],
  accounts: ['s3'],
  regions: ['s3', 'lookup_events'],
  interval: ['s3'],
  files: ['file'],
};

/** What is wrong of a configuration beyond its shape: a sentence, and the key that it is about. */
export function problemsOf(given: Config): readonly { readonly message: string; readonly key: string }[] {
  const { mode } = given;
  const needed = needs[mode];
  const missing =
    needed !== undefined && given[needed] === undefined
      ? [{ message: `mode ${mode} needs \`${needed}\``, key: 'mode' }]
      : [];
  const foreign = Object.entries(modesOf)
    .filter(([key, modes]) => given[key as keyof Config] !== undefined && !modes.includes(mode))
    .map(([key, modes]) => ({ message: `\`${key}\` is for mode ${modes.join(' and ')}, not ${mode}`, key }));
  return [...missing, ...foreign];
}

/** The source `cloudtrail`: what happens in AWS accounts. */

import { statSync } from 'node:fs';
import { Observable } from 'rxjs';
import { type Claim, reading, readingBelow } from '../../core/claim.ts';
import { defineSource, type PlanContext, type SourceContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { cloudFills } from '../../events/cloud/event.ts';
import { type Config, config, problemsOf } from './config.ts';
import { ENDINGS, filesIn } from './files-in.ts';

/** One way to read. */
export interface Reading {
  /** Reads until it is stopped, or has read everything. */
  run(): Promise<void>;
  stop(): void;
}

export const cloudtrail = defineSource({
  type: 'cloudtrail',
  summary: 'AWS CloudTrail: log files by a queue or by listing a bucket, events of EventBridge, the API, or files.',
  config,
  examples: [
    {
      title: 'By a queue that tells of new log files',
      yaml: 'aws: { type: cloudtrail, queue: audit, region: eu-west-1 }',
    },
    {
      title: 'The last five days of one account',
      yaml: 'past: { type: cloudtrail, mode: s3, bucket: audit-logs, accounts: ["111111111111"], interval: 5d }',
    },
    {
      title: 'An account without a trail',
      yaml: 'aws: { type: cloudtrail, mode: lookup_events, regions: [us-east-1, eu-west-1] }',
    },
    { title: 'Files that were saved', yaml: 'case: { type: cloudtrail, mode: file, files: evidence }' },
  ],
  delivery: 'at_least_once',
  emits: () => ['aws_cloudtrail'],
  fills: cloudFills,
  shared: ({ mode, exclusive }) => (mode === 'sqs' && exclusive !== true ? { by: [] } : undefined),
  positionFor: ({ mode, queue, bucket, prefix, interval, files, regions, region }) => ({
    mode,
    queue,
    bucket,
    prefix,
    interval,
    files,
    regions,
    region,
  }),
  prepare(given, plan) {
    for (const { message, key } of problemsOf(given)) {
      plan.report({ severity: 'error', code: 'CONFIG_CLOUDTRAIL', message }, [key]);
    }
    if (given.mode === 'sqs' && given.queue !== undefined) plan.claim([receiving(given, given.queue)], ['queue']);
    if (given.mode === 'file')
      for (const [index, path] of (given.files ?? []).entries()) prepareFile(path, index, plan);
  },
  open: (given, ctx) =>
    new Observable<Batch>((subscriber) => {
      let reading: Reading | undefined;
      let stopped = false;
      if (given.mode !== 'file') ctx.trouble('not connected yet');
      readingOf(given, ctx, (batch) => subscriber.next(batch))
        .then(async (made) => {
          reading = made;
          if (stopped) return;
          await made.run();
          subscriber.complete();
        })
        .catch((error) => subscriber.error(error));
      return () => {
        stopped = true;
        reading?.stop();
      };
    }),
});

async function readingOf(given: Config, ctx: SourceContext, next: (batch: Batch) => void): Promise<Reading> {
  switch (given.mode) {
    case 'sqs':
      return new (await import('./queue.ts')).Queue(given, ctx, next);
    case 's3':
      return new (await import('./listing.ts')).Listing(given, ctx, next);
    case 'lookup_events':
      return new (await import('./lookup.ts')).Lookup(given, ctx, next);
    case 'file':
      return new (await import('./files.ts')).Files(given, ctx, next);
  }
}

// It is read once, at the start: what is not there then never is.
function prepareFile(path: string, index: number, plan: PlanContext): void {
  try {
    const given = plan.resolve(path);
    for (const file of filesIn(given)) plan.claim(reading(file), ['files', index]);
    if (statSync(given).isDirectory()) plan.claim(readingBelow(given, ENDINGS), ['files', index]);
  } catch (error) {
    const message = `Cannot read ${path}: ${messageOf(error)}`;
    const hint = path.includes('*')
      ? { hint: 'Patterns are not taken: name the folder for all log files below it.' }
      : {};
    plan.report({ severity: 'error', code: 'CONFIG_FILE', message, ...hint }, ['files', index]);
  }
}

// A URL says which queue it is; a name only together with whose it is, and where.
function receiving(given: Config, queue: string): Claim {
  const { queue_owner, region, endpoint, profile, config_file, credentials_file, assume_role } = given;
  const whose = [queue_owner, region, endpoint, profile, config_file, credentials_file, assume_role?.arn];
  return {
    resource: JSON.stringify(['sqs', queue, ...(queue.includes('://') ? [] : whose)]),
    does: `takes messages from the queue ${queue}`,
    advice:
      'A queue gives a message to one of those who ask: let one source read it, with a higher `concurrency` where it is slow.',
  };
}

/** The configuration of `correlate`. */

import { z } from 'zod';
import { duration } from '../../core/config.ts';
import { priorities } from '../../rules/index.ts';
import { key } from '../shared/key.ts';

const pattern = {
  condition: z.string().min(1).optional().describe("Which events, in Falco's filter language. Default: all."),
  source: z.string().optional().describe('The event source that they are of. Default: any.'),
};

const steps = (what: string) => z.array(z.strictObject(pattern)).min(2).max(16).optional().describe(what);

export const config = z
  .strictObject({
    key: key()
      .optional()
      .describe(
        'The fields whose values are looked at separately; by event source where they differ. Events without them do not count.',
      ),
    within: duration().prefault('5m').describe('Time that a match may take, by the times of the events.'),
    lateness: duration()
      .optional()
      .describe('How late an event may come. Default: 10s; 15m where a source above is of audit logs.'),
    threshold: z
      .strictObject({ count: z.int().min(2).describe('So many of them.'), ...pattern })
      .optional()
      .describe('Matches so many events.'),
    distinct: z
      .strictObject({
        field: key().describe('The field whose values are counted.'),
        count: z.int().min(2).describe('So many different ones.'),
        ...pattern,
      })
      .optional()
      .describe('Matches events that have so many different values of a field.'),
    sequence: steps('Matches an event for each entry, in their order.'),
    join: steps('Matches an event for each entry, in any order.'),
    rule: z.string().min(1).describe('The rule that alerts name.'),
    priority: z.enum(priorities).default('Warning').describe('The priority of alerts.'),
    tags: z.array(z.string()).default([]).describe('Tags of alerts.'),
    output: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The message of alerts, with the fields of the key, %correlate.count, %correlate.values, %correlate.first_time, %correlate.last_time and %correlate.events.',
      ),
    max_keys: z
      .int()
      .min(1)
      .default(10_000)
      .describe(
        'Values of the key held at once; past that the one without events for longest is forgotten, and counted.',
      ),
    max_per_key: z
      .int()
      .min(2)
      .default(1_000)
      .describe('Events held of each; past that the oldest is forgotten, and counted.'),
  })
  .refine(
    ({ threshold, distinct, sequence, join }) =>
      [threshold, distinct, sequence, join].filter((each) => each !== undefined).length === 1,
    'Name one of `threshold`, `distinct`, `sequence` and `join`',
  )
  .refine(
    ({ threshold, distinct, max_per_key: most }) => Math.max(threshold?.count ?? 0, distinct?.count ?? 0) <= most,
    '`max_per_key` must not be less than the count',
  );

export type CorrelateConfig = z.output<typeof config>;

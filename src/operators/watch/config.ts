/** The configuration of `watch`, and what it becomes when the pipeline is planned. */

import { z } from 'zod';
import { duration } from '../../core/config.ts';
import type { Value } from '../../events/field.ts';
import { priorities } from '../../rules/index.ts';
import type { EdgeCondition } from '../shared/condition.ts';
import { type EdgeKey, key } from '../shared/key.ts';

export const config = z
  .strictObject({
    key: key().describe('The fields whose values are watched, each for itself; by event source where they differ.'),
    condition: z
      .string()
      .min(1)
      .optional()
      .describe("Which events are signs of life, in Falco's filter language. Default: all."),
    source: z.string().min(1).optional().describe('The event source that they are of. Default: any.'),
    expect: z
      .union([
        z.array(z.string().min(1)).min(1),
        z.strictObject({
          table: z
            .string()
            .min(1)
            .describe('A file: CSV with a line of column names, or JSON, as of the operator enrich.'),
          column: z
            .string()
            .min(1)
            .optional()
            .describe('The column of the values. Default: the first; of a JSON object its keys.'),
        }),
      ])
      .optional()
      .describe(
        'Values of the key that must come, a list or those of a table: one that never does is reported too. The key is one field then.',
      ),
    within: duration()
      .optional()
      .describe('One that is expected and has not come so long after the start is reported. Default: as `silent`.'),
    silent: duration().prefault('90s').describe('After this long without one, by arrival, there is an alert.'),
    forget: duration().prefault('7d').describe('After this long without one it is watched no longer.'),
    rule: z.string().min(1).describe('The rule that alerts name.'),
    priority: z.enum(priorities).default('Warning').describe('The priority of alerts; that it is back is a Notice.'),
    tags: z.array(z.string()).default([]).describe('Tags of alerts.'),
    max_keys: z
      .int()
      .min(1)
      .default(10_000)
      .describe(
        'Values of the key watched at once; past that the one that was heard of first is forgotten, and counted.',
      ),
  })
  .refine(({ expect, within }) => expect !== undefined || within === undefined, {
    path: ['within'],
    message: '`within` is about what is expected: give `expect` too',
  });

export type WatchConfig = z.output<typeof config>;

export interface WatchState {
  readonly key: EdgeKey;
  /** What the values of the key are called in alerts. */
  readonly keyNames: readonly string[];
  /** The event source of signs of life; undefined: any. */
  readonly source: string | undefined;
  /** Undefined: all of its events are. */
  readonly conditions: EdgeCondition | undefined;
  /** Values of the key, of which there is one field then, that must come to this replica. */
  readonly expected: readonly string[];
  /** Whether values of the key that an event of `source` has come to this replica, as far as that can be known. */
  readonly isHere: (of: { readonly source: string; readonly values: readonly (Value | undefined)[] }) => boolean;
}

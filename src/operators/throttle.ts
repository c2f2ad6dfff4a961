/** The operator `throttle`: at most so many events in each window, by arrival time, and a sample of the others. */

import { z } from 'zod';
import { bound, defineOperator, where } from '../core/component.ts';
import { duration } from '../core/config.ts';
import { boundKey, type EdgeKey, key, keyReads, stateKeyOn } from './shared/key.ts';
import { Windows } from './shared/windows.ts';

const config = z
  .strictObject({
    limit: z.int().min(0).default(100).describe('Events that pass in one window.'),
    per: duration().prefault('1s').describe('Length of a window; it begins with its first event.'),
    sample: z
      .int()
      .min(2)
      .optional()
      .describe('Past the limit one in so many still passes, so that a storm is seen. Default: none.'),
    key: key()
      .optional()
      .describe('The field, or fields, whose values have windows of their own; by event source where they differ.'),
    max_keys: z
      .int()
      .min(1)
      .default(10_000)
      .describe('Windows held at once; past that the oldest is forgotten, and counted.'),
  })
  .refine(({ limit, sample }) => limit !== 0 || sample !== undefined, {
    message: 'with a limit of 0 nothing passes: say `sample` too, or let some pass',
  });

export const throttle = defineOperator<typeof config, EdgeKey>({
  type: 'throttle',
  summary: 'Limits how many events pass in each window, or passes a sample.',
  config,
  examples: [
    {
      title: 'Ten a minute of each rule',
      yaml: 'calm: { type: throttle, from: detect, limit: 10, per: 1m, key: rule }',
    },
    { title: 'One event in a hundred', yaml: 'some: { type: throttle, from: detect, limit: 0, sample: 100 }' },
  ],
  prepare(options, edge) {
    const state = stateKeyOn(edge, options.key);
    return { state, reads: keyReads(edge, state) };
  },
  create({ limit, per, sample, max_keys: most }, ctx) {
    const windows = new Windows({ limit, per, most, evicted: ctx.metrics.counter('evicted'), ctx });
    const throttled = ctx.metrics.counter('throttled');
    let over = 0;
    return bound((form, source) => {
      const keyOf = boundKey(ctx.state, form, source);
      return where((event) => {
        if (windows.takes(keyOf(event), event)) return true;
        if (sample !== undefined && ++over % sample === 0) return true;
        throttled.value++;
        return false;
      });
    });
  },
});

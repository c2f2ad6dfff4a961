/** The operator `throttle`: at most so many events in each window, by arrival time. */

import { z } from 'zod';
import { bound, defineOperator, where } from '../core/component.ts';
import { duration } from '../core/config.ts';
import { boundKey, type EdgeKey, key, keyOn, keyReads } from './shared/key.ts';

const config = z.strictObject({
  limit: z.int().min(1).default(100).describe('Events that pass in one window.'),
  per: duration().prefault('1s').describe('Length of a window; it begins with its first event.'),
  key: key()
    .optional()
    .describe('The field, or fields, whose values have windows of their own; by event source where they differ.'),
  max_keys: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Windows held at once; past that the oldest is forgotten, and counted.'),
});

interface Window {
  began: number;
  passed: number;
}

export const throttle = defineOperator<typeof config, EdgeKey>({
  type: 'throttle',
  summary: 'Limits how many events pass in each window.',
  config,
  examples: [
    {
      title: 'Ten a minute of each rule',
      yaml: 'calm: { type: throttle, from: detect, limit: 10, per: 1m, key: rule }',
    },
  ],
  prepare(options, edge) {
    const state = keyOn(edge, options.key);
    return { state, reads: keyReads(edge, state) };
  },
  create({ limit, per, max_keys }, ctx) {
    // In the order in which windows began: the first is the oldest.
    const windows = new Map<string, Window>();
    const throttled = ctx.metrics.counter('throttled');
    const forgotten = ctx.metrics.counter('evicted');
    const begin = (value: string, began: number): true => {
      windows.delete(value);
      windows.set(value, { began, passed: 1 });
      if (windows.size > max_keys) {
        windows.delete(windows.keys().next().value as string);
        forgotten.value++;
      }
      return true;
    };
    return bound((form, source) => {
      const keyOf = boundKey(ctx.state, form, source);
      return where((event) => {
        const value = keyOf(event);
        const now = ctx.now();
        const window = windows.get(value);
        if (!window || now - window.began >= per) return begin(value, now);
        if (window.passed < limit) return ++window.passed > 0;
        throttled.value++;
        return false;
      });
    });
  },
});

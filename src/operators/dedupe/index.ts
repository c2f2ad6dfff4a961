/** The operator `dedupe`: of events that repeat within a while, one is kept. */

import { z } from 'zod';
import { bound, defineOperator, type ProvidedField, stream, where } from '../../core/component.ts';
import { duration } from '../../core/config.ts';
import { boundKey, type EdgeKey, key, keyReads, stateKeyOn } from '../shared/key.ts';
import { Windows } from '../shared/windows.ts';
import { lastOfEach } from './last.ts';

const config = z.strictObject({
  key: key().describe('The fields that make events the same: `[rule, proc.name]`; by event source where they differ.'),
  within: duration().prefault('5m').describe('How long after the first one others count as repetitions, by arrival.'),
  emit: z
    .enum(['first', 'last', 'both'])
    .default('first')
    .describe(
      'first: the first, at once. last: the last, at the end of `within`, with `dedupe.count`, `dedupe.first_time` and `dedupe.last_time`. both: the first at once, and the last if there were repetitions.',
    ),
  max_keys: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Different events held at once; past that the oldest is closed early, and counted.'),
});

const counts: readonly ProvidedField[] = [
  { name: 'dedupe.count', doc: 'How many there were.', type: 'number' },
  { name: 'dedupe.first_time', doc: 'When the first of them happened.', type: 'time' },
  { name: 'dedupe.last_time', doc: 'When the last of them happened.', type: 'time' },
];

export const dedupe = defineOperator<typeof config, EdgeKey>({
  type: 'dedupe',
  summary: 'Keeps one of the events that repeat, and counts the others.',
  config,
  examples: [
    {
      title: 'One alert of each rule and program in ten minutes',
      yaml: 'once: { type: dedupe, from: detect, key: [rule, proc.name], within: 10m }',
    },
    {
      title: 'The first at once, and how many there were',
      yaml: 'once: { type: dedupe, from: detect, key: rule, emit: both }',
    },
  ],
  provides: ({ emit }) => (emit === 'first' ? [] : counts),
  prepare(options, edge) {
    const state = stateKeyOn(edge, options.key);
    return { state, reads: keyReads(edge, state) };
  },
  create(options, ctx) {
    const { within, emit, max_keys: most } = options;
    const repeated = ctx.metrics.counter('deduplicated');
    const evicted = ctx.metrics.counter('evicted');
    if (emit !== 'first') return stream(lastOfEach({ ...options, emit, key: ctx.state, repeated, evicted, ctx }));
    const windows = new Windows({ limit: 1, per: within, most, evicted, ctx });
    return bound((form, source) => {
      const keyOf = boundKey(ctx.state, form, source);
      return where((event) => {
        if (windows.takes(`${source} ${keyOf(event)}`, event)) return true;
        repeated.value++;
        return false;
      });
    });
  },
});

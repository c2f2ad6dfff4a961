/** The operator `watch`: something that ought to come, and does not, becomes an alert. */

import { z } from 'zod';
import {
  type Demand,
  type Demands,
  defineOperator,
  type Edge,
  type ProvidedField,
  stream,
} from '../../core/component.ts';
import { duration } from '../../core/config.ts';
import { priorities } from '../../rules/index.ts';
import { conditionOn, conditionReads, type EdgeCondition } from '../shared/condition.ts';
import { type EdgeKey, key, keyReads, stateKeyOn } from '../shared/key.ts';
import { watched } from './silence.ts';

const config = z.strictObject({
  key: key().describe('The fields whose values are watched, each for itself; by event source where they differ.'),
  condition: z
    .string()
    .min(1)
    .optional()
    .describe("Which events are signs of life, in Falco's filter language. Default: all."),
  source: z.string().min(1).optional().describe('The event source that they are of. Default: any.'),
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
}

const provided: readonly ProvidedField[] = [
  { name: 'watch.state', doc: '`silent`, or `back`.' },
  { name: 'watch.last_time', doc: 'When the last event happened before the silence.', type: 'time' },
  { name: 'watch.silence', doc: 'Seconds of silence so far.', type: 'number' },
];

export const watch = defineOperator<typeof config, WatchState>({
  type: 'watch',
  summary: 'Raises an alert when nothing comes for a while of what has come before, and says when it is back.',
  config,
  emits: 'alert',
  examples: [
    {
      title: 'Nodes whose heartbeat has stopped',
      yaml: ['lost:', '  type: watch', '  from: heartbeats', '  key: node.name', '  rule: Node is silent'].join('\n'),
    },
  ],
  provides: () => provided,
  prepare({ key: given, condition, source }, edge) {
    if (source !== undefined && condition === undefined && !edge.sources.includes(source)) {
      const message = `No event of "${source}" comes here`;
      edge.report(
        { severity: 'error', code: 'CONFIG_SOURCE', message, hint: `There are ${edge.sources.join(', ')}.` },
        ['source'],
      );
    }
    const keys = stateKeyOn(edge, given);
    const keyNames = (keys.get(source ?? edge.sources[0] ?? '') ?? []).map(({ text }) => text);
    const conditions = condition === undefined ? undefined : conditionOn(edge, condition, source);
    const state = { key: keys, keyNames, source, conditions };
    return { state, reads: readsOf(edge, state) };
  },
  create: (options, ctx) => stream(watched(options, ctx)),
});

function readsOf(edge: Edge, { key: keys, source, conditions }: WatchState): Demands {
  const ofKey = keyReads(edge, keys);
  const ofCondition = conditionReads(edge, conditions ?? new Map());
  return new Map(
    [...ofCondition].map(([each, demand]): [string, Demand] => {
      if (source !== undefined && each !== source) return [each, { fields: new Set(), types: new Set() }];
      return [each, { ...demand, fields: demand.fields.union(ofKey.get(each)?.fields ?? new Set()) }];
    }),
  );
}

/** The operator `watch`: something that ought to come, and does not, becomes an alert. */

import {
  type Demand,
  type Demands,
  defineOperator,
  type Edge,
  type ProvidedField,
  stream,
} from '../../core/component.ts';
import type { FieldRef } from '../../events/field.ts';
import { conditionOn, conditionReads } from '../shared/condition.ts';
import { type EdgeKey, keyReads, stateKeyOn } from '../shared/key.ts';
import { tableOn } from '../shared/table.ts';
import { config, type WatchConfig, type WatchState } from './config.ts';
import { watched } from './silence.ts';

const provided: readonly ProvidedField[] = [
  { name: 'watch.state', doc: '`silent`, `missing` (it was expected and has never come), or `back`.' },
  { name: 'watch.last_time', doc: 'When the last event happened before the silence, if there was one.', type: 'time' },
  { name: 'watch.silence', doc: 'Seconds of silence so far.', type: 'number' },
];

export const watch = defineOperator<typeof config, WatchState>({
  type: 'watch',
  summary:
    'Raises an alert when nothing comes for a while of what has come before or is expected, and says when it is back.',
  config,
  emits: 'alert',
  examples: [
    {
      title: 'Nodes whose heartbeat has stopped',
      yaml: ['lost:', '  type: watch', '  from: heartbeats', '  key: node.name', '  rule: Node is silent'].join('\n'),
    },
    {
      title: 'Also nodes that have never come',
      yaml: [
        'lost:',
        '  type: watch',
        '  from: heartbeats',
        '  key: node.name',
        '  expect: [node-a, node-b]',
        '  within: 5m',
        '  rule: Node is silent',
      ].join('\n'),
    },
  ],
  // Those that are expected may change while it is known who lives.
  stateFor: ({ key, condition, source }) => ({ key, condition, source }),
  provides: () => provided,
  prepare({ key: given, condition, source, expect, max_keys: most }, edge) {
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
    const counting = source === undefined ? [...keys.values()] : [keys.get(source) ?? []];
    const expected = expectedOn(edge, expect, counting);
    if (expected.length > most) {
      const message = `${expected.length} values are expected, and max_keys is ${most}`;
      edge.report({ severity: 'error', code: 'CONFIG_EXPECT', message, hint: 'Set it higher.' }, ['max_keys']);
    }
    const state = { key: keys, keyNames, source, conditions, expected, isHere: hereOn(edge, keys) };
    // Which of them come to this replica is no part of the configuration.
    return {
      state,
      reads: readsOf(edge, state),
      digest: JSON.stringify(expected),
      notes: { expected: expected.length },
    };
  },
  create: (options, ctx) => stream(watched(options, ctx)),
});

// Values that must come to this replica.
function expectedOn(
  edge: Edge,
  expect: WatchConfig['expect'],
  keys: readonly (readonly FieldRef[])[],
): readonly string[] {
  if (expect === undefined) return [];
  const wrong = (code: string, message: string, hint: string) => {
    edge.report({ severity: 'error', code, message, hint }, ['expect']);
    return [];
  };
  if (keys.some((refs) => refs.length > 1))
    return wrong('CONFIG_EXPECT', 'What is expected is values of one field, and the key has more', 'Key by one field.');
  const all = Array.isArray(expect) ? expect : [...tableOn(edge, expect, ['expect', 'table']).keys()];
  if (edge.shared.length === 0) return all;
  const unknown = edge.shared.find(({ has }) => has === undefined);
  if (unknown) {
    const message = `Replicas divide the events of ${unknown.id}, and nobody knows beforehand what comes to which`;
    return wrong('CONFIG_SHARED', message, 'Let one replica read them alone and watch, or do without `expect`.');
  }
  return all.filter((value) => edge.shared.some(({ has }) => has?.([value])));
}

// What came to this replica may come to another one now: here it would only fall silent.
function hereOn({ shared }: Edge, keys: EdgeKey): WatchState['isHere'] {
  if (shared.length === 0) return () => true;
  return ({ source, values }) => {
    const names = (keys.get(source) ?? []).map(({ text }) => text);
    const of = (by: readonly string[]) => by.map((field) => String(values[names.indexOf(field)] ?? ''));
    return shared.some(({ by, has }) => has?.(of(by)) ?? true);
  };
}

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

/** What `correlate` finds out while the pipeline is planned: its conditions, its key, the format of its alerts. */

import type { Demand, Demands, Edge, ProvidedField } from '../../core/component.ts';
import { joinTypes } from '../../core/flow/demanded-types.ts';
import { joinHosts } from '../../core/flow/hosts.ts';
import { makeCatalogue } from '../../events/catalogue.ts';
import type { Catalogue, Field } from '../../events/field.ts';
import { compileFormat, type Format, RuleError } from '../../rules/index.ts';
import { cataloguesOn, fieldOf } from '../shared/catalogues.ts';
import { conditionOn, conditionReads, type EdgeCondition } from '../shared/condition.ts';
import { inside } from '../shared/inside.ts';
import { type EdgeKey, keyOn, keyReads, stateKeyOn } from '../shared/key.ts';
import type { CorrelateConfig } from './config.ts';
import { distinct, join, type Pattern, sequence, threshold } from './patterns.ts';

/** Which events satisfy one entry. */
export interface Entry {
  /** Of any event source when undefined. */
  readonly source: string | undefined;
  /** Undefined: all of them. */
  readonly conditions: EdgeCondition | undefined;
}

export interface CorrelateState {
  readonly pattern: Pattern;
  readonly entries: readonly Entry[];
  readonly key: EdgeKey;
  /** What the values of the key are called in alerts. */
  readonly keyNames: readonly string[];
  /** The field whose different values are counted. */
  readonly counted: EdgeKey | undefined;
  readonly output: Format | undefined;
  /** Milliseconds. */
  readonly lateness: number;
}

const SOON = 10_000; // ms that events of this machine may be late
const CLOUD = 900_000; // ms that audit logs may be

// Whether some source above, also of alerts, emits what comes from far away.
function fromCloud(edge: Edge): boolean {
  const near = new Set(['syscall', 'container', 'alert', 'internal']);
  const known = [...new Set([...edge.sources, ...cataloguesOn(edge).keys()])];
  return known.some((source) => !near.has(source) && edge.emitsType(source, '') !== false);
}

type Given = Readonly<{ condition?: string | undefined; source?: string | undefined }>;
type Place = readonly (string | number)[];

/** Reports what is wrong; `reads` is what the operator needs of events. */
export function planCorrelate(config: CorrelateConfig, edge: Edge): { state: CorrelateState; reads: Demands } {
  const { pattern, given } = patternOf(config);
  const entries = given.map(([entry, place]) => entryOn(entry, place, edge));
  const key = stateKeyOn(edge, config.key);
  const keyNames = (key.get(edge.sources[0] ?? '') ?? []).map(({ text }) => text);
  const counted = config.distinct && keyOn(edge, config.distinct.field, ['distinct', 'field']);
  const output = config.output === undefined ? undefined : outputOn(config.output, keyNames, edge);
  const reads = readsOf(edge, entries, [keyReads(edge, key), ...(counted ? [keyReads(edge, counted)] : [])]);
  const lateness = config.lateness ?? (fromCloud(edge) ? CLOUD : SOON);
  return { state: { pattern, entries, key, keyNames, counted, output, lateness }, reads };
}

function patternOf(config: CorrelateConfig): { pattern: Pattern; given: (readonly [Given, Place])[] } {
  if (config.threshold) {
    return { pattern: threshold(config.threshold.count), given: [[config.threshold, ['threshold']]] };
  }
  if (config.distinct) return { pattern: distinct(config.distinct.count), given: [[config.distinct, ['distinct']]] };
  const name = config.sequence ? 'sequence' : 'join';
  const list = config[name] ?? [];
  const pattern = name === 'sequence' ? sequence(list.length) : join(list.length);
  return { pattern, given: list.map((entry, index) => [entry, [name, index]] as const) };
}

function entryOn({ condition, source }: Given, place: Place, edge: Edge): Entry {
  const here = inside(edge, place);
  if (condition !== undefined) return { source, conditions: conditionOn(here, condition, source) };
  if (source !== undefined && !edge.sources.includes(source)) {
    const hint = `There are ${edge.sources.join(', ')}.`;
    here.report({ severity: 'error', code: 'CONFIG_SOURCE', message: `No event of "${source}" comes here`, hint }, [
      'source',
    ]);
  }
  return { source, conditions: undefined };
}

// Of an event source for which every entry knows its event types, no others are asked for.
function readsOf(edge: Edge, entries: readonly Entry[], keys: readonly Demands[]): Demands {
  return new Map(
    edge.sources.map((source): [string, Demand] => {
      const mine = entries.filter((entry) => entry.source === undefined || entry.source === source);
      const demands = mine.map(({ conditions }) => conditions && conditionReads(edge, conditions).get(source));
      const fields = [...demands, ...keys.map((key) => key.get(source))].flatMap((demand) => [
        ...(demand?.fields ?? []),
      ]);
      const types = joinTypes(demands.map((demand) => demand ?? { types: 'all' as const }));
      return [source, { fields: new Set(fields), ...types, ...joinHosts(demands) }];
    }),
  );
}

/** What an alert has beside the fields of the key. */
export const providedFields: readonly ProvidedField[] = [
  { name: 'correlate.count', doc: 'How many events matched.', type: 'number' },
  { name: 'correlate.first_time', doc: 'When the first of them happened.', type: 'time' },
  { name: 'correlate.last_time', doc: 'When the last of them happened.', type: 'time' },
  { name: 'correlate.values', doc: 'The different values that were counted.' },
  { name: 'correlate.events', doc: 'The first ten of the events, in a few words each.' },
];

function outputOn(text: string, keyNames: readonly string[], edge: Edge): Format | undefined {
  try {
    return compileFormat(text, catalogueOf(keyNames), { place: edge.placer(['output']) });
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    for (const diagnostic of error.diagnostics) edge.report(diagnostic, ['output']);
    return undefined;
  }
}

function catalogueOf(keyNames: readonly string[]): Catalogue {
  const ofKey = keyNames.map(
    (name): Field => ({ name, type: 'CHARBUF', doc: 'A field of the key.', class: 'correlate' }),
  );
  return makeCatalogue('alert', [...providedFields.map(fieldOf), ...ofKey]);
}

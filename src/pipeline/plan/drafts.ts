/** Drafts of a plan: for each entry of a pipeline file its component, and the configuration that this reads there. */

import type { OperatorDefinition, SinkDefinition, SourceDefinition } from '../../core/component.ts';
import type { DeliveryConfig } from '../../core/delivery/delivery-config.ts';
import { neededOptions } from '../../sinks/formats/format.ts';
import { formats } from '../../sinks/formats/index.ts';
import type { Path, PipelineDocument } from './document.ts';
import { didYouMean } from './explain.ts';
import type { Findings } from './findings.ts';
import type { Placed, PlannedOperator, PlannedSink, PlannedSource } from './planned.ts';
import type { Registry } from './registry.ts';
import { componentShape, type PipelineFile, parseShape, type Section, sectionKeys } from './shape.ts';

/** What is known so far of what will be a `T`. */
export type Draft<T> = { -readonly [K in keyof T]?: T[K] } & Pick<Placed, 'id' | 'type' | 'config'> & {
    path: Path;
    identity: string;
  };

export type SourceDraft = Draft<PlannedSource> & { definition: SourceDefinition };
export type OperatorDraft = Draft<PlannedOperator> & { definition: OperatorDefinition; from: string[] };
export type SinkDraft = Draft<PlannedSink> & { definition: SinkDefinition; from: string[]; delivery: DeliveryConfig };

/** By id. */
export interface Drafts {
  readonly sources: Map<string, SourceDraft>;
  readonly operators: Map<string, OperatorDraft>;
  readonly sinks: Map<string, SinkDraft>;
}

const ONE: Record<Section, string> = { sources: 'a source', operators: 'an operator', sinks: 'a sink' };

/** Drafts what can be; the rest is said in `findings`. */
export function draftComponents(
  file: PipelineFile,
  document: PipelineDocument,
  registry: Registry,
  findings: Findings,
): Drafts {
  const drafts: Drafts = { sources: new Map(), operators: new Map(), sinks: new Map() };
  const taken = new Map<string, Section>();
  for (const section of ['sources', 'operators', 'sinks'] as const) {
    const known = registry[section] as Map<string, SourceDefinition | OperatorDefinition | SinkDefinition>;
    for (const [id, value] of Object.entries(file[section])) {
      const path = [section, id];
      const before = taken.get(id);
      const isTaken = `The id "${id}" is taken already, in ${before}`;
      if (before) findings.error('CONFIG_ID', isTaken, path, 'Give it another one.', 'key');
      taken.set(id, section);
      const definition = known.get(value.type);
      if (!definition) {
        unknownType(value.type, section, [...path, 'type'], registry, findings);
        continue;
      }
      const shape = componentShape(section, value.type, definition.config);
      const parsed = parseShape(shape, value, path, document, (diagnostic) => findings.all.push(diagnostic));
      // Of two with one id nobody knows which is meant.
      if (!parsed || before) continue;
      const { type: _, ...given } = parsed as Record<string, unknown>;
      const shared = pick(given, (key) => key in sectionKeys[section]);
      const config = pick(given, (key) => !(key in shared));
      const identity = JSON.stringify([value.type, config, pick(shared, (key) => key !== 'from')]);
      const draft = { id, type: value.type, definition, path, config, identity };
      if (section === 'sources') drafts.sources.set(id, draft as never);
      else if (section === 'operators') drafts.operators.set(id, { ...draft, ...shared } as never);
      else {
        const { from, ...delivery } = shared;
        drafts.sinks.set(id, { ...draft, from, delivery } as never);
      }
    }
  }
  return drafts;
}

function unknownType(type: string, section: Section, path: Path, registry: Registry, findings: Findings): void {
  const kind = section.slice(0, -1);
  for (const other of ['sources', 'operators', 'sinks'] as const) {
    if (other === section || !registry[other].has(type)) continue;
    const message = `"${type}" is ${ONE[other]}, not ${ONE[section]}`;
    findings.error('CONFIG_UNKNOWN_TYPE', message, path, `Put it under ${other}.`);
    return;
  }
  const known = [...registry[section].keys()];
  const hint =
    (section === 'sinks' ? formatHint(type) : undefined) ?? didYouMean(type, known) ?? listed(known, section);
  findings.error('CONFIG_UNKNOWN_TYPE', `There is no ${kind} of type "${type}"`, path, hint);
}

function formatHint(type: string): string | undefined {
  const format = formats.find((each) => each.type === type || each.type.startsWith(`${type}_`));
  if (!format) return undefined;
  const needed = neededOptions(format).map((key) => `, ${key}: …`);
  const written = needed.length > 0 ? `{ type: ${format.type}${needed.join('')} }` : format.type;
  return `That is a format of the sink http: { type: http, format: ${written}${format.url ? '' : ', url: …'} }`;
}

function listed(known: readonly string[], section: Section): string {
  const all = `Known types: ${known.join(', ')}`;
  return section === 'sinks' ? `${all}; http has the formats ${formats.map(({ type }) => type).join(', ')}` : all;
}

function pick(from: Record<string, unknown>, chosen: (key: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => chosen(key)));
}

/** The reference of sources, operators and sinks: a page each, out of what each component says of itself. */

import { z } from 'zod';
import type { OperatorDefinition, SinkDefinition, SourceDefinition } from '../../src/core/component.ts';
import type { Registry } from '../../src/pipeline/plan/registry.ts';
import { componentShape, type Section, sectionKeys } from '../../src/pipeline/plan/shape.ts';
import { keyColumns, keyRows, type Schema } from './keys.ts';
import { code, fence, page, table } from './markdown.ts';

type Definition = SourceDefinition | OperatorDefinition | SinkDefinition;

const TYPES = 'A time is a number and a unit (`250ms`, `10s`, `5m`), a size likewise (`64KiB`, `16MiB`).';

const introductions: Readonly<Record<Section, string>> = {
  sources: `Where events come from. ${TYPES}`,
  operators: `What is done with events. ${TYPES}`,
  sinks: `Where events go. ${TYPES}`,
};

/** The page of one section of pipeline files. */
export function componentPage(section: Section, registry: Registry): string {
  const definitions: readonly Definition[] = [...registry[section].values()];
  const title = `${section.charAt(0).toUpperCase()}${section.slice(1)}`;
  const own = definitions.map((definition) => describe(section, definition));
  return page(title, introductions[section], [...sharedKeys(section), ...own]);
}

function sharedKeys(section: Section): string[] {
  const schema = z.toJSONSchema(z.strictObject(sectionKeys[section]), { io: 'input' }) as Schema;
  const rows = keyRows(schema);
  return rows.length === 0 ? [] : [`## Keys of all ${section}\n\n${table(keyColumns, rows)}`];
}

function describe(section: Section, definition: Definition): string {
  const { type, summary, config, examples } = definition;
  const schema = z.toJSONSchema(componentShape(section, type, config), { io: 'input' }) as Schema;
  const rows = keyRows(schema, new Set(['type', ...Object.keys(sectionKeys[section])]));
  const keys = rows.length === 0 ? 'It has no keys of its own.' : table(keyColumns, rows);
  const shown = examples.map(({ title, yaml }) => `${title}:\n\n${fence('yaml', yaml)}`);
  return [`## ${type}`, summary, ...traits(definition), keys, ...shown].join('\n\n');
}

function traits(definition: Definition): string[] {
  if (definition.kind === 'source') return [`Delivery: ${definition.delivery.replaceAll('_', ' ')}.`];
  if (definition.kind === 'operator' && definition.emits !== 'same')
    return [`Emits events of ${code(definition.emits)}.`];
  return [];
}

/** The keys of a configuration, as rows of a table, out of its JSON Schema. */

import { code } from './markdown.ts';

/** As much of JSON Schema as zod writes for our configurations. */
export interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

export const keyColumns = ['key', 'type', 'default', 'what it does'] as const;

/** One row a key; keys within keys as `queue.events`. Keys in `without` are left out. */
export function keyRows(schema: Schema, without: ReadonlySet<string> = new Set(), prefix = ''): string[][] {
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => !without.has(name))
    .flatMap(([name, each]) => {
      const required = schema.required?.includes(name) ?? false;
      return [row(`${prefix}${name}`, each, required), ...keyRows(each, new Set(), `${prefix}${name}.`)];
    });
}

function row(name: string, schema: Schema, required: boolean): string[] {
  const isGroup = schema.properties !== undefined;
  const standard = required ? 'required' : isGroup ? '' : code(shown(schema.default));
  return [code(name), typeOf(schema), standard, schema.description ?? ''];
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function typeOf(schema: Schema): string {
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(', ');
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object') return objectType(schema);
  if (schema.type === 'string') return textType(schema);
  return schema.type === undefined ? 'any' : `${schema.type}${range(schema)}`;
}

function objectType({ additionalProperties }: Schema): string {
  const isMap = typeof additionalProperties === 'object' && Object.keys(additionalProperties).length > 0;
  return isMap ? `map to ${typeOf(additionalProperties)}` : 'keys';
}

// What src/core/config.ts reads: a number and a unit.
function textType({ pattern }: Schema): string {
  if (pattern?.includes('(ms|s|')) return 'time';
  return pattern?.includes('KiB') ? 'size' : 'string';
}

function range({ minimum, maximum, exclusiveMinimum }: Schema): string {
  const parts: string[] = [];
  if (exclusiveMinimum !== undefined) parts.push(`> ${exclusiveMinimum}`);
  if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) parts.push(`>= ${minimum}`);
  if (maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER) parts.push(`<= ${maximum}`);
  return parts.length > 0 ? ` ${parts.join(', ')}` : '';
}

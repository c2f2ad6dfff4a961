/** The keys of a configuration, as rows of a table, out of its JSON Schema. */

import { code } from './markdown.ts';

/** As much of JSON Schema as zod writes for our configurations. */
export interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
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
      const inner = [each, ...kinds(each)].flatMap((kind) => keyRows(kind, new Set(), `${prefix}${name}.`));
      return [row(`${prefix}${name}`, each, required), ...inner];
    });
}

// Of a value that is one of several maps told apart by `type` (a format), the keys of each; each kind names itself first.
function kinds(schema: Schema): Schema[] {
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return alternatives.flatMap((each) => (each.properties?.type?.const === undefined ? kinds(each) : [kind(each)]));
}

function kind({ properties = {}, description = '', ...schema }: Schema): Schema {
  const { type, ...others } = properties;
  return { ...schema, properties: { type: { ...type, description }, ...others } };
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

// What src/core/secret.ts reads.
function isSecret({ anyOf = [] }: Schema): boolean {
  return anyOf.length === 2 && anyOf[0]?.properties?.env !== undefined && anyOf[1]?.properties?.file !== undefined;
}

function typeOf(schema: Schema): string {
  if (isSecret(schema)) return `${code('{env: NAME}')} or ${code('{file: PATH}')}`;
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return [...new Set(alternatives.map(typeOf))].join(' or ');
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

/** JSON Schema (draft 2020-12), as much of it as this program emits: what is not known here is an error, not ignored. */

export type Schema = Record<string, unknown> | boolean;

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
const isText = (value: unknown) => typeof value === 'string';
const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;
const isNumber = (value: unknown) => typeof value === 'number';
const isSchema = (value: unknown) => typeof value === 'object' && value !== null;
const isSchemas = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(isSchema);
const isMapOf = (value: unknown, each: (inner: unknown) => boolean) =>
  typeof value === 'object' && value !== null && Object.values(value).every(each);
const isPattern = (value: unknown) => isText(value) && new RegExp(value as string, 'u') instanceof RegExp;

/** The keywords and what each must be. */
const KEYWORDS: Record<string, (value: unknown) => boolean> = {
  $schema: (value) => value === 'https://json-schema.org/draft/2020-12/schema',
  title: isText,
  description: isText,
  type: (value) => [value].flat().every((each) => TYPES.includes(each as string)),
  const: () => true,
  default: () => true,
  enum: (value) => Array.isArray(value) && value.length > 0,
  properties: (value) => isMapOf(value, isSchema),
  required: (value) => Array.isArray(value) && value.every(isText),
  additionalProperties: (value) => typeof value === 'boolean' || isSchema(value),
  propertyNames: isSchema,
  items: isSchema,
  anyOf: isSchemas,
  oneOf: isSchemas,
  pattern: isPattern,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
};

/** What is wrong with a schema as a schema, by path. */
export function flaws(schema: unknown, path = '#'): string[] {
  if (typeof schema !== 'object' || schema === null) return [`${path} is no schema`];
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const here = `${path}/${keyword}`;
    if (!KEYWORDS[keyword]?.(value)) return [`${here} is not what the draft allows`];
    if (keyword === 'properties') return Object.entries(value).flatMap(([key, each]) => flaws(each, `${here}/${key}`));
    if (keyword === 'anyOf' || keyword === 'oneOf')
      return [...value.entries()].flatMap(([n, each]) => flaws(each, `${here}/${n}`));
    return isSchema(value) && /^(items|propertyNames|additionalProperties)$/.test(keyword) ? flaws(value, here) : [];
  });
}

const typeOf = (value: unknown) =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;

/** Whether a value satisfies a schema. */
export function accepts(schema: Schema, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  const has = <T>(keyword: string, test: (wanted: T) => boolean) => !(keyword in schema) || test(schema[keyword] as T);
  const type = typeOf(value);
  const object = type === 'object' ? (value as Record<string, unknown>) : {};
  const known = (schema.properties ?? {}) as Record<string, Schema>;
  const text = isText(value) ? (value as string) : undefined;
  const list = Array.isArray(value) ? value : [];
  return (
    has<string | string[]>('type', (types) =>
      [types].flat().some((each) => each === type || (each === 'number' && type === 'integer')),
    ) &&
    has('const', (wanted) => wanted === value) &&
    has<unknown[]>('enum', (values) => values.includes(value)) &&
    has<string[]>('required', (keys) => type !== 'object' || keys.every((key) => key in object)) &&
    Object.entries(object).every(([key, inner]) =>
      accepts(known[key] ?? ((schema.additionalProperties ?? true) as Schema), inner),
    ) &&
    has<Schema>('propertyNames', (names) => Object.keys(object).every((key) => accepts(names, key))) &&
    has<Schema>('items', (items) => list.every((each) => accepts(items, each))) &&
    has<number>('minItems', (least) => type !== 'array' || list.length >= least) &&
    has<Schema[]>('anyOf', (some) => some.some((each) => accepts(each, value))) &&
    has<Schema[]>('oneOf', (some) => some.filter((each) => accepts(each, value)).length === 1) &&
    has<string>('pattern', (pattern) => text === undefined || new RegExp(pattern, 'u').test(text)) &&
    has<number>('minLength', (least) => text === undefined || text.length >= least) &&
    has<number>('minimum', (least) => typeof value !== 'number' || value >= least) &&
    has<number>('maximum', (most) => typeof value !== 'number' || value <= most) &&
    has<number>('exclusiveMinimum', (least) => typeof value !== 'number' || value > least)
  );
}

/** Templates: `%{ item.key }` is replaced by the values of each case of a test. */

import type { z } from 'zod';
import type { casesShape } from './schema.ts';

/** The values of one case, by key. */
export type Item = Readonly<Record<string, unknown>>;

/** A value that is nothing but a template. */
const TEMPLATE = /^\s*%\{\s*item\.(\S+?)\s*\}\s*$/;

/** The cases of a test, in order: of a vector its one, of a matrix every combination, the last key changing fastest. */
export function itemsOf(cases: z.output<typeof casesShape>): readonly Item[] {
  return (cases ?? []).flatMap(({ strategy, values }) => (strategy === 'vector' ? [values] : product(values)));
}

function product(values: Readonly<Record<string, readonly unknown[]>>): readonly Item[] {
  return Object.entries(values).reduce<readonly Item[]>(
    (items, [key, choices]) => items.flatMap((item) => choices.map((choice) => ({ ...item, [key]: choice }))),
    [{}],
  );
}

/** The key that a value is a template for. */
export function templateKey(value: unknown): string | undefined {
  return typeof value === 'string' ? TEMPLATE.exec(value)?.[1] : undefined;
}

/** A value with its templates filled in; a key that the case does not have is told, and stays as it is. */
export function fill(value: unknown, item: Item, missing: (key: string, path: readonly (string | number)[]) => void) {
  return fillAt(value, item, [], missing);
}

function fillAt(
  value: unknown,
  item: Item,
  path: readonly (string | number)[],
  missing: (key: string, path: readonly (string | number)[]) => void,
): unknown {
  const key = templateKey(value);
  if (key !== undefined) {
    if (Object.hasOwn(item, key)) return item[key];
    missing(key, path);
    return value;
  }
  if (Array.isArray(value)) return value.map((each, index) => fillAt(each, item, [...path, index], missing));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, fillAt(each, item, [...path, name], missing)]),
  );
}

/** Reading parsed JSON that anybody may have written: nothing here throws, and null is absent. */

import type { Value } from '../field.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is an object of JSON: neither null nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a key of an object; undefined for anything else, and for null. */
export function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as JsonObject)[key] ?? undefined;
}

/** The value at the end of a path of keys. */
export function at(value: unknown, keys: readonly string[]): unknown {
  let found = value;
  for (let index = 0; index < keys.length && found !== undefined; index++) found = member(found, keys[index] as string);
  return found;
}

/** As `member`, whatever the case of the key: the key as it is written counts first. */
export function memberAnyCase(value: unknown, key: string): unknown {
  if (!isObject(value)) return undefined;
  const exact = value[key];
  if (exact !== undefined && exact !== null) return exact;
  const wanted = key.toLowerCase();
  for (const name in value) {
    if (name.length === key.length && name.toLowerCase() === wanted && value[name] !== null) return value[name];
  }
  return undefined;
}

/** As `at`, whatever the case of the keys. */
export function atAnyCase(value: unknown, keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) found = memberAnyCase(found, key);
  return found;
}

/** Only the object's own key, for keys that rules name: `constructor` is none. */
export function ownMember(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(key) ? (value[Number(key)] ?? undefined) : undefined;
  return isObject(value) && Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined;
}

/** The items of an array; none of anything else. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A scalar as text; undefined for everything else. */
export function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : undefined;
}

/** As `text`, but the empty one is none: what has no name has no type. */
export function nonEmptyText(value: unknown): string | undefined {
  return text(value) || undefined;
}

/** A scalar as text, an object or array as compact JSON; undefined for null. */
export function textOrJson(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? json(value) : text(value);
}

/** An object or array as compact JSON, integers exact. */
export function json(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, exactly);
  } catch {
    return undefined; // it nests too deeply
  }
}

/** What is kept of an item that is no event: its JSON, or that it has none. */
export function evidence(item: unknown): string {
  return item === undefined ? '' : (json(item) ?? '(it nests too deeply to be shown)');
}

const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

function exactly(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJSON(String(value)) : value;
}

/** A list of texts; an empty one is absent, as in Falco. */
export function list(values: readonly (string | undefined)[]): Value | undefined {
  const found = values.filter((value) => value !== undefined);
  return found.length === 0 ? undefined : found;
}

/** A count of JSON: truncated; undefined where it is none. */
export function count(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return value < 0n ? undefined : value;
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? Math.trunc(value) : undefined;
}

/** The keys of a JSON pointer (RFC 6901); undefined where it is none. */
export function pointerKeys(pointer: string): readonly string[] | undefined {
  if (pointer === '' || !pointer.startsWith('/')) return undefined;
  const unescaped = (key: string) => key.replaceAll('~1', '/').replaceAll('~0', '~');
  return pointer.slice(1).split('/').map(unescaped);
}

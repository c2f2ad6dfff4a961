/** JSON of alerts' parts, for formats: integers exact, bytes as Falco prints them. */

import type { Value } from '../../core/event.ts';
import type { Alert } from '../../events/alert.ts';
import { exactJson } from '../../events/exact-json.ts';

/** The output fields that are present, by name. */
export function presentFields(alert: Alert): [string, Value][] {
  return Object.entries(alert.outputFields).filter((entry): entry is [string, Value] => entry[1] !== null);
}

/** A value as text: lists with commas, bytes with dots for what cannot be printed. */
export function textOf(value: Value): string {
  if (value instanceof Uint8Array) return printable(value);
  return Array.isArray(value) ? value.map((item) => textOf(item as Value)).join(',') : String(value);
}

/** A value for JSON.stringify. */
export function jsonOf(value: Value): unknown {
  return exactJson(value, printable);
}

function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}

/** A field of an alert as text; '' when it has none. */
export function fieldText(alert: Alert, name: string): string {
  const value = alert.get(name);
  return value === undefined ? '' : textOf(value);
}

/** The tags of an alert. */
export function tagsOf(alert: Alert): string[] {
  const tags = alert.get('tags');
  return Array.isArray(tags) ? tags.map(String) : [];
}

/** What a table by priority has for an alert, or else `other`: alerts of others may have any priority. */
export function byPriority<T>(alert: Alert, table: Readonly<Record<string, T>>, other: NoInfer<T>): T {
  const priority = fieldText(alert, 'priority');
  return Object.hasOwn(table, priority) ? (table[priority] as T) : other;
}

/** The nanoseconds of an alert as milliseconds, for formats that know no more. */
export function milliseconds({ time }: Alert): number {
  return Number(time / 1_000_000n);
}

/** The first of some fields that an alert has. */
export function firstOf(alert: Alert, ...names: readonly string[]): Value | undefined {
  for (const name of names) {
    const value = alert.get(name);
    if (value !== undefined && value !== '' && value !== '<NA>') return value;
  }
  return undefined;
}

/** How readers of kernel events are put together. */

import type { Reader, Value } from '../field.ts';
import type { KernelEvent } from './event.ts';

export type KernelReader = Reader<KernelEvent>;

/** Makes the reader of a field, for the argument that it is asked with; undefined when no event has it with that one. */
export type ReaderMaker = (arg: string | undefined) => KernelReader | undefined;

/** Fields that take no argument. */
export function plain(readers: Readonly<Record<string, KernelReader>>): Record<string, ReaderMaker> {
  return Object.fromEntries(Object.entries(readers).map(([name, reader]) => [name, () => reader]));
}

/** Reads only events of some kinds of record. */
export function on(kinds: readonly number[], reader: KernelReader): KernelReader {
  const [first, second] = kinds;
  if (kinds.length === 1) return (event) => (event.kind === first ? reader(event) : undefined);
  if (kinds.length === 2) return (event) => (event.kind === first || event.kind === second ? reader(event) : undefined);
  const set = new Set(kinds);
  return (event) => (set.has(event.kind) ? reader(event) : undefined);
}

/** `value` unless it is undefined. */
export function given<T>(value: T | undefined, read: (value: T) => Value | undefined): Value | undefined {
  return value === undefined ? undefined : read(value);
}

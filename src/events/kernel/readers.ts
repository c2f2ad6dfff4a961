/** How readers of kernel events are put together. */

import type { Reader, Value } from '../field.ts';
import { callOf, NR } from './calls.ts';
import type { KernelEvent } from './event.ts';

export type KernelReader = Reader<KernelEvent>;

/** Makes the reader of a field, for the argument that it is asked with; undefined when no event has it with that one. */
export type ReaderMaker = (arg: string | undefined) => KernelReader | undefined;

/** Fields that take no argument. */
export function plain(readers: Readonly<Record<string, KernelReader>>): Record<string, ReaderMaker> {
  return Object.fromEntries(Object.entries(readers).map(([name, reader]) => [name, () => reader]));
}

/** Of readers that look at the kind of record: the reader for each kind. */
const variants = new WeakMap<KernelReader, ReadonlyMap<number, KernelReader>>();

/** Reads only events of the kinds that have a reader. */
export function perKind(readers: ReadonlyMap<number, KernelReader>): KernelReader {
  const table: (KernelReader | undefined)[] = [];
  for (const [kind, reader] of readers) table[kind] = reader;
  const reader: KernelReader = (event) => table[event.kind]?.(event);
  variants.set(reader, readers);
  return reader;
}

/** Reads only events of some kinds of record. */
export function on(kinds: readonly number[], reader: KernelReader): KernelReader {
  return perKind(new Map(kinds.map((kind) => [kind, reader])));
}

/** The reader for events of these kinds; undefined when it reads nothing of them. */
export function readerFor(reader: KernelReader, kinds: readonly number[]): KernelReader | undefined {
  const own = variants.get(reader);
  if (own === undefined) return reader;
  const [first, ...others] = new Set(kinds.map((kind) => own.get(kind)));
  return others.length === 0 ? first : reader;
}

const ofDescriptors = new WeakSet<KernelReader>();

/** Reads only events of calls that are about a descriptor. */
export function ofDescriptor(reader: KernelReader): KernelReader {
  const guarded: KernelReader = (event) => (callOf(event.u32(NR))?.fd === true ? reader(event) : undefined);
  ofDescriptors.add(guarded);
  return guarded;
}

/** Whether it may read something of events of these kinds, of calls that are about a descriptor or of others. */
export function mayRead(reader: KernelReader, kinds: readonly number[], descriptor: boolean): boolean {
  const own = variants.get(reader);
  if (own === undefined) return true;
  return kinds.some((kind) => {
    const each = own.get(kind);
    return each !== undefined && (descriptor || !ofDescriptors.has(each));
  });
}

/** `value` unless it is undefined. */
export function given<T>(value: T | undefined, read: (value: T) => Value | undefined): Value | undefined {
  return value === undefined ? undefined : read(value);
}

/** How fields of an event in a slab are read by their names, and what becomes of one that has to be kept. */

import { CALLS } from '../../../native/calls.ts';
import { catalogues } from '../catalogue.ts';
import type { FieldRef, Value } from '../field.ts';
import { EventRecord } from '../record.ts';
import { hasArgument } from './arguments.ts';
import { containerFieldReader } from './container-fields.ts';
import type { KernelEvent } from './event.ts';
import { eventReaders } from './event-fields.ts';
import { addressReaders, fdReaders } from './fd-fields.ts';
import { KIND } from './layout.ts';
import { processReaders } from './process-fields.ts';
import { type KernelReader, mayRead, type ReaderMaker, readerFor } from './readers.ts';
import { userReaders } from './user-fields.ts';

const makers: ReadonlyMap<string, ReaderMaker> = new Map(
  [eventReaders, processReaders, userReaders, fdReaders].flatMap((readers) => Object.entries(readers)),
);

/** The reader of a field, for events of any type or one; undefined when kernel events never have it. */
export function makeReader(ref: FieldRef, eventType?: string): KernelReader | undefined {
  const reader = makers.get(ref.field.name)?.(ref.arg) ?? containerFieldReader(ref);
  return reader && eventType !== undefined ? readerFor(reader, kindsOf(eventType)) : reader;
}

/** As `makeReader`, of addresses for comparing; see Form.addressReader. */
export function makeAddressReader({ field }: FieldRef, eventType?: string): KernelReader | undefined {
  const reader = Object.hasOwn(addressReaders, field.name) ? addressReaders[field.name] : undefined;
  return reader && eventType !== undefined ? readerFor(reader, kindsOf(eventType)) : reader;
}

/** The kinds of record that make events of a type. */
function kindsOf(eventType: string): readonly number[] {
  return kinds[eventType] ?? [KIND.call, KIND.socket];
}

const kinds: Readonly<Record<string, readonly number[]>> = {
  open: [KIND.open],
  openat: [KIND.open],
  openat2: [KIND.open],
  creat: [KIND.open],
  open_by_handle_at: [KIND.open],
  execve: [KIND.exec, KIND.call],
  execveat: [KIND.exec, KIND.call],
  clone: [KIND.fork],
  procexit: [KIND.exit],
  chdir: [KIND.chdir, KIND.call],
  fchdir: [KIND.chdir, KIND.call],
};

/** Whether kernel events, or those of a type, can have the field at all: a rule that depends on another one cannot fire on them. */
export function kernelFills(ref: FieldRef, eventType?: string): boolean {
  const reader = makeReader(ref);
  if (reader === undefined || eventType === undefined) return reader !== undefined;
  const { field, arg = '' } = ref;
  if (/^evt\.(?:raw)?arg$/.test(field.name) && !/^\d+$/.test(arg)) return hasArgument(eventType, arg);
  const call = CALLS[eventType];
  // A record of a call becomes one of a socket by its descriptor.
  const kinds = kindsOf(eventType).filter((kind) => kind !== KIND.socket || call?.fd !== false);
  return mayRead(reader, kinds, call?.fd !== false);
}

const byText = new Map<string, KernelReader | undefined>();

/** The reader of a field by its text; undefined when there is none. */
export function fieldReader(text: string): KernelReader | undefined {
  if (byText.has(text)) return byText.get(text);
  const ref = catalogues.get('syscall')?.find(text);
  const reader = ref && makeReader(ref);
  byText.set(text, reader);
  return reader;
}

type Readers = readonly (readonly [text: string, reader: KernelReader])[];

const plans = new WeakMap<readonly string[], Readers>();

/** An event of its own with just these fields, absent ones left out. The same array of fields is prepared only once. */
export function keepEvent(event: KernelEvent, fields: readonly string[]): EventRecord {
  let readers = plans.get(fields);
  if (readers === undefined) plans.set(fields, (readers = readersOf(fields)));
  const values: Record<string, Value> = {};
  for (const [text, reader] of readers) {
    const value = reader(event);
    if (value !== undefined) values[text] = value;
  }
  return new EventRecord(event.source, event.type, event.time, values);
}

function readersOf(fields: readonly string[]): Readers {
  return fields.flatMap((text) => {
    const reader = fieldReader(text);
    return reader === undefined ? [] : [[text, reader] as const];
  });
}

/** As `keepEvent`, for fields as conditions and formats name them. */
export function materialise(event: KernelEvent, fields: readonly FieldRef[]): EventRecord {
  return keepEvent(
    event,
    fields.map(({ text }) => text),
  );
}

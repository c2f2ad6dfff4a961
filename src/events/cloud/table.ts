/** How the event sources of cloud events are written down: a field is a row with its reader. */

import type { Field, FieldType, Value } from '../field.ts';
import type { FieldTraits } from '../field-table.ts';
import { at, type JsonObject, text, textOrJson } from './document.ts';
import type { CloudEvent } from './event.ts';
import { headKeys, isHeadKey } from './heads.ts';

export type CloudReader = (event: CloudEvent) => Value | undefined;

/** Makes the reader of a field for an argument, where it takes one. */
export type MakeReader = (arg: string | undefined) => CloudReader;

export interface CloudField {
  readonly field: Field;
  readonly read: MakeReader;
}

export type CloudFieldRow = readonly [
  name: string,
  type: FieldType,
  doc: string,
  read: MakeReader,
  traits?: FieldTraits,
];

/** What is told of a document: enough to make an event of it. */
export interface Told {
  /** Where its time may be, the best place first: texts of RFC 3339. */
  readonly times: readonly unknown[];
  readonly type: string;
  /** The same each time that the event is delivered. */
  readonly id: string | undefined;
  /** The event itself, where the document is but its envelope. */
  readonly document?: JsonObject;
}

/** Fields that the way an event came tells of it, by their texts: its partition, its topic. */
export type Origin = Readonly<Record<string, Value>>;

/** An event source whose events are JSON documents. */
export interface CloudSource {
  readonly source: string;
  /** What Falco calls the plugin that makes such events. */
  readonly plugin?: string;
  readonly fields: readonly CloudField[];
  /** Reads what every event needs; why it is no event of this source, as a sentence. */
  tell(document: JsonObject, origin: Origin | undefined): Told | string;
  /** The event in one line. */
  info(event: CloudEvent): string | undefined;
}

/** Makes the fields of one class. */
export function defineCloudFields(fieldClass: string, rows: readonly CloudFieldRow[]): readonly CloudField[] {
  return rows.map(([name, type, doc, read, traits]) => ({
    field: { name, type, doc, class: fieldClass, ...traits },
    read,
  }));
}

/** A scalar at the end of a path, as text. */
export function path(...keys: readonly string[]): MakeReader {
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) {
    if (isHeadKey(only)) {
      const place = headKeys.indexOf(only);
      return () => (event) => (event.heads ? event.heads.text(place) : text(event.document[only]));
    }
    return () => (event) => text(event.document[only]);
  }
  return () => (event) => text(at(event.document, keys));
}

/** What is at the end of a path: a scalar as text, an object or array as compact JSON. */
export function whole(...keys: readonly string[]): MakeReader {
  return () => (event) => textOrJson(at(event.document, keys));
}

/** A reader that needs no argument. */
export function plain(read: CloudReader): MakeReader {
  return () => read;
}

/** What only the way an event came can tell. */
export function fromOrigin(name: string): MakeReader {
  return () => (event) => event.origin?.[name];
}

/** The argument is the number of an item, and may be left out: then the field has them all. */
export const listed: FieldTraits = { list: true, arg: 'optional', argKind: 'index' };
export const byKey: FieldTraits = { arg: 'required', argKind: 'key' };

/** The number that `[…]` names. */
export function indexOf(arg: string | undefined): number | undefined {
  return arg === undefined ? undefined : Number(arg);
}

/** All items, or the one that is asked for. */
export function chosen<T>(all: readonly T[], index: number | undefined): readonly T[] {
  return index === undefined ? all : all.slice(index, index + 1);
}

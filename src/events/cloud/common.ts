/** Fields that cloud events of every source have: those of the event itself and of its JSON. */

import { hostName } from '../../core/host.ts';
import { anyEventFields } from '../syscall/event-fields.ts';
import { timeFields } from '../time-fields.ts';
import { json, ownMember, pointerKeys, textOrJson } from './document.ts';
import type { CloudEvent } from './event.ts';
import { byKey, type CloudField, type CloudReader, type CloudSource, defineCloudFields, plain } from './table.ts';

const host = hostName();

const pointed = (pointer: string | undefined): CloudReader => {
  const keys = pointerKeys(pointer ?? '') ?? [];
  if (keys.length === 0) return () => undefined;
  return ({ document }) => {
    let found: unknown = document;
    for (const key of keys) found = ownMember(found, key);
    return textOrJson(found);
  };
};

const whole = plain(({ document }) => json(document));
const rawTime = plain(({ time }) => String(time));

const jsonFields = defineCloudFields('json', [
  [
    'json.value',
    'CHARBUF',
    'The value at a JSON pointer (RFC 6901): scalars as text, objects and arrays as compact JSON; null is absent.',
    pointed,
    byKey,
  ],
  ['json.obj', 'CHARBUF', 'The whole event as compact JSON.', whole],
  ['json.rawtime', 'CHARBUF', 'When it happened, in nanoseconds since 1970, as text.', rawTime],
  ['jevt.value', 'CHARBUF', 'The same as json.value.', pointed, byKey],
  ['jevt.obj', 'CHARBUF', 'The same as json.obj.', whole],
  ['jevt.rawtime', 'CHARBUF', 'The same as json.rawtime.', rawTime],
]);

const ownFields = defineCloudFields('evt.any', [
  [
    'evt.type',
    'CHARBUF',
    'What happened, as the service calls it: `ConsoleLogin`, `create`.',
    plain(({ type }) => type),
  ],
  [
    'evt.id',
    'CHARBUF',
    'The id that the service gave the event: the same each time it is delivered.',
    plain(({ id }) => id),
  ],
]);

/** All fields of an event source: its own, those of JSON, and `evt.*`. */
export function allFields({ source, plugin, fields, info }: Omit<CloudSource, 'tell'>): readonly CloudField[] {
  const readers = new Map<string, CloudReader>([
    ['evt.num', ({ number }) => number],
    ...[...timeFields].map(([name, read]) => [name, ({ time }: CloudEvent) => read(time)] as const),
    ['evt.source', () => source],
    ['evt.is_async', () => false],
    ['evt.hostname', () => host],
    ['evt.plugininfo', info],
    ['evt.pluginname', () => plugin],
  ]);
  const ofAnyEvent = anyEventFields.map((field) => ({
    field,
    read: plain(readers.get(field.name) ?? (() => undefined)),
  }));
  return [...fields, ...jsonFields, ...ownFields, ...ofAnyEvent];
}

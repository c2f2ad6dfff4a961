/** The record: the one form in which an event is kept, sent, replayed and tested. */

import type { Event, FieldRef, Form, Reader, Value } from './field.ts';
import { timeFields } from './time-fields.ts';

/** An event with exactly the fields that something downstream reads. */
export class EventRecord implements Event {
  readonly source: string;
  readonly type: string;
  readonly time: bigint;
  readonly fields: Readonly<Record<string, Value>>;

  constructor(source: string, type: string, time: bigint, fields: Readonly<Record<string, Value>>) {
    this.source = source;
    this.type = type;
    this.time = time;
    this.fields = fields;
  }

  get(field: string): Value | undefined {
    return this.fields[field];
  }

  /** The same event with other fields. */
  with(fields: Readonly<Record<string, Value>>): EventRecord {
    return new EventRecord(this.source, this.type, this.time, fields);
  }
}

/** Reads a field of a record: what it holds, or what its own type, source and time answer. */
export const recordForm: Form<EventRecord> = {
  name: 'record',
  reader({ text }: FieldRef): Reader<EventRecord> {
    if (text === 'evt.type') return (event) => event.fields[text] ?? event.type;
    if (text === 'id') return (event) => event.get(text);
    if (text === 'evt.source') return (event) => event.fields[text] ?? event.source;
    const ofTime = timeFields.get(text);
    return ofTime ? (event) => event.fields[text] ?? ofTime(event.time) : (event) => event.fields[text];
  },
};

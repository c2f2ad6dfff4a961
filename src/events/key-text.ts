/** The text by which events are divided: those alike in some fields have the same. */

import { catalogues } from './catalogue.ts';
import { type EventRecord, recordForm } from './record.ts';

/** The text of one field, or of several; a field that is absent is empty. */
export function keyText(record: EventRecord, key: string | readonly string[]): string {
  const values = [key].flat().map((text) => {
    const field = catalogues.get(record.source)?.find(text);
    return String((field ? recordForm.reader(field)?.(record) : record.get(text)) ?? '');
  });
  return joinedKey(values);
}

/** The text of events whose fields have these values. */
export function joinedKey(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : JSON.stringify(values);
}

/** A key: the field whose values are looked at separately, one for all event sources or one for each. */

import { z } from 'zod';
import type { Demands, Edge } from '../../core/component.ts';
import { suggest } from '../../core/errors.ts';
import type { Event, EventForm } from '../../core/event.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { FieldRef, Form } from '../../events/field.ts';

/** `rule`, or `{syscall: user.name, aws_cloudtrail: ct.user}`. */
export function key() {
  return z.union([z.string().min(1), z.record(z.string(), z.string().min(1))]);
}

/** The field of each event source that has one. */
export type EdgeKey = ReadonlyMap<string, FieldRef>;

/** Finds the fields of a key; one that an event source does not have, or a source that does not come here, is reported. */
export function keyOn(edge: Edge, given: string | Readonly<Record<string, string>> | undefined): EdgeKey {
  const fields = new Map<string, FieldRef>();
  if (given === undefined) return fields;
  for (const source of edge.sources) {
    const text = typeof given === 'string' ? given : given[source];
    const path = typeof given === 'string' ? ['key'] : ['key', source];
    const catalogue = catalogues.get(source);
    const ref = text === undefined ? undefined : catalogue?.find(text);
    if (ref) {
      fields.set(source, ref);
      continue;
    }
    const names = catalogue?.fields.map(({ name }) => name) ?? [];
    const near = text === undefined ? undefined : suggest(text, names);
    const message =
      text === undefined
        ? `The key names no field for the event source "${source}"`
        : `"${text}" is no field of ${source} events`;
    const example = `key: {${edge.sources.map((each) => `${each}: …`).join(', ')}}`;
    const hint = near ? `Did you mean "${near}"?` : `A key may name a field for each event source: \`${example}\`.`;
    edge.report({ severity: 'error', code: 'CONFIG_KEY', message, hint }, path);
  }
  if (typeof given === 'object') {
    for (const source of Object.keys(given)) {
      if (edge.sources.includes(source)) continue;
      edge.report({ severity: 'error', code: 'CONFIG_KEY', message: `No event of "${source}" comes here` }, [
        'key',
        source,
      ]);
    }
  }
  return fields;
}

/** What a key reads, by event source. */
export function keyReads(edge: Edge, key: EdgeKey): Demands {
  return new Map(
    edge.sources.map((source) => {
      const text = key.get(source)?.text;
      return [source, { fields: new Set(text === undefined ? [] : [text]), types: 'all' as const }];
    }),
  );
}

/** Reads the key of an event as text; '' when it has none. */
export function boundKey(key: EdgeKey, form: EventForm, source: string): (event: Event) => string {
  const ref = key.get(source);
  const read = ref && (form as Form).reader(ref);
  if (!read) return () => '';
  return (event) => String(read(event) ?? '');
}

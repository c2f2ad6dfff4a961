/** What fields there are on an edge: those of each event source, and those that operators above add. */

import type { Edge, ProvidedField } from '../../core/component.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { Catalogue, Field, FieldRef } from '../../events/field.ts';

/** The catalogues by event source, of every one that is known. */
export function cataloguesOn(edge: Pick<Edge, 'provided'>): ReadonlyMap<string, Catalogue> {
  const { provided } = edge;
  if (provided.length === 0) return catalogues;
  return new Map([...catalogues].map(([source, catalogue]) => [source, extended(catalogue, provided)]));
}

function extended(catalogue: Catalogue, provided: Edge['provided']): Catalogue {
  const own = new Map(
    provided.map((each): [string, FieldRef] => [each.name, { text: each.name, field: fieldOf(each) }]),
  );
  const fields = [...catalogue.fields, ...[...own.values()].map(({ field }) => field)];
  return { ...catalogue, fields, find: (text) => catalogue.find(text) ?? own.get(text) };
}

const TYPES = { text: 'CHARBUF', number: 'UINT64', time: 'ABSTIME' } as const;

/** The entry of a catalogue for a field that an operator adds. */
export function fieldOf({ name, doc, type = 'text' }: ProvidedField): Field {
  return { name, type: TYPES[type], doc, class: 'provided' };
}

/** What fields there are on an edge: those of each event source, and those that operators above add. */

import type { Edge, ProvidedField } from '../../core/component.ts';
import { catalogues, withFields } from '../../events/catalogue.ts';
import type { Catalogue, Field } from '../../events/field.ts';

/** The catalogues by event source, of every one that is known. */
export function cataloguesOn(edge: Pick<Edge, 'provided'>): ReadonlyMap<string, Catalogue> {
  const { provided } = edge;
  if (provided.length === 0) return catalogues;
  const fields = provided.map(fieldOf);
  return new Map([...catalogues].map(([source, catalogue]) => [source, withFields(catalogue, fields)]));
}

const TYPES = { text: 'CHARBUF', number: 'UINT64', time: 'ABSTIME' } as const;

/** What to do about a field that nothing is called like. */
export const NOT_PROVIDED = 'A field that an operator above adds is named in its `provides`.';

/** The entry of a catalogue for a field that an operator adds. */
export function fieldOf({ name, doc, type = 'text' }: ProvidedField): Field {
  return { name, type: TYPES[type], doc, class: 'provided' };
}

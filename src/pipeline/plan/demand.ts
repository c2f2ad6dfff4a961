/** Demand: what is wanted of events, joined from all that want it. */

import type { Demand, Demands, ProvidedField } from '../../core/component.ts';
import { joinTypes } from '../../core/flow/demanded-types.ts';
import { joinHosts } from '../../core/flow/hosts.ts';
import type { Necessary } from '../../core/flow/necessary.ts';

/** Both demands together, by event source. */
export function joinDemands(a: Demands | undefined, b: Demands): Demands {
  const joined = new Map(a);
  for (const [source, demand] of b) {
    const other = joined.get(source);
    joined.set(source, other ? join(other, demand) : demand);
  }
  return joined;
}

function join(a: Demand, b: Demand): Demand {
  const fields = a.fields.union(b.fields);
  const where = joinWhere(a, b);
  return {
    fields,
    ...joinTypes([a, b]),
    ...(where.size === 0 ? {} : { where }),
    ...joinFieldTypes([a, b]),
    ...joinHosts([a, b]),
  };
}

/** Of a field that several read, what each of them reads it of; nothing is known of it unless all say. */
function joinFieldTypes(demands: readonly Demand[]): Pick<Demand, 'fieldTypes'> {
  const joined = new Map<string, ReadonlySet<string>>();
  for (const field of new Set(demands.flatMap(({ fieldTypes = new Map() }) => [...fieldTypes.keys()]))) {
    const all = demands.filter(({ fields }) => fields.has(field)).map(({ fieldTypes }) => fieldTypes?.get(field));
    if (all.every((types) => types !== undefined)) joined.set(field, new Set(all.flatMap((types) => [...types])));
  }
  return joined.size === 0 ? {} : { fieldTypes: joined };
}

/** Of a type that both want, what either wants; nothing is known of it unless both say. */
function joinWhere(a: Demand, b: Demand): Map<string, Necessary> {
  const wants = ({ types }: Demand, type: string) => types === 'all' || types.has(type);
  const joined = new Map<string, Necessary>();
  for (const type of new Set([...(a.where?.keys() ?? []), ...(b.where?.keys() ?? [])])) {
    const [mine, theirs] = [a.where?.get(type), b.where?.get(type)];
    if ((mine === undefined && wants(a, type)) || (theirs === undefined && wants(b, type))) continue;
    joined.set(type, [...(mine ?? []), ...(theirs ?? [])]);
  }
  return joined;
}

/** Everything of these event sources, with no field asked for. */
export function everything(sources: readonly string[]): Demands {
  return new Map(sources.map((source) => [source, { fields: new Set<string>(), types: 'all' as const }]));
}

/**
 * What an operator that passes events on wants of them: its own fields and those wanted below; the types it names, if
 * any. What must hold below is not known to hold above: the operator may change the event.
 */
export function narrowed(below: Demands, own: Demands | undefined): Demands {
  const sources = new Set([...below.keys(), ...(own?.keys() ?? [])]);
  return new Map(
    [...sources].map((source) => {
      const mine = own?.get(source);
      const theirs = below.get(source);
      const fields = new Set([...(mine?.fields ?? []), ...(theirs?.fields ?? [])]);
      const both = [mine, theirs].filter((demand) => demand !== undefined);
      const narrow = both.find(({ types }) => types !== 'all');
      const types = narrow ? { types: narrow.types } : joinTypes(both);
      const where = mine?.where ? { where: mine.where } : {};
      const fieldTypes = joinFieldTypes(both);
      return [source, { fields, ...types, ...where, ...fieldTypes, ...joinHosts([mine, theirs]) }];
    }),
  );
}

/** A demand without fields that an operator adds itself: nothing above has them. */
export function without(demands: Demands, provided: readonly ProvidedField[]): Demands {
  if (provided.length === 0) return demands;
  const names = new Set(provided.map(({ name }) => name));
  return new Map(
    [...demands].map(([source, demand]) => [source, { ...demand, fields: demand.fields.difference(names) }]),
  );
}

/** The fields of demands by event source; the same array each time. */
export function fieldsOf(demands: Demands): (source: string) => readonly string[] {
  const fields = new Map([...demands].map(([source, demand]) => [source, [...demand.fields]]));
  return (source) => fields.get(source) ?? [];
}

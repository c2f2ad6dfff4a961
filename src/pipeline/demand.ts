/** Demand: what is wanted of events, joined from all that want it. */

import type { Demand, Demands } from '../core/component.ts';

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
  return { fields, types: a.types === 'all' || b.types === 'all' ? 'all' : a.types.union(b.types) };
}

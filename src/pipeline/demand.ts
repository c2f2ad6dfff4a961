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

/** Everything of these event sources, with no field asked for. */
export function everything(sources: readonly string[]): Demands {
  return new Map(sources.map((source) => [source, { fields: new Set<string>(), types: 'all' as const }]));
}

/** What an operator that passes events on wants of them: its own fields and those wanted below; the types it names, if any. */
export function narrowed(below: Demands, own: Demands | undefined): Demands {
  const sources = new Set([...below.keys(), ...(own?.keys() ?? [])]);
  return new Map(
    [...sources].map((source) => {
      const mine = own?.get(source);
      const theirs = below.get(source);
      const fields = new Set([...(mine?.fields ?? []), ...(theirs?.fields ?? [])]);
      const types = mine && mine.types !== 'all' ? mine.types : (theirs?.types ?? 'all');
      return [source, { fields, types }];
    }),
  );
}

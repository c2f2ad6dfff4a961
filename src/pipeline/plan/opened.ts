/** The part of a plan that runs where `only` says which sources are opened. */

import type { Plan } from './planned.ts';

/**
 * The sources named in `only`, those of type `internal`, and what their events can reach; the rest was checked with it, and is
 * left out. Undefined: everything.
 */
export function openedPart(plan: Plan, only: readonly string[] | undefined): Plan {
  if (only === undefined) return plan;
  // What it says of itself, of losses above all, is said whatever part of it runs.
  const own = plan.sources.filter(({ type }) => type === 'internal');
  const reached = new Set([...only, ...own.map(({ id }) => id)]);
  const opened = <Reader extends { readonly id: string; readonly from: readonly string[] }>(
    readers: readonly Reader[],
  ) =>
    readers.flatMap((reader) => {
      const from = reader.from.filter((id) => reached.has(id));
      if (from.length === 0) return [];
      reached.add(reader.id);
      return [{ ...reader, from }];
    });
  return {
    ...plan,
    sources: plan.sources.filter(({ id }) => reached.has(id)),
    closed: plan.sources.map(({ id }) => id).filter((id) => !reached.has(id)),
    // Upstream before downstream: what one reads from was looked at before it.
    operators: opened(plan.operators),
    sinks: opened(plan.sinks),
  };
}

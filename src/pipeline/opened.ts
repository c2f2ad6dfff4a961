/** The part of a plan that runs where `only` says which sources are opened. */

import type { Plan } from './plan.ts';

/**
 * The sources named in `only` and what their events can reach; the rest was checked with it, and is left out. Undefined:
 * everything.
 */
export function openedPart(plan: Plan, only: readonly string[] | undefined): Plan {
  if (only === undefined) return plan;
  const reached = new Set(only);
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

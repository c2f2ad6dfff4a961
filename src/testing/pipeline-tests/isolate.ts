/** A part of a pipeline by itself: sources give what a test says, collectors take what leaves its components. */

import type { Plan } from '../../pipeline/plan/planned.ts';

/** What a test touches of a pipeline. */
export interface Part {
  /** Components that events go into. */
  readonly into: readonly string[];
  /** Components of which it says what leaves them, of sinks what reaches them. */
  readonly from: readonly string[];
}

/** The types of the components that stand in for others. */
export const GIVEN = 'test_given';
export const COLLECTED = 'test_collected';

/** A collector's id. */
export function collectorOf(id: string): string {
  return `test-from-${id}`;
}

/** The id of the source that gives a component what a test says. */
export function giverOf(id: string, plan: Plan): string {
  return plan.sources.some((source) => source.id === id) ? id : `test-into-${id}`;
}

/** What a component reads from. */
function originsOf(id: string, plan: Plan): readonly string[] {
  return [...plan.operators, ...plan.sinks].find((each) => each.id === id)?.from ?? [];
}

/** A component and everything above it, as far as `stop` does not end it. */
function above(id: string, plan: Plan, stop: (id: string) => boolean = () => false): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (each: string) => {
    if (found.has(each)) return;
    found.add(each);
    if (!stop(each)) for (const origin of originsOf(each, plan)) visit(origin);
  };
  visit(id);
  return found;
}

/** Whether events that go into some components can leave another. */
export function reaches(into: readonly string[], id: string, plan: Plan): boolean {
  const upstream = above(id, plan);
  return into.some((each) => upstream.has(each));
}

/**
 * The document of a pipeline that has only the part. Above a component that events go into nothing is needed, unless
 * events go into something there too. `value` is the whole document, which `plan` was made of.
 */
export function isolated(value: Readonly<Record<string, unknown>>, plan: Plan, { into, from }: Part): unknown {
  const isTop = (id: string) => into.includes(id) && !into.some((other) => other !== id && above(id, plan).has(other));
  const kept = new Set(from.flatMap((id) => [...above(id, plan, isTop)]));
  const sources: Record<string, unknown> = {};
  for (const { id, emits } of plan.sources) if (kept.has(id)) sources[id] = { type: GIVEN, emits };
  const operators: Record<string, unknown> = {};
  const written = value.operators as Readonly<Record<string, object>>;
  for (const { id, from: origins, reached } of plan.operators) {
    if (!kept.has(id)) continue;
    const isInto = into.includes(id);
    if (isInto) sources[giverOf(id, plan)] = { type: GIVEN, emits: reached };
    operators[id] = {
      ...written[id],
      from: [...(isTop(id) ? [] : origins), ...(isInto ? [giverOf(id, plan)] : [])],
    };
  }
  const isOperator = (id: string) => plan.operators.some((each) => each.id === id);
  const sinks = Object.fromEntries(
    from.map((id) => [collectorOf(id), { type: COLLECTED, from: isOperator(id) ? [id] : originsOf(id, plan) }]),
  );
  const { components } = value;
  return { sources, operators, sinks, ...(components === undefined ? {} : { components }) };
}

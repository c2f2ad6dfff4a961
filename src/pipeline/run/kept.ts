/** What goes on when a plan takes the place of another. */

import { isDeepStrictEqual } from 'node:util';
import type { Demands } from '../../core/component.ts';
import type { Plan, PlannedOperator, PlannedSink, PlannedSource } from '../plan/planned.ts';
import { connect, type Live, type Wiring } from './graph.ts';
import type { LiveOperator } from './live-operator.ts';
import type { DemandChange } from './overlapping.ts';

type Planned = Pick<PlannedSource | PlannedOperator | PlannedSink, 'id' | 'identity' | 'definition'>;

/** The component that can stand for a planned one as it is, with what it holds. */
export function kept<Component extends { readonly planned: Planned }>(
  old: ReadonlyMap<string, Component>,
  { id, identity, definition }: Planned,
): Component | undefined {
  const component = old.get(id);
  const same = component?.planned.identity === identity && component.planned.definition === definition;
  return same ? component : undefined;
}

/** Lets batches go through the wiring of a plan, and what is new in it begin to work: with the state of what was there. */
export function begin(live: Live, old: Live, wiring: Wiring): void {
  connect(live, wiring);
  for (const operator of without(live.operators, old.operators).values()) {
    operator.start(predecessor(old.operators, operator));
  }
}

/** The one whose state an operator that is made anew goes on with. */
function predecessor(
  old: ReadonlyMap<string, LiveOperator>,
  { planned, stateIdentity: own }: LiveOperator,
): LiveOperator | undefined {
  const before = old.get(planned.id);
  return before?.stateIdentity === own ? before : undefined;
}

/** What is not the same in another map. */
export function without<T>(all: ReadonlyMap<string, T>, others: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...all].filter(([id, each]) => others.get(id) !== each));
}

/** The sources that a reload leaves as they are, and what either plan wants of them. */
export function runningOn(old: Live, live: Live): DemandChange[] {
  return [...live.sources.values()]
    .filter((source) => old.sources.get(source.id) === source)
    .map((source) => ({ source, before: demandOf(old.plan, source.id), after: demandOf(live.plan, source.id) }));
}

/** Those of them of which the plans want something else, or which give more than is wanted. */
export function askedAnew(old: Live, live: Live): DemandChange[] {
  return runningOn(old, live).filter(
    ({ source, before, after }) => source.tooWide || !isDeepStrictEqual(before, after),
  );
}

function demandOf(plan: Plan, id: string): Demands {
  return plan.sources.find((source) => source.id === id)?.demand ?? new Map();
}

/** A plan as it is by now: operators may have come to read something else since it was made. */

import type { Plan } from '../plan/planned.ts';
import { withReads } from '../plan/wanted.ts';
import type { LiveOperator } from './live-operator.ts';

/** The same plan, with what operators that run on have and read now. */
export function asItRuns(plan: Plan, operators: ReadonlyMap<string, LiveOperator>): Plan {
  const own = plan.operators.map((operator) => {
    const { prepared } = operators.get(operator.id)?.planned ?? operator;
    return { ...operator, prepared: { ...operator.prepared, state: prepared.state } };
  });
  return withReads(
    { ...plan, operators: own },
    new Map([...operators].flatMap(([id, { reads }]) => (reads ? [[id, reads]] : []))),
  );
}

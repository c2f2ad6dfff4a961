/** Every check of a condition judged alone, for many events: what coverage is made of. */

import type { Event, Form } from '../../events/field.ts';
import type { TypedExpr } from '../check/typed-ast.ts';
import type { Rule } from '../files/rule.ts';
import { compile, type Predicate } from '../judge/compile.ts';

export interface JudgedChecks {
  /** Whether the condition holds. */
  readonly matches: boolean;
  /** The results of its checks, in the order in which they are written, macros in place. */
  readonly checks: readonly boolean[];
}

/** Binds the checks of a rule once, also the result for each event type. Events are of the rule's source. */
export function bindChecks<E extends Event>({ condition }: Rule, form: Form<E>): (event: E) => JudgedChecks {
  const byType = new Map<string | undefined, readonly (Predicate<E> | boolean)[]>();
  const { typed, namesEventTypes } = condition;
  const leaves = leavesOf(typed);
  return (event) => {
    const eventType = namesEventTypes ? event.type : undefined;
    let bound = byType.get(eventType);
    if (!bound) byType.set(eventType, (bound = leaves.map((leaf) => compile(leaf, form, { eventType }))));
    const checks = bound.map((check) => (typeof check === 'boolean' ? check : check(event)));
    return { matches: holds(typed, checks[Symbol.iterator]()), checks };
  };
}

function leavesOf(expr: TypedExpr): readonly TypedExpr[] {
  if (expr.kind === 'check') return [expr];
  return expr.kind === 'not' ? leavesOf(expr.item) : expr.items.flatMap(leavesOf);
}

// Each check is taken, whatever is known by then: the next one has to get its own.
function holds(expr: TypedExpr, results: Iterator<boolean>): boolean {
  if (expr.kind === 'check') return results.next().value === true;
  if (expr.kind === 'not') return !holds(expr.item, results);
  const items = expr.items.map((item) => holds(item, results));
  return expr.kind === 'and' ? items.every(Boolean) : items.some(Boolean);
}

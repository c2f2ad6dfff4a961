/** What of a condition the kernel programs cannot test, of the fields that it reads. */

import { tellsType } from '../check/event-types.ts';
import type { TypedExpr, TypedTerm } from '../check/typed-ast.ts';
import { necessary } from './necessary.ts';

/**
 * The fields of checks that would narrow which events of a type are sent, if the kernel could test them. What a condition
 * excludes is not among them: hardly any exclusion can be tested, and few would narrow much.
 */
export function untestedFields(expr: TypedExpr, eventType: string): ReadonlySet<string> {
  return new Set(untested(expr, eventType, false));
}

function* untested(expr: TypedExpr, eventType: string, negated: boolean): Iterable<string> {
  const clauses = necessary(negated ? { kind: 'not', item: expr } : expr, eventType);
  if (clauses.length === 0) return;
  if (expr.kind === 'not') yield* untested(expr.item, eventType, !negated);
  else if (expr.kind !== 'check') for (const item of expr.items) yield* untested(item, eventType, negated);
  else if (!negated && !tellsType(expr.left) && clauses.some((clause) => Object.keys(clause).length === 0)) {
    yield* fieldsOf(expr.left);
    if (expr.right !== undefined) yield* fieldsOf(expr.right);
  }
}

function* fieldsOf(term: TypedTerm): Iterable<string> {
  if (term.kind === 'field') yield term.ref.text;
  else if (term.kind === 'call') for (const each of term.args) yield* fieldsOf(each);
  else if (term.kind === 'list') for (const each of term.items) yield* fieldsOf(each);
}

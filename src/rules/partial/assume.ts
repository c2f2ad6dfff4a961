/** What a condition can be of an event of which only some fields are known. */

import type { FieldRef } from '../../events/field.ts';
import type { TypedCheck, TypedExpr } from '../check/typed-ast.ts';
import { fieldsWithin } from '../judge/terms.ts';

/** Whether nothing is known of a field. */
export type IsUnknown = (ref: FieldRef) => boolean;

const TRUE: TypedExpr = { kind: 'and', items: [] };
const FALSE: TypedExpr = { kind: 'or', items: [] };

/** The condition with what is unknown in its favour, or against it. */
export function assume(expr: TypedExpr, isUnknown: IsUnknown, inFavour: boolean): TypedExpr {
  switch (expr.kind) {
    case 'and':
    case 'or':
      return { kind: expr.kind, items: expr.items.map((item) => assume(item, isUnknown, inFavour)) };
    case 'not':
      return { kind: 'not', item: assume(expr.item, isUnknown, !inFavour) };
    case 'check':
      return readsAny(expr, isUnknown) ? (inFavour ? TRUE : FALSE) : expr;
  }
}

function readsAny({ left, right }: TypedCheck, isUnknown: IsUnknown): boolean {
  const terms = right === undefined ? [left] : [left, right];
  return terms.flatMap(fieldsWithin).some(({ ref }) => isUnknown(ref));
}

/** Checks of a condition with the macros that lead to them, which the checked tree does not know: it shares their bodies. */

import type { Expr, MacroRef } from '../syntax/ast.ts';
import type { TypedCheck, TypedExpr } from './typed-ast.ts';

export interface CheckWithin {
  readonly check: TypedCheck;
  /** The macros that it stands in, outermost first. */
  readonly within: readonly MacroRef[];
}

/**
 * The checks that are asked for, in the order in which they are written. The tree as it was parsed and the checked one
 * have the same shape, but for macros, which only the first one has.
 */
export function checksWithin(
  ast: Expr,
  typed: TypedExpr,
  isWanted: (check: TypedCheck) => boolean,
): readonly CheckWithin[] {
  const found: CheckWithin[] = [];
  const visit = (expr: Expr, each: TypedExpr, within: readonly MacroRef[]): void => {
    if (expr.kind === 'macro') {
      if (expr.macro !== undefined) visit(expr.macro.body, each, [...within, expr]);
    } else if (each.kind === 'check') {
      if (isWanted(each)) found.push({ check: each, within });
    } else if (each.kind === 'not') {
      if (expr.kind === 'not') visit(expr.item, each.item, within);
    } else if (expr.kind === 'and' || expr.kind === 'or') {
      for (const [index, item] of expr.items.entries()) visit(item, each.items[index] as TypedExpr, within);
    }
  };
  visit(ast, typed, []);
  return found;
}

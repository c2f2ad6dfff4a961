/** What a condition can be of an event of which only some fields are known. */

import type { Place } from '../core/errors.ts';
import type { Event, FieldRef, Form } from '../events/field.ts';
import type { Expr } from './ast.ts';
import type { TypedCheck, TypedExpr, TypedTerm } from './check.ts';
import { compile } from './compile.ts';
import { textOf } from './explain.ts';
import type { Rule } from './rule.ts';
import type { ComposedText } from './source.ts';

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

/** A part of a condition that an event fails whatever its unknown fields are. */
export interface Refutation {
  /** As it is written; macros by name. */
  readonly text: string;
  readonly place: Place | undefined;
  /** The lists and exceptions that it comes from: "in exception e". */
  readonly via: readonly string[];
}

/** Which parts of a rule's condition an event fails for sure; none: it may match. The event is of the rule's source. */
export function refutations<E extends Event>(
  { condition, composed }: Rule,
  event: E,
  form: Form<E>,
  isUnknown: IsUnknown,
): readonly Refutation[] {
  const holds = (typed: TypedExpr, inFavour: boolean): boolean => {
    const predicate = compile(assume(typed, isUnknown, inFavour), form, {});
    return typeof predicate === 'function' ? predicate(event) : predicate;
  };
  const refuted = (expr: Expr, typed: TypedExpr, text: ComposedText): readonly Refutation[] => {
    if (holds(typed, true)) return [];
    // Of what has to hold together only the parts that do not are of interest, of a `not` what does.
    if (expr.kind === 'and' && typed.kind === 'and') {
      const parts = expr.items.flatMap((item, index) => refuted(item, typed.items[index] as TypedExpr, text));
      if (parts.length > 0) return parts;
    }
    if (expr.kind === 'macro' && expr.macro !== undefined) return refuted(expr.macro.body, typed, textOf(expr.macro));
    if (expr.kind !== 'not' || typed.kind !== 'not') return [partOf(expr, text)];
    const held = holding(expr.item, typed.item);
    return [{ ...partOf(held, text), text: `not ${written(held, text)}` }];
  };
  const holding = (expr: Expr, typed: TypedExpr): Expr => {
    if (expr.kind !== 'or' || typed.kind !== 'or') return expr;
    const at = typed.items.findIndex((item) => holds(item, false));
    return at < 0 ? expr : holding(expr.items[at] as Expr, typed.items[at] as TypedExpr);
  };
  return refuted(condition.ast, condition.typed, composed);
}

function partOf(expr: Expr, text: ComposedText): Refutation {
  return { text: written(expr, text), place: text.locate(firstOf(expr).span).place, via: text.ways(expr.span) };
}

function written({ kind, span }: Expr, text: ComposedText): string {
  const part = text.text.slice(span.start, span.end).trim();
  return (kind === 'and' || kind === 'or') && !part.startsWith('(') ? `(${part})` : part;
}

/** The first check of a part, or macro: where the part begins but for parentheses. */
function firstOf(expr: Expr): Expr {
  if (expr.kind === 'not') return firstOf(expr.item);
  return expr.kind === 'and' || expr.kind === 'or' ? firstOf(expr.items[0] as Expr) : expr;
}

function readsAny({ left, right }: TypedCheck, isUnknown: IsUnknown): boolean {
  return termReads(left, isUnknown) || (right !== undefined && termReads(right, isUnknown));
}

function termReads(term: TypedTerm, isUnknown: IsUnknown): boolean {
  switch (term.kind) {
    case 'field':
      return isUnknown(term.ref);
    case 'call':
      return term.args.some((arg) => termReads(arg, isUnknown));
    case 'list':
      return term.items.some((item) => termReads(item, isUnknown));
    case 'constant':
    case 'feed':
      return false;
  }
}

/** What a condition can be of an event of which only some fields are known. */

import type { Place } from '../core/errors.ts';
import type { Event, FieldRef, Form } from '../events/field.ts';
import { type Asked, indexAlternatives } from './alternatives.ts';
import type { Expr } from './ast.ts';
import type { TypedCheck, TypedExpr, TypedTerm } from './check.ts';
import { compile, type Predicate, predicateOf } from './compile.ts';
import { textOf } from './explain.ts';
import { valuesAsked } from './membership.ts';
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

type Alternatives = Extract<TypedExpr, { kind: 'and' | 'or' }>;

/** A part of a condition that an event fails whatever its unknown fields are. */
export interface Refutation {
  /** As it is written; macros by name. */
  readonly text: string;
  readonly place: Place | undefined;
  /** The lists and exceptions that it comes from: "in exception e". */
  readonly via: readonly string[];
}

/** Looks at events of which the same fields are known. They are of the rule's source. */
export interface Refuter<E extends Event> {
  /** False when the event does not match for sure. */
  mayMatch(event: E): boolean;
  /** Which parts of the condition it fails for sure; none: it may match. */
  refutations(event: E): readonly Refutation[];
}

/** Makes one for a rule. */
export function refuter<E extends Event>(
  { condition, composed }: Rule,
  form: Form<E>,
  isUnknown: IsUnknown,
): Refuter<E> {
  const judges = [new Map<TypedExpr, Predicate<E>>(), new Map<TypedExpr, Predicate<E>>()] as const;
  const finders = [new Map<TypedExpr, FindAlternatives<E>>(), new Map<TypedExpr, FindAlternatives<E>>()] as const;
  const judgeOf = (typed: TypedExpr, inFavour: boolean): Predicate<E> => {
    switch (typed.kind) {
      case 'and': {
        const items = typed.items.map((item) => judgeOf(item, inFavour));
        return (event) => items.every((item) => item(event));
      }
      case 'or':
        return (event) => placeOf(event, typed, inFavour) !== undefined;
      case 'not': {
        const item = judgeOf(typed.item, !inFavour);
        return (event) => !item(event);
      }
      case 'check':
        return predicateOf(compile(assume(typed, isUnknown, inFavour), form));
    }
  };
  const holds = (event: E, typed: TypedExpr, inFavour: boolean): boolean => {
    const made = judges[inFavour ? 1 : 0];
    let judge = made.get(typed);
    if (judge === undefined) made.set(typed, (judge = judgeOf(typed, inFavour)));
    return judge(event);
  };
  /** Where an alternative is that holds. */
  const placeOf = (event: E, typed: Alternatives, inFavour: boolean): number | undefined => {
    const made = finders[inFavour ? 1 : 0];
    let find = made.get(typed);
    if (find === undefined) {
      const items = typed.items.map((item) => assume(item, isUnknown, inFavour));
      made.set(typed, (find = finderOf(items, form)));
    }
    for (const places of find(event)) {
      const at = places.find((place) => holds(event, typed.items[place] as TypedExpr, inFavour));
      if (at !== undefined) return at;
    }
    return undefined;
  };
  const refuted = (event: E, expr: Expr, typed: TypedExpr, text: ComposedText): readonly Refutation[] => {
    if (holds(event, typed, true)) return [];
    // Of what has to hold together only the parts that do not are of interest, of a `not` what does.
    if (expr.kind === 'and' && typed.kind === 'and') {
      const parts = expr.items.flatMap((item, index) => refuted(event, item, typed.items[index] as TypedExpr, text));
      if (parts.length > 0) return parts;
    }
    if (expr.kind === 'macro' && expr.macro !== undefined) {
      return refuted(event, expr.macro.body, typed, textOf(expr.macro));
    }
    if (expr.kind !== 'not' || typed.kind !== 'not') return [partOf(expr, text)];
    const held = holding(event, expr.item, typed.item);
    return [partOf(held, text, 'not ')];
  };
  const holding = (event: E, expr: Expr, typed: TypedExpr): Expr => {
    if (expr.kind !== 'or' || typed.kind !== 'or') return expr;
    const at = placeOf(event, typed, false);
    return at === undefined ? expr : holding(event, expr.items[at] as Expr, typed.items[at] as TypedExpr);
  };
  return {
    mayMatch: (event) => holds(event, condition.typed, true),
    refutations: (event) => refuted(event, condition.ast, condition.typed, composed),
  };
}

/** The places of the alternatives that an event may hold, in lists: for sure it holds no others. */
type FindAlternatives<E extends Event> = (event: E) => readonly (readonly number[])[];

function finderOf<E extends Event>(items: readonly TypedExpr[], form: Form<E>): FindAlternatives<E> {
  const places = [...items.keys()];
  const index = indexAlternatives(places, (place) => askedOf(items[place] as TypedExpr));
  const read = index && form.reader(index.term);
  if (index === undefined || read === undefined) return () => [places];
  return (event) => [index.byValue.get(read(event)) ?? [], index.others];
}

/** The fields that have to have certain values for a condition to hold. */
function askedOf(expr: TypedExpr): readonly Asked<FieldRef>[] {
  const items = expr.kind === 'and' ? expr.items : [expr];
  return items.flatMap((item) => {
    const values = item.kind === 'check' ? valuesAsked(item) : undefined;
    if (item.kind !== 'check' || item.left.kind !== 'field' || values === undefined) return [];
    return [{ term: item.left.ref, key: item.left.ref.text, values }];
  });
}

/** Where it is written is looked for when it is asked: in a condition of thousands of parts that takes its time. */
function partOf(expr: Expr, text: ComposedText, before = ''): Refutation {
  return {
    text: `${before}${written(expr, text)}`,
    get place() {
      return text.locate(firstOf(expr).span).place;
    },
    get via() {
      return text.ways(expr.span);
    },
  };
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

/** Which parts of a condition an event fails for sure, of which only some fields are known. */

import type { Place } from '../../core/errors.ts';
import type { Event, FieldRef, Form } from '../../events/field.ts';
import type { TypedExpr, TypedJunction } from '../check/typed-ast.ts';
import { textOf } from '../explain/explain.ts';
import type { Rule } from '../files/rule.ts';
import { type Asked, indexAlternatives } from '../judge/alternatives.ts';
import { compile, type Predicate, predicateOf } from '../judge/compile.ts';
import { valuesAsked } from '../judge/membership.ts';
import type { ComposedText } from '../source.ts';
import type { Expr } from '../syntax/ast.ts';
import { assume, type IsUnknown } from './assume.ts';

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
  const possibly = new PartJudge({ form, isUnknown }, true);
  const refuted = (event: E, expr: Expr, typed: TypedExpr, text: ComposedText): readonly Refutation[] => {
    if (possibly.holds(event, typed)) return [];
    // Of what has to hold together only the parts that do not are of interest, of a `not` what does.
    if (expr.kind === 'and' && typed.kind === 'and') {
      const parts = expr.items.flatMap((item, index) => refuted(event, item, typed.items[index] as TypedExpr, text));
      if (parts.length > 0) return parts;
    }
    if (expr.kind === 'macro' && expr.macro !== undefined) {
      return refuted(event, expr.macro.body, typed, textOf(expr.macro));
    }
    if (expr.kind !== 'not' || typed.kind !== 'not') return [partOf(expr, text)];
    return [partOf(holding(event, expr.item, typed.item), text, 'not ')];
  };
  const holding = (event: E, expr: Expr, typed: TypedExpr): Expr => {
    if (expr.kind !== 'or' || typed.kind !== 'or') return expr;
    const at = possibly.opposite.placeOf(event, typed);
    return at === undefined ? expr : holding(event, expr.items[at] as Expr, typed.items[at] as TypedExpr);
  };
  return {
    mayMatch: (event) => possibly.holds(event, condition.typed),
    refutations: (event) => refuted(event, condition.ast, condition.typed, composed),
  };
}

interface Seen<E extends Event> {
  readonly form: Form<E>;
  readonly isUnknown: IsUnknown;
}

/** Judges parts of conditions with what is unknown in their favour, or against them; what each takes is made at first use. */
class PartJudge<E extends Event> {
  /** Judges with it the other way, as is due behind a `not`. */
  readonly opposite: PartJudge<E>;
  readonly #seen: Seen<E>;
  readonly #inFavour: boolean;
  readonly #predicates = new Map<TypedExpr, Predicate<E>>();
  readonly #finders = new Map<TypedJunction, FindAlternatives<E>>();

  constructor(seen: Seen<E>, inFavour: boolean, opposite?: PartJudge<E>) {
    this.#seen = seen;
    this.#inFavour = inFavour;
    this.opposite = opposite ?? new PartJudge(seen, !inFavour, this);
  }

  holds(event: E, part: TypedExpr): boolean {
    return this.#predicateOf(part)(event);
  }

  /** Where an alternative is that holds. */
  placeOf(event: E, part: TypedJunction): number | undefined {
    let find = this.#finders.get(part);
    if (find === undefined) {
      const items = part.items.map((item) => this.#assume(item));
      this.#finders.set(part, (find = finderOf(items, this.#seen.form)));
    }
    for (const places of find(event)) {
      const at = places.find((place) => this.holds(event, part.items[place] as TypedExpr));
      if (at !== undefined) return at;
    }
    return undefined;
  }

  #predicateOf(part: TypedExpr): Predicate<E> {
    let predicate = this.#predicates.get(part);
    if (predicate === undefined) this.#predicates.set(part, (predicate = this.#make(part)));
    return predicate;
  }

  #make(part: TypedExpr): Predicate<E> {
    switch (part.kind) {
      case 'and': {
        const items = part.items.map((item) => this.#predicateOf(item));
        return (event) => items.every((item) => item(event));
      }
      case 'or':
        return (event) => this.placeOf(event, part) !== undefined;
      case 'not': {
        const item = this.opposite.#predicateOf(part.item);
        return (event) => !item(event);
      }
      case 'check':
        return predicateOf(compile(this.#assume(part), this.#seen.form));
    }
  }

  #assume(part: TypedExpr): TypedExpr {
    return assume(part, this.#seen.isUnknown, this.#inFavour);
  }
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

/** A rule explained: its condition as a tree in which each part says where it comes from. */

import type { Place } from '../../core/errors.ts';
import type { FieldRef } from '../../events/field.ts';
import type { EventTypeSet } from '../check/event-types.ts';
import type { ParsedMacro } from '../files/resolve-macros.ts';
import type { Rule } from '../files/rule.ts';
import type { ComposedText } from '../source.ts';
import type { Expr } from '../syntax/ast.ts';
import { printFalco } from '../syntax/print.ts';

/** What is known of a part of a condition, apart from its own parts. */
export interface ExplainedPart {
  readonly kind: 'and' | 'or' | 'not' | 'check' | 'macro';
  /** A check as text, a macro's name. */
  readonly text?: string;
  /** Where it is written. */
  readonly place?: Place;
  /** The lists and exceptions that it, or constants of it, come from: "in list l, defined at …". */
  readonly via?: readonly string[];
}

/** A part of a condition. */
export interface ExplainedNode extends ExplainedPart {
  readonly items: readonly ExplainedNode[];
}

export interface Explanation {
  readonly name: string;
  readonly place: Place;
  readonly condition: ExplainedNode;
  /** The condition in one line, macros, lists and exceptions in place. */
  readonly compiled: string;
  readonly eventTypes: EventTypeSet;
  readonly conditionFields: readonly FieldRef[];
  readonly outputFields: readonly FieldRef[];
}

/** Explains a rule. */
export function explainRule(rule: Rule): Explanation {
  return {
    name: rule.name,
    place: rule.place,
    condition: explain(rule.condition.ast, rule.composed),
    compiled: rule.condition.compiled,
    eventTypes: rule.condition.eventTypes,
    conditionFields: rule.condition.reads,
    outputFields: rule.output.reads,
  };
}

function explain(expr: Expr, text: ComposedText): ExplainedNode {
  const part = explainPart(expr, text);
  switch (expr.kind) {
    case 'and':
    case 'or':
      return { ...part, items: expr.items.map((item) => explain(item, text)) };
    case 'not':
      return { ...part, items: [explain(expr.item, text)] };
    case 'macro':
      return { ...part, items: expr.macro === undefined ? [] : [explain(expr.macro.body, textOf(expr.macro))] };
    default:
      return { ...part, items: [] };
  }
}

/** The text of a macro, which the places in its tree refer to. */
export function textOf(macro: { readonly owner: unknown }): ComposedText {
  return (macro.owner as ParsedMacro).text;
}

/** What is known of the root of a tree; `text` is what its places refer to. */
export function explainPart(expr: Expr, text: ComposedText): ExplainedPart {
  if (expr.kind === 'and' || expr.kind === 'or' || expr.kind === 'not') return { kind: expr.kind };
  const { place } = text.locate(expr.span);
  const via = text.ways(expr.span);
  return {
    kind: expr.kind === 'macro' ? 'macro' : 'check',
    text: expr.kind === 'macro' ? expr.name : printFalco(expr),
    ...(place === undefined ? {} : { place }),
    ...(via.length === 0 ? {} : { via }),
  };
}

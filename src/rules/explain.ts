/** A rule explained: its condition as a tree in which each part says where it comes from. */

import type { Place } from '../core/errors.ts';
import type { FieldRef } from '../events/field.ts';
import type { Expr, Span } from './ast.ts';
import type { EventTypeSet } from './event-types.ts';
import { printFalco } from './print.ts';
import type { ParsedMacro } from './resolve-macros.ts';
import type { Rule } from './rule.ts';
import type { ComposedText } from './source.ts';

/** A part of a condition. */
export interface ExplainedNode {
  readonly kind: 'and' | 'or' | 'not' | 'check' | 'macro';
  /** A check as text, a macro's name. */
  readonly text?: string;
  /** Where it is written. */
  readonly place?: Place;
  /** The list or exception that put it there: "in list l, defined at …". */
  readonly via?: string;
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
  switch (expr.kind) {
    case 'and':
    case 'or':
      return { kind: expr.kind, items: expr.items.map((item) => explain(item, text)) };
    case 'not':
      return { kind: 'not', items: [explain(expr.item, text)] };
    case 'macro': {
      const items = expr.macro === undefined ? [] : [explain(expr.macro.body, (expr.macro.owner as ParsedMacro).text)];
      return { kind: 'macro', text: expr.name, ...placeOf(expr.span, text), items };
    }
    default:
      return { kind: 'check', text: printFalco(expr), ...placeOf(expr.span, text), items: [] };
  }
}

function placeOf(span: Span, text: ComposedText): { place?: Place; via?: string } {
  return text.locate(span);
}

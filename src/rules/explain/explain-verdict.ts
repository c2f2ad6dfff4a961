/** Why a rule does or does not match an event: each part of its condition, judged alone. */

import type { Event, Form, Scalar, Value } from '../../events/field.ts';
import type { TypedCheck, TypedExpr, TypedTerm } from '../check/typed-ast.ts';
import type { Rule } from '../files/rule.ts';
import { compile, isEventType, type Known } from '../judge/compile.ts';
import { fieldsWithin, termReader } from '../judge/terms.ts';
import type { ComposedText } from '../source.ts';
import type { Comparison, Exists, Expr, Term } from '../syntax/ast.ts';
import { printTerm } from '../syntax/print.ts';
import { type ExplainedPart, explainPart, textOf } from './explain.ts';

/** `absent`: a check that is false because the event does not have a value that it reads. */
export type Mark = 'true' | 'false' | 'absent';

/** A part of a condition, and what became of it. */
export interface JudgedNode extends ExplainedPart {
  readonly mark: Mark;
  /** Whether the verdict on the whole is what it is because of this part: were it otherwise, the verdict could be too. */
  readonly decides: boolean;
  /** What a check has read, by field or transformer; null: absent. */
  readonly values?: Readonly<Record<string, Value | null>>;
  readonly items: readonly JudgedNode[];
}

export interface ExplainedVerdict {
  /** Whether the condition holds. Whether the rule is enabled, and for events of that source, is not looked at. */
  readonly matches: boolean;
  readonly condition: JudgedNode;
}

/** Judges an event by a rule as a set of rules does, part by part. The event is of the rule's source. */
export function explainVerdict<E extends Event>(rule: Rule, event: E, form: Form<E>): ExplainedVerdict {
  const { condition, composed } = rule;
  const known: Known = condition.namesEventTypes ? { eventType: event.type } : {};
  const judged = judge(condition.ast, condition.typed, composed, { event, form, known });
  return { matches: judged.mark === 'true', condition: decide(judged, true) };
}

interface Scene<E extends Event> {
  readonly event: E;
  readonly form: Form<E>;
  readonly known: Known;
}

type Judged = Omit<JudgedNode, 'decides' | 'items'> & { readonly items: readonly Judged[] };

/** The tree as it was parsed and the checked one have the same shape, but for macros, which only the first one has. */
function judge<E extends Event>(expr: Expr, typed: TypedExpr, text: ComposedText, scene: Scene<E>): Judged {
  const part = explainPart(expr, text);
  if (expr.kind === 'macro') {
    if (expr.macro === undefined) throw new Error(`macro ${expr.name} is not in place`);
    const body = judge(expr.macro.body, typed, textOf(expr.macro), scene);
    return { ...part, mark: body.mark === 'true' ? 'true' : 'false', items: [body] };
  }
  if ((expr.kind === 'and' || expr.kind === 'or') && typed.kind === expr.kind) {
    const items = expr.items.map((item, index) => judge(item, typed.items[index] as TypedExpr, text, scene));
    const isTrue = ({ mark }: Judged) => mark === 'true';
    return { ...part, mark: markOf(expr.kind === 'and' ? items.every(isTrue) : items.some(isTrue)), items };
  }
  if (expr.kind === 'not' && typed.kind === 'not') {
    const item = judge(expr.item, typed.item, text, scene);
    return { ...part, mark: markOf(item.mark !== 'true'), items: [item] };
  }
  if ((expr.kind === 'exists' || expr.kind === 'compare') && typed.kind === 'check') {
    return { ...part, ...judgeCheck(expr, typed, scene), items: [] };
  }
  throw new Error('the parsed and the checked condition differ');
}

function markOf(result: boolean): Mark {
  return result ? 'true' : 'false';
}

function judgeCheck<E extends Event>(expr: Exists | Comparison, typed: TypedCheck, scene: Scene<E>) {
  const { event, form, known } = scene;
  const predicate = compile(typed, form, known);
  const result = typeof predicate === 'boolean' ? predicate : predicate(event);
  const sides = [{ term: expr.left, typed: typed.left }];
  const { right } = typed;
  if (expr.kind === 'compare' && right !== undefined && right.kind !== 'feed')
    sides.push({ term: expr.right as Term, typed: right });
  const values: Record<string, Value | null> = {};
  for (const side of sides) Object.assign(values, valuesOf(side.term, side.typed, scene));
  const isAbsent = sides.some((side) => currentValue(side.typed, scene) === null);
  return { mark: result ? 'true' : isAbsent ? 'absent' : 'false', values } as const;
}

/** The value of a term, and those of the fields in it. */
function valuesOf<E extends Event>(term: Term, typed: TypedTerm, scene: Scene<E>): Record<string, Value | null> {
  const fields = fieldsWithin(typed).map((field) => [field.ref.text, currentValue(field, scene)] as const);
  const whole = typed.kind === 'field' ? [] : [[printTerm(term), currentValue(typed, scene)] as const];
  return Object.fromEntries([...fields, ...whole]);
}

function currentValue<E extends Event>(typed: TypedTerm, { event, form, known }: Scene<E>): Value | null {
  // As a set of rules sees it: the type of the event, whatever a field of that name says.
  if (isEventType(typed) && known.eventType !== undefined) return known.eventType;
  const value = termReader(typed, form)?.(event);
  return value === undefined ? null : (value as Scalar);
}

/** Of an `and` that is false those parts decide that are false, of one that is true all of them; of an `or` the reverse. */
function decide({ items, ...node }: Judged, decides: boolean): JudgedNode {
  const isTrue = node.mark === 'true';
  const isJunction = node.kind === 'and' || node.kind === 'or';
  return {
    ...node,
    decides,
    items: items.map((item) => decide(item, decides && (!isJunction || (item.mark === 'true') === isTrue))),
  };
}

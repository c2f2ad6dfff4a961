/** What deserves a warning in the condition of a rule. */

import type { Catalogue } from '../../events/field.ts';
import { mistakenNames } from '../analysis/socket-names.ts';
import { checksWithin } from '../check/checks-within.ts';
import { countEventCodes } from '../check/event-types.ts';
import { isNeverInNetworks } from '../check/tests.ts';
import type { Condition } from '../condition.ts';
import type { Literal } from '../language.ts';
import type { Argument, Check, Expr, MacroRef } from '../syntax/ast.ts';
import { Problem } from '../syntax/problem.ts';
import type { Context, IssueCode } from '../yaml/issue.ts';
import type { RuleDefinition } from './definitions.ts';

export interface ConditionWarning {
  readonly code: IssueCode;
  readonly message: string;
  readonly context: Context;
  /** Where in the condition, if it is about a part of it. */
  readonly problem?: Problem;
  /** Falco points at the context itself, not at that part. */
  readonly whole?: true;
}

/** More event codes than this are "too many". */
const MANY_EVENT_CODES = 100;

/** Warnings of a condition that is parsed, its macros in place: Falco gives them also where it does not compile. */
export function parsedWarnings({ conditionContext: context }: RuleDefinition, ast: Expr): readonly ConditionWarning[] {
  return [...ofUnsafeChecks(context, ast), ...ofDeprecatedFields(context, ast)];
}

/** Warnings of a condition that compiles. */
export function conditionWarnings(
  rule: RuleDefinition,
  condition: Condition,
  catalogue: Catalogue,
): readonly ConditionWarning[] {
  const { reads } = condition;
  const warnings: ConditionWarning[] = [];
  warnings.push(...ofParts(rule, condition));
  if (reads.some(({ field }) => field.type === 'IPNET')) warnings.push(...ofNetworks(rule, condition));
  warnings.push(...ofSocketNames(rule, condition));
  if (rule.warnEventTypes && asksTooMuch(condition, catalogue)) {
    const message = 'Rule matches too many evt.type values. This has a significant performance penalty.';
    warnings.push({ code: 'LOAD_NO_EVTTYPE', message, context: rule.context });
  }
  return warnings;
}

function ofParts({ conditionContext: context }: RuleDefinition, { warnings }: Condition): ConditionWarning[] {
  return warnings.map(({ message, span, falcoStart, hint, within }) => {
    const problem = new Problem('compile', message, span, { falcoStart, hint });
    problem.within = within;
    return { code: 'LOAD_COMPILE_CONDITION', message, context, problem };
  });
}

function ofDeprecatedFields(conditionContext: Context, ast: Expr): ConditionWarning[] {
  const code = 'LOAD_DEPRECATED_ITEM';
  // Falco points at the condition as a whole here, but calls it an expression.
  const context = conditionContext.renamed('condition expression', '');
  return deprecatedFields.flatMap((field) => {
    const detected = `usage of deprecated field '${field}' has been detected in the rule condition`;
    const [message, falco] = field === 'evt.dir' ? [deprecatedDirection] : [detected, deprecatedLatency];
    return ofFirst(ast, { code, message, falco, context }, ({ left }) => readsField(left, field));
  });
}

interface OnTheWhole {
  readonly code: IssueCode;
  readonly message: string;
  readonly falco: string | undefined;
  readonly context: Context;
}

/** A warning about the whole condition, shown where the first check of a kind is. */
function ofFirst(
  ast: Expr,
  { code, message, falco, context }: OnTheWhole,
  isMeant: (check: Check) => boolean,
): ConditionWarning[] {
  const found = firstCheck(ast, isMeant);
  if (found === undefined) return [];
  const problem = new Problem('compile', message, found.check.span, falco === undefined ? {} : { falco });
  problem.within = found.within;
  return [{ code, message, context, problem, whole: true }];
}

/** Deeper ones are refused. */
const MAX_DEPTH = 1000;

/** The first check of a kind, and the macros that lead to it, outermost first. */
function firstCheck(
  ast: Expr,
  isMeant: (check: Check) => boolean,
): { readonly check: Check; readonly within: readonly MacroRef[] } | undefined {
  // Macros that name each other twice stand for an endless condition.
  const seen = new Set<Expr>();
  const path: MacroRef[] = [];
  const visit = (expr: Expr, depth: number): Check | undefined => {
    if (depth > MAX_DEPTH) return undefined;
    if (expr.kind === 'macro') {
      const body = expr.macro?.body;
      if (body === undefined || seen.has(body)) return undefined;
      seen.add(body);
      path.push(expr);
      const found = visit(body, depth + 1);
      if (found === undefined) path.pop();
      return found;
    }
    if (expr.kind === 'not') return visit(expr.item, depth + 1);
    if (expr.kind === 'exists' || expr.kind === 'compare') return isMeant(expr) ? expr : undefined;
    for (const item of expr.items) {
      const found = visit(item, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const check = visit(ast, 0);
  return check && { check, within: path };
}

function readsField(term: Argument, text: string): boolean {
  if (term.kind === 'field') return term.arg === undefined && term.name === text;
  if (term.kind === 'transformer') return term.args.some((each) => readsField(each, text));
  return term.kind === 'arguments' && term.items.some((each) => readsField(each, text));
}

function ofNetworks({ conditionContext: context }: RuleDefinition, condition: Condition): ConditionWarning[] {
  const { ast, typed } = condition;
  return checksWithin(ast, typed, isNeverInNetworks).map(({ check, within }) => {
    const message = `'${check.operator} ${check.modifier}' never finds an address in a network`;
    const problem = new Problem('compile', message, check.span, { hint: 'As in Falco; `in` does: fd.net in (...)' });
    problem.within = within;
    return { code: 'LOAD_COMPILE_CONDITION', message, context, problem };
  });
}

function ofSocketNames({ conditionContext: context }: RuleDefinition, condition: Condition): ConditionWarning[] {
  return mistakenNames(condition).map(({ check, within, message, hint }) => {
    const problem = new Problem('compile', message, check.span, { hint });
    problem.within = within;
    return { code: 'LOAD_COMPILE_CONDITION', message, context, problem };
  });
}

function ofUnsafeChecks(context: Context, ast: Expr): ConditionWarning[] {
  const message =
    'comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. ' +
    "If you need to check for the existence of a field, consider using the 'exists' operator instead.";
  // Falco has no words of its own for it.
  return ofFirst(ast, { code: 'LOAD_UNSAFE_NA_CHECK', message, falco: '', context }, comparesWithNa);
}

function asksTooMuch({ names }: Condition, { eventTypes }: Catalogue): boolean {
  return names !== undefined && eventTypes !== undefined && countEventCodes(names, eventTypes) > MANY_EVENT_CODES;
}

const deprecatedDirection =
  "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always " +
  "evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'";

const deprecatedLatency = 'field is not available due to the drop of enter events.';

/** What Falco has declared obsolete, in its order. */
export const deprecatedFields: readonly string[] = [
  'evt.dir',
  'evt.latency',
  'evt.latency.s',
  'evt.latency.ns',
  'evt.latency.human',
  'evt.wait_latency',
];

const comparedWithNa = /^(?:ka|jevt)\./;

/** Other operators look for a part of a value. */
const equalities: ReadonlySet<string> = new Set(['=', '==', '!=', 'in', 'intersects', 'pmatch']);

function comparesWithNa(check: Check): boolean {
  if (check.kind === 'exists' || check.left.kind !== 'field' || !comparedWithNa.test(check.left.name)) return false;
  const { operator, right } = check;
  if (!equalities.has(operator)) return false;
  return right.kind === 'list' ? right.items.some(isNa) : right.kind === 'literal' && isNa(right);
}

const isNa = ({ text }: Literal) => text === '<NA>';

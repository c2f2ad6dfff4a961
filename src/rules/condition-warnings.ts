/** What deserves a warning in the condition of a rule that compiles. */

import type { Catalogue } from '../events/field.ts';
import type { TypedCheck } from './check.ts';
import { checksWithin } from './checks-within.ts';
import type { Condition } from './condition.ts';
import type { RuleDefinition } from './definitions.ts';
import { countEventCodes, inferNames } from './event-types.ts';
import type { Context, IssueCode } from './issue.ts';
import { Problem } from './problem.ts';

export interface ConditionWarning {
  readonly code: IssueCode;
  readonly message: string;
  readonly context: Context;
  /** Where in the condition, if it is about a part of it. */
  readonly problem?: Problem;
}

/** More event codes than this are "too many". */
const MANY_EVENT_CODES = 100;

export function conditionWarnings(
  rule: RuleDefinition,
  condition: Condition,
  catalogue: Catalogue,
): readonly ConditionWarning[] {
  return [
    ...ofDeprecatedFields(rule, condition),
    ...ofUnsafeChecks(rule, condition),
    ...ofParts(rule, condition),
    ...ofNetworks(rule, condition),
    ...ofEventTypes(rule, condition, catalogue),
  ];
}

function ofParts({ conditionContext: context }: RuleDefinition, { warnings }: Condition): ConditionWarning[] {
  return warnings.map(({ message, span, falcoStart, hint, within }) => {
    const problem = new Problem('compile', message, span, { falcoStart, hint });
    problem.within = within;
    return { code: 'LOAD_COMPILE_CONDITION', message, context, problem };
  });
}

function ofDeprecatedFields({ conditionContext }: RuleDefinition, { reads }: Condition): ConditionWarning[] {
  // Falco points at the condition as a whole here, but calls it an expression.
  const context = conditionContext.renamed('condition expression', '');
  return reads.flatMap(({ text: field }) => {
    if (!isDeprecated(field)) return [];
    const message =
      field === 'evt.dir'
        ? deprecatedDirection
        : `usage of deprecated field '${field}' has been detected in the rule condition`;
    return [{ code: 'LOAD_DEPRECATED_ITEM', message, context }];
  });
}

function ofNetworks({ conditionContext: context }: RuleDefinition, condition: Condition): ConditionWarning[] {
  const { ast, typed, reads } = condition;
  if (!reads.some(({ field }) => field.type === 'IPNET')) return [];
  const isMeant = ({ left, modifier }: TypedCheck) => modifier !== undefined && left.type === 'IPNET';
  return checksWithin(ast, typed, isMeant).map(({ check, within }) => {
    const message = `'${check.operator} ${check.modifier}' never finds an address in a network`;
    const problem = new Problem('compile', message, check.span, { hint: 'As in Falco; `in` does: fd.net in (...)' });
    problem.within = within;
    return { code: 'LOAD_COMPILE_CONDITION', message, context, problem };
  });
}

function ofUnsafeChecks({ conditionContext: context }: RuleDefinition, condition: Condition): ConditionWarning[] {
  if (!comparesWithNa(condition)) return [];
  const message =
    'comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. ' +
    "If you need to check for the existence of a field, consider using the 'exists' operator instead.";
  return [{ code: 'LOAD_UNSAFE_NA_CHECK', message, context }];
}

function ofEventTypes(rule: RuleDefinition, condition: Condition, catalogue: Catalogue): ConditionWarning[] {
  const known = catalogue.eventTypes;
  const codes = known === undefined || !rule.warnEventTypes ? 0 : countEventCodes(inferNames(condition.typed), known);
  if (codes > MANY_EVENT_CODES) {
    const message = 'Rule matches too many evt.type values. This has a significant performance penalty.';
    return [{ code: 'LOAD_NO_EVTTYPE', message, context: rule.context }];
  }
  return [];
}

const deprecatedDirection =
  "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always " +
  "evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'";

/** Whether Falco has declared a field obsolete. */
export function isDeprecated(field: string): boolean {
  return field === 'evt.dir' || field === 'evt.wait_latency' || field.startsWith('evt.latency');
}

const comparedWithNa = /^(?:ka|jevt)\./;

function comparesWithNa({ ast, typed, reads }: Condition): boolean {
  if (!reads.some(({ text }) => comparedWithNa.test(text))) return false;
  const found = checksWithin(ast, typed, ({ left, constants = [] }) => {
    return left.kind === 'field' && comparedWithNa.test(left.ref.text) && constants.includes('<NA>');
  });
  return found.length > 0;
}

/** What deserves a warning in the condition of a rule that compiles. */

import type { Catalogue } from '../events/field.ts';
import type { TypedCheck } from './check.ts';
import { checksWithin } from './checks-within.ts';
import type { Condition } from './condition.ts';
import type { RuleDefinition } from './definitions.ts';
import { countEventTypes } from './event-types.ts';
import type { Context, IssueCode } from './issue.ts';
import { Problem } from './problem.ts';

export interface ConditionWarning {
  readonly code: IssueCode;
  readonly message: string;
  readonly context: Context;
  /** Where in the condition, if it is about a part of it. */
  readonly problem?: Problem;
}

/** More event types than this are "too many". */
const MANY_EVENT_TYPES = 100;

export function conditionWarnings(
  rule: RuleDefinition,
  condition: Condition,
  catalogue: Catalogue,
): readonly ConditionWarning[] {
  return [
    ...ofParts(rule, condition),
    ...ofDeprecatedFields(rule, condition),
    ...ofNetworks(rule, condition),
    ...ofWhole(rule, condition, catalogue),
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

function ofWhole(rule: RuleDefinition, condition: Condition, catalogue: Catalogue): ConditionWarning[] {
  const warnings: ConditionWarning[] = [];
  if (comparesWithNa(condition)) {
    const message =
      'comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. ' +
      "If you need to check for the existence of a field, consider using the 'exists' operator instead.";
    warnings.push({ code: 'LOAD_UNSAFE_NA_CHECK', message, context: rule.conditionContext });
  }
  const known = catalogue.eventTypes;
  if (known !== undefined && rule.warnEventTypes && countEventTypes(condition.eventTypes, known) > MANY_EVENT_TYPES) {
    const message = 'Rule matches too many evt.type values. This has a significant performance penalty.';
    warnings.push({ code: 'LOAD_NO_EVTTYPE', message, context: rule.context });
  }
  return warnings;
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

/** A reload must not silence rules by an accident: a file that was cut short is still a rules file that is right. */

import { counted } from '../../core/counted.ts';
import { type Diagnostic, exitCode, UserError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { RulesConfig } from '../../operators/rules/index.ts';
import { doubts, emptiedText, sameLists } from '../../operators/rules/lists/lists.ts';
import type { Plan, PlannedOperator } from '../../pipeline/plan/planned.ts';
import { filesOf, isBlankText } from '../rules/rules-files.ts';

/**
 * Throws a UserError (exit 78) when a rules file or a list from elsewhere that had items is empty now, or when an operator
 * that judged by rules would have none left, though the pipeline asks for the same as before. A list may be missing where
 * it is optional.
 */
export function refuseSilence(plan: Plan, before: Plan): void {
  const diagnostics = plan.operators.flatMap((operator) => {
    const old = before.operators.find(({ id, type }) => id === operator.id && type === operator.type);
    return old === undefined || operator.type !== 'rules' ? [] : silenced(operator, plan, old, before);
  });
  if (diagnostics.length === 0) return;
  const message = 'Rules would be gone that the pipeline still asks for';
  throw new UserError(message, { exit: exitCode.config, diagnostics, texts: plan.texts });
}

function silenced(operator: PlannedOperator, plan: Plan, old: PlannedOperator, before: Plan): Diagnostic[] {
  const files = filesOf(operator);
  const emptied = files.filter((name) => textOf(plan, name).trim() === '' && !isBlankText(textOf(before, name)));
  if (emptied.length > 0) return emptied.map((file) => gone('The file is empty and was not', file));
  const lists = sameLists(operator.prepared, old.prepared).flatMap((list) => {
    const { from } = list.feed;
    const message = from.optional ? undefined : emptiedText(list);
    return message === undefined ? [] : [emptyList(message, from.location)];
  });
  if (lists.length > 0) return lists;
  const [had, isAsked] = [enabledOf(old), JSON.stringify(operator.config) !== JSON.stringify(old.config)];
  if (isAsked || had === 0 || enabledOf(operator) > 0) return [];
  const message = `${operator.id} would have no rule that is enabled any more: it has ${counted(had, 'rule')}`;
  return [gone(message, files[0] ?? (operator.config as RulesConfig).files[0])];
}

function enabledOf({ notes }: PlannedOperator): number {
  return Number(notes.rules ?? 0);
}

function textOf({ texts }: Plan, file: string): string {
  return texts.find(({ name }) => name === file)?.text ?? '';
}

/** Says what people should look at of lists from elsewhere: what is lost of them, or new in kind. */
export function sayDoubtfulLists(log: Logger, plan: Plan, before: Plan): void {
  for (const { id, type, prepared } of plan.operators) {
    const old = before.operators.find((each) => each.id === id && each.type === type);
    if (type !== 'rules' || old === undefined) continue;
    for (const message of sameLists(prepared, old.prepared).flatMap(doubts)) log.warn(message);
  }
}

function emptyList(message: string, file: string): Diagnostic {
  const hint = 'When that is meant, take the list out of the rules, or start anew.';
  return { severity: 'error', code: 'LIST_GONE', message, at: { file, line: 1, column: 1 }, hidden: true, hint };
}

function gone(message: string, file = ''): Diagnostic {
  const hint = 'When that is meant, say so in the pipeline: take files out of `files`, or disable rules by `select`.';
  return { severity: 'error', code: 'RULES_GONE', message, at: { file, line: 1, column: 1 }, hidden: true, hint };
}

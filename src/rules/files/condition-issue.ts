/** What is wrong with a condition, as an issue: with its place, the way there, and what to do. */

import { placeText, suggest } from '../../core/errors.ts';
import { textOperators } from '../language.ts';
import type { ComposedText } from '../source.ts';
import type { Problem } from '../syntax/problem.ts';
import { type Context, type Issue, type IssueCode, makeIssue } from '../yaml/issue.ts';
import type { MacroDefinition, RuleDefinition } from './definitions.ts';
import type { ParsedMacro } from './resolve-macros.ts';

/** The condition that a problem is in. */
export interface ConditionPlace {
  readonly text: ComposedText;
  readonly context: Context;
  /** What it is the condition of. */
  readonly via: () => string;
}

/**
 * Falco's place, which is that of the context with `whole`, and the true one with the way through macros and lists.
 * @param lists the names of all lists
 */
export function conditionIssue(
  severity: Issue['severity'],
  code: IssueCode,
  problem: Problem,
  { text, context, via, whole = false }: ConditionPlace & { readonly whole?: boolean | undefined },
  lists: Iterable<string>,
): Issue {
  const start = problem.options.falcoStart ?? problem.span.start;
  const macros = problem.within.map((ref) => ref.macro?.owner as ParsedMacro);
  const bare = problem.stage === 'parse' ? text.operatorOfBareList(problem.span.start) : undefined;
  const { place, via: list } = (macros.at(-1)?.text ?? text).locate(bare?.span ?? problem.span);
  const hint = bare === undefined ? hintFor(problem, list, lists) : bareListHint(bare);
  const steps = [
    ...(list === undefined ? [] : [list]),
    ...macros.toReversed().map(({ definition }) => viaMacro(definition)),
    via(),
  ];
  return makeIssue(severity, code, problem.falco, whole ? context : context.inText(text.text, start), {
    diagnostic: {
      message: problem.message,
      via: steps,
      ...(place === undefined ? {} : { at: place }),
      ...(hint === undefined ? {} : { hint }),
    },
  });
}

function hintFor(problem: Problem, via: string | undefined, lists: Iterable<string>): string | undefined {
  if (problem.stage === 'parse' && via?.startsWith('in exception')) {
    return `A value that holds a parenthesis, a comma or = has quotes of its own: '"a(b)"'.`;
  }
  const { word, hint } = problem.options;
  const list = word === undefined ? undefined : suggest(word, lists);
  return list === undefined ? hint : `Did you mean the list ${list}?`;
}

/** What is meant where the name of a list stands like a text after an operator. */
function bareListHint({ operator, list }: { readonly operator: string; readonly list: string }): string {
  const isText = (textOperators as readonly string[]).includes(operator);
  const words = OF_LISTS[operator] ?? (isText ? `${operator} anyof` : operator);
  return `${list} is a list: ${words} (${list}).`;
}

const OF_LISTS: Readonly<Record<string, string>> = { '=': 'in', '==': 'in', '!=': 'not FIELD in' };

export function viaRule({ name, context }: RuleDefinition): string {
  return `in rule '${name}', defined at ${placeText(context.place)}`;
}

export function viaMacro({ name, context }: MacroDefinition): string {
  return `in macro ${name}, defined at ${placeText(context.place)}`;
}

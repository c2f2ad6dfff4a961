/** Which rule a text alert is of: it does not say the name. */

import { exitCode, UserError } from '../../core/errors.ts';
import type { Rule } from '../../rules/index.ts';
import { complain } from '../fail.ts';
import { findRule, type LoadedRules } from './rules-files.ts';

/**
 * Finds a rule by its name, or by what its alerts say: then the standard error has the name.
 * @throws UserError (exit 2) that names the nearest, or those that say it
 */
export function findRuleOrAlert(name: string, loads: readonly LoadedRules[]): ReturnType<typeof findRule> {
  const rules = loads.flatMap(({ result }) => result.rules);
  if (rules.some((rule) => rule.name === name)) return findRule(name, loads);
  const [said, ...others] = new Set(saidBy(name.trim(), rules).map((rule) => rule.name));
  if (said === undefined) return findRule(name, loads);
  if (others.length > 0) {
    const names = [said, ...others].map((each) => `"${each}"`).join(', ');
    throw new UserError(`There is no rule "${name}", but alerts of these say it: ${names}`, { exit: exitCode.usage });
  }
  complain(`That is what alerts of the rule "${said}" say`);
  return findRule(said, loads);
}

/** The rules in whose output a text is, or of whose alerts it is one. One word is in too many. */
function saidBy(text: string, rules: readonly Rule[]): readonly Rule[] {
  const written = rules.filter(({ output }) => text.includes(' ') && output.text.includes(text));
  return written.length > 0 ? written : rules.filter(({ output }) => isAlertOf(text, output.text));
}

/** What stands between the fields of an output. */
const FIELD = /%\d*[\w.]+(?:\[[^\]]*\]|\([^)]*\))?/;

/** Whether all that is between the fields of an output is in a text, in order. */
function isAlertOf(text: string, output: string): boolean {
  const parts = output.split(FIELD);
  if (!parts[0]?.trim().includes(' ')) return false;
  let at = 0;
  return parts.every((part) => {
    const found = text.indexOf(part, at);
    at = found + part.length;
    return found >= 0;
  });
}

/** The proof that exceptions do what they say: the rules are loaded with them, and judge the alerts again. */

import { counted } from '../../core/counted.ts';
import { type Diagnostic, exitCode, UserError } from '../../core/errors.ts';
import type { Rule } from '../../rules/index.ts';
import type { LoadedRules } from '../rules/rules-files.ts';
import type { Plan } from './plan.ts';
import { Judged } from './seen.ts';
import { exceptionsYaml, linesOf, linesText, rowsIn } from './yaml.ts';

/** A plan, and what came of it. */
export interface Proven {
  readonly plan: Plan;
  /** The rule with its exceptions. */
  readonly rule: Rule;
  /** Alerts that get no exception, but for those that one of the others hides too. */
  readonly open: Plan['open'];
}

/**
 * Loads rules with their exceptions.
 * @throws UserError (exit 70) when exceptions do not hide what they say that they hide
 */
export async function proven(load: LoadedRules, plans: readonly Plan[]): Promise<readonly Proven[]> {
  const made = plans.map(({ case: { rule }, blocks }) => ({ rule: rule.name, notes: [], blocks }));
  const file = { name: 'the exceptions', content: exceptionsYaml([], made) };
  const { ok, rules, diagnostics } = await load.with(file);
  if (!ok) {
    const rows = counted(rowsIn(made), 'row');
    const message = `The rules do not load with these exceptions; there are ${rows}, and --rows writes fewer`;
    const texts = [...load.texts, { name: file.name, text: file.content }];
    throw new UserError(message, { exit: exitCode.config, diagnostics: diagnostics.filter(isError), texts });
  }
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  return plans.map((plan) => prove(plan, byName.get(plan.case.rule.name) ?? plan.case.rule));
}

const isError = ({ severity }: Diagnostic) => severity === 'error';

function prove(plan: Plan, rule: Rule): Proven {
  const after = new Judged(rule);
  const rows = plan.blocks.flatMap((block) => [...block.rows.values()]);
  const missed = rows.filter((row) => row.events.some((event) => after.mayMatch(event)));
  if (missed.length > 0) {
    const lines = linesText(missed.flatMap(linesOf));
    const message = `The exceptions of "${rule.name}" do not hide ${lines}; nothing was written`;
    throw new UserError(message, { exit: exitCode.software });
  }
  return { plan, rule, open: plan.open.filter(({ event }) => after.mayMatch(event)) };
}

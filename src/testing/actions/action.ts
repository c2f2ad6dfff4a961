/** What raises Falco's rules, an action each: scenarios of the folder actions/, a file for each maturity of the rules. */

import { join } from 'node:path';
import { exitCode, messageOf, UserError } from '../../core/errors.ts';
import { packageRoot } from '../../core/package.ts';
import { loadScenarios, type Scenario } from '../scenarios/load.ts';
import { readTestFile } from '../test-files.ts';

const maturities = ['stable', 'incubating', 'sandbox'] as const;

export interface Action {
  /** As event-generator calls it: the name of the rule without blanks. */
  readonly name: string;
  /** The rule of Falco that it raises. */
  readonly rule: string;
  readonly maturity: (typeof maturities)[number];
  /** Whether it is performed unless all are asked for. */
  readonly isDefault: boolean;
  readonly inContainer: boolean;
  /** What it does, a sentence or two. */
  readonly description: string;
  readonly scenario: Scenario;
}

/** All that there are, in the order of the files. */
export function loadActions(): readonly Action[] {
  return maturities.flatMap((maturity) => {
    const file = readTestFile(join(packageRoot, `actions/${maturity}.yaml`), () => []);
    return loadScenarios(file).map((scenario) => ({
      name: scenario.name,
      rule: scenario.rule,
      maturity,
      isDefault: maturity === 'stable',
      inContainer: Boolean(scenario.context?.container),
      description: (scenario.description ?? '').trim(),
      scenario,
    }));
  });
}

/**
 * Those whose name or rule a pattern matches, in any case.
 * @throws UserError (exit 2) when it is none, or matches nothing
 */
export function chooseActions(actions: readonly Action[], pattern: string, all: boolean): readonly Action[] {
  const matching = actions.filter(matches(pattern));
  const chosen = matching.filter(({ isDefault }) => all || isDefault);
  if (chosen.length > 0) return chosen;
  const names = matching.map(({ name }) => name).join(', ');
  const message =
    matching.length > 0
      ? `Only with --all: ${names}`
      : `No action and no rule matches "${pattern}"; falco-pipe generate --list --all names them`;
  throw new UserError(message, { exit: exitCode.usage });
}

function matches(pattern: string): (action: Action) => boolean {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern, 'iv');
  } catch (error) {
    throw new UserError(messageOf(error), { exit: exitCode.usage, cause: error });
  }
  return ({ name, rule }) => expression.test(name) || expression.test(rule);
}

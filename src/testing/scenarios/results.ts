/** Results of scenarios. */

import type { TestContext, TestResult } from '../test-kind.ts';
import type { Scenario } from './load.ts';

/** The result of a test that took so many `ms`, with what it comes of. */
export function resultOf(
  { file, line, rule, name }: Scenario,
  status: TestResult['status'],
  ms: number,
  because: readonly string[],
): TestResult {
  return { file: file.path, line, suite: rule, name, status, ms: Math.round(ms), because };
}

/** Reports a test that was not run. */
export function skip(scenario: Scenario, why: string, context: TestContext): void {
  context.report(resultOf(scenario, 'skipped', 0, [why]));
}

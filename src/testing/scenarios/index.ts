/** Scenarios: event-generator's declarative tests, performed with real system calls and seen by the kernel source. */

import type { Rule } from '../../rules/index.ts';
import { rulesUnderTest } from '../rules-under-test.ts';
import { defineTestKind } from '../test-kind.ts';
import { loadScenarios, type Scenario } from './load.ts';
import { runScenarios } from './run.ts';

export interface ScenarioSuite {
  readonly count: number;
  readonly rules: readonly Rule[];
  readonly scenarios: readonly Scenario[];
}

export const scenarios = defineTestKind<ScenarioSuite>({
  name: 'event-generator scenarios',
  recognises: (value) => testsOf(value).some((test) => typeof test === 'object' && test !== null && 'runner' in test),
  async load(file) {
    const { rules } = await rulesUnderTest(file);
    const loaded = loadScenarios(file, rules);
    return { count: loaded.length, rules, scenarios: loaded };
  },
  touched({ rules, scenarios: all }, changed) {
    const touched = all.filter(({ rule, expectedOutcome }) => {
      // Who expects nothing else looks at all rules.
      const looksAt = [rule, ...(expectedOutcome?.sequence ?? []).map((each) => each.rule ?? rule)];
      return expectedOutcome?.only === true || looksAt.some((name) => changed.has(name));
    });
    return { count: touched.length, rules, scenarios: touched };
  },
  run: (suites, context) =>
    runScenarios(
      suites.flatMap((suite) => suite.scenarios),
      context,
    ),
});

function testsOf(value: unknown): readonly unknown[] {
  const tests = (value as { tests?: unknown } | null)?.tests;
  return Array.isArray(tests) ? tests : [];
}

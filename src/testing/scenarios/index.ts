/** Scenarios: event-generator's declarative tests, performed with real system calls and seen by the kernel source. */

import { rulesUnderTest } from '../rules-under-test.ts';
import { defineTestKind } from '../test-kind.ts';
import { loadScenarios, type Scenario } from './load.ts';
import { runScenarios } from './run.ts';

export interface ScenarioSuite {
  readonly count: number;
  readonly scenarios: readonly Scenario[];
}

export const scenarios = defineTestKind<ScenarioSuite>({
  name: 'event-generator scenarios',
  recognises: (value) => testsOf(value).some((test) => typeof test === 'object' && test !== null && 'runner' in test),
  async load(file) {
    const { rules } = await rulesUnderTest(file);
    const loaded = loadScenarios(file, rules);
    return { count: loaded.length, scenarios: loaded };
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

/** Rule tests: recorded events in, alerts out. No kernel is asked, so they need no privilege and take no time. */

import type { Rule } from '../../rules/index.ts';
import { rulesUnderTest } from '../rules-under-test.ts';
import { defineTestKind } from '../test-kind.ts';
import { loadRuleTests, type RuleTestFile } from './load.ts';
import { runRuleTests } from './run.ts';

interface RuleTestSuite {
  readonly count: number;
  readonly rules: readonly Rule[];
  readonly file: RuleTestFile;
}

export const ruleTests = defineTestKind<RuleTestSuite>({
  name: 'rule tests',
  recognises(value) {
    const { tests, pipeline } = (value ?? {}) as { tests?: unknown; pipeline?: unknown };
    const has = (test: unknown) => typeof test === 'object' && test !== null && 'rule' in test && 'events' in test;
    return pipeline === undefined && Array.isArray(tests) && tests.some(has);
  },
  async load(file) {
    const { rules } = await rulesUnderTest(file);
    const loaded = loadRuleTests(file, rules);
    return { count: loaded.tests.length, rules, file: loaded };
  },
  async run(suites, context) {
    for (const { file } of suites) runRuleTests(file, context);
  },
});

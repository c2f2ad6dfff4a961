/** The kinds of test files that there are. */

import { pipelineTests } from './pipeline-tests/index.ts';
import { ruleTests } from './rule-tests/index.ts';
import { scenarios } from './scenarios/index.ts';
import type { TestKind } from './test-kind.ts';

export const testKinds: readonly TestKind[] = [scenarios, ruleTests, pipelineTests];

/** Scenarios performed without a rule that is looked for. */

import type { Scenario } from '../../src/testing/scenarios/load.ts';
import { planOf } from '../../src/testing/scenarios/plan.ts';
import { scenarioShape } from '../../src/testing/scenarios/schema.ts';
import type { Stage } from '../../src/testing/scenarios/stage.ts';

/** Performs what `given` says on a stage, under an id there; resolves with what went wrong. */
export function performed(stage: Stage, id: string, given: object): Promise<readonly string[]> {
  const shape = scenarioShape.parse({ name: 'a', runner: 'HostRunner', rule: 'R', ...given });
  return stage.run(id, planOf(shape as Scenario, id, stage.folder));
}

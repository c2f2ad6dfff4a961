/** Plans pipelines: at once, or beside what runs. */

import { atOnce, type Steps } from '../../core/steps.ts';
import type { PipelineDocument } from './document.ts';
import type { Plan } from './planned.ts';
import { type Given, Planner } from './planner.ts';
import type { Registry } from './registry.ts';
import type { Contents } from './watch.ts';

/**
 * Plans a pipeline. Throws a UserError (exit 78) with everything that is wrong, not just the first thing. The files that
 * components read are noted in `read`.
 */
export function planPipeline(
  document: PipelineDocument,
  registry: Registry,
  read: Contents = new Map(),
  given: Given = {},
): Plan {
  return atOnce(planInSteps(document, registry, read, given));
}

/** As `planPipeline`, for a pipeline that runs meanwhile. */
export function planInSteps(
  document: PipelineDocument,
  registry: Registry,
  read: Contents = new Map(),
  given: Given = {},
): Steps<Plan> {
  return new Planner(document, registry, read, given).plan();
}

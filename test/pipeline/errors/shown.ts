/** What a user sees of a pipeline that is wrong. */

import { renderDiagnostic, UserError } from '../../../src/core/errors.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import type { Given } from '../../../src/pipeline/plan/planner.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';

/** A pipeline without an error, from which each test makes one that has some. */
export const ok = `sources:
  past: { type: replay, files: [/dev/null] }
operators:
  calm: { type: throttle, from: past, limit: 10 }
sinks:
  out: { type: stdout, from: calm }
`;
/** What `calm` has there. */
export const THROTTLE = 'type: throttle, from: past, limit: 10';

/** The text that the command line prints, under the exit status; `ok` when there is nothing to say. */
export function shown(yaml: string, sets: readonly string[] = [], given: Given = {}): string {
  try {
    planPipeline(PipelineDocument.parse('p.yaml', yaml, sets), builtIn(), new Map(), given);
    return 'ok';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const lines = error.diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, error.texts));
    return [`exit ${error.exit}`, ...lines, error.message].join('\n');
  }
}

/** From a pipeline file to its plan, as every verb that takes one does it. */

import { PipelineDocument } from '../pipeline/document.ts';
import { type Plan, planPipeline } from '../pipeline/plan.ts';
import { builtIn, type Registry } from '../pipeline/registry.ts';
import { readPipeline } from '../pipeline/shape.ts';
import { loadComponents } from '../pipeline/user-components.ts';

export interface Loaded {
  readonly document: PipelineDocument;
  readonly registry: Registry;
  readonly plan: Plan;
}

/** The components that a pipeline may use: those that come with the program and those it names. */
export async function loadRegistry(document?: PipelineDocument): Promise<Registry> {
  const registry = builtIn();
  if (document) await loadComponents(readPipeline(document).components, document.folder, registry);
  return registry;
}

/** Reads, checks and plans a pipeline. Throws a UserError (exit 78, or 2 for a wrong `--set`). */
export async function loadPlan(path: string, sets: readonly string[] = []): Promise<Loaded> {
  const document = PipelineDocument.load(path, sets);
  const registry = await loadRegistry(document);
  return { document, registry, plan: planPipeline(document, registry) };
}

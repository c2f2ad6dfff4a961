/** From a pipeline file to its plan, as every verb that takes one does it. */

import { resolve } from 'node:path';
import { inSlices } from '../../core/steps.ts';
import { withFetchedItems, withoutFetching } from '../../operators/rules/fetched-items.ts';
import { withHeldLists } from '../../operators/rules/held-lists.ts';
import { feedsOf } from '../../operators/rules/lists.ts';
import type { ListFeed } from '../../rules/index.ts';
import { PipelineDocument } from './document.ts';
import { loadedFiles } from './import-hooks.ts';
import { planInSteps } from './plan.ts';
import type { Plan } from './planned.ts';
import type { Given } from './planner.ts';
import { builtIn, type Registry } from './registry.ts';
import { readPipeline } from './shape.ts';
import { loadComponents } from './user-components.ts';
import { type Contents, contentOf } from './watch.ts';

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

/**
 * Reads, checks and plans a pipeline. Throws a UserError (exit 78, or 2 for a wrong `--set`). The files that it is made of
 * are noted in `read`, also when something is wrong with them; `given` is what a run has by its options;
 * without `fetches` what lists from the web have does not matter.
 */
export async function loadPlan(
  path: string,
  sets: readonly string[] = [],
  read: Contents = new Map(),
  given: Given & { readonly fetches?: false } = {},
): Promise<Loaded> {
  read.set(resolve(path), contentOf(path));
  const document = PipelineDocument.load(path, sets);
  try {
    const registry = await loadRegistry(document);
    const inTurn = () => inSlices(planInSteps(document, registry, read, given));
    const make = () => (given.fetches === false ? withoutFetching(inTurn) : withFetchedItems(inTurn));
    const plan = await withHeldLists(listsOf(given.running), make);
    return { document, registry, plan };
  } finally {
    for (const [file, content] of loadedFiles()) read.set(file, content);
  }
}

function listsOf(plan: Plan | undefined): readonly ListFeed[] {
  return (plan?.operators ?? []).flatMap(({ type, prepared }) => (type === 'rules' ? feedsOf(prepared) : []));
}

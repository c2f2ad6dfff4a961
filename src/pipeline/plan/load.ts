/** From a pipeline file to its plan, as every verb that takes one does it. */

import { resolve } from 'node:path';
import { inSlices } from '../../core/steps.ts';
import { type Unread, withFetchedItems, withoutFetching } from '../../operators/rules/lists/fetched-items.ts';
import { withHeldLists } from '../../operators/rules/lists/held-lists.ts';
import { ListCopies } from '../../operators/rules/lists/list-copies.ts';
import { feedsOf } from '../../operators/rules/lists/lists.ts';
import type { ListFeed } from '../../rules/index.ts';
import { PipelineDocument } from './document.ts';
import { loadedFiles } from './import-hooks.ts';
import { planInSteps } from './plan.ts';
import type { Plan } from './planned.ts';
import { type Given, stateFolder } from './planner.ts';
import { builtIn, type Registry } from './registry.ts';
import { readPipeline } from './shape.ts';
import { loadComponents } from './user-components.ts';
import { type Contents, contentOf } from './watch.ts';

export interface Loaded {
  readonly document: PipelineDocument;
  readonly registry: Registry;
  readonly plan: Plan;
  /** Where a run with a state folder keeps lists from the web. */
  readonly copies?: ListCopies | undefined;
}

/** What whoever loads a pipeline has beside it. */
export interface GivenHere extends Given {
  /** Whether lists from the web are fetched; without, what they have does not matter. */
  readonly fetches?: false;
  /** Notes those that cannot be had, and are gone without. */
  readonly unread?: Unread;
  /** Where a run that goes on keeps them. */
  readonly copies?: ListCopies | undefined;
}

/** The components that a pipeline may use: those that come with the program and those it names. */
export async function loadRegistry(document?: PipelineDocument): Promise<Registry> {
  const registry = builtIn();
  if (document) await loadComponents(readPipeline(document).components, document.folder, registry);
  return registry;
}

/**
 * Reads, checks and plans a pipeline. Throws a UserError (exit 78, or 2 for a wrong `--set`). The files that it is made of
 * are noted in `read`, also when something is wrong with them; `given` is what a run has by its options.
 */
export async function loadPlan(
  path: string,
  sets: readonly string[] = [],
  read: Contents = new Map(),
  given: GivenHere = {},
): Promise<Loaded> {
  read.set(resolve(path), contentOf(path));
  const document = PipelineDocument.load(path, sets);
  try {
    const registry = await loadRegistry(document);
    const inTurn = () => inSlices(planInSteps(document, registry, read, given));
    const copies = given.copies ?? (given.here ? copiesOf(document, given) : undefined);
    const make = () =>
      given.fetches === false ? withoutFetching(inTurn) : withFetchedItems(inTurn, copies, given.unread);
    const plan = await withHeldLists(listsOf(given.running), make);
    return { document, registry, plan, copies };
  } finally {
    for (const [file, content] of loadedFiles()) read.set(file, content);
  }
}

function copiesOf(document: PipelineDocument, given: Given): ListCopies | undefined {
  const state = stateFolder(readPipeline(document), document, given);
  return state === undefined ? undefined : new ListCopies(state);
}

function listsOf(plan: Plan | undefined): readonly ListFeed[] {
  return (plan?.operators ?? []).flatMap(({ type, prepared }) => (type === 'rules' ? feedsOf(prepared) : []));
}

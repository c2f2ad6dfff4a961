/** `falco-pipe rules demand`: what the kernel sends for rules, because of which, and with `--live` how often. */

import { exitCode, UserError } from '../../core/errors.ts';
import { inSlices } from '../../core/steps.ts';
import { type Unread, withFetchedItems } from '../../operators/rules/lists/fetched-items.ts';
import { PipelineDocument } from '../../pipeline/plan/document.ts';
import { loadPlan } from '../../pipeline/plan/load.ts';
import { planInSteps } from '../../pipeline/plan/plan.ts';
import type { Plan } from '../../pipeline/plan/planned.ts';
import { builtIn } from '../../pipeline/plan/registry.ts';
import type { RulesFile } from '../../rules/index.ts';
import { say } from '../say.ts';
import { demandJson } from './demand-json.ts';
import { demandText } from './demand-text.ts';
import { kernelDemands } from './kernel-demand.ts';
import { liveOf } from './live-rates.ts';
import { print, usage } from './rules.ts';
import { namedBy, sayUnread } from './rules-files.ts';

export interface DemandOptions {
  readonly output: string;
  readonly live?: true;
  readonly set?: readonly string[];
}

/** Prints what the sources of a pipeline, or one for rules files alone, have the kernel send. */
export async function demand(paths: readonly string[], options: DemandOptions): Promise<void> {
  const named = namedBy(paths);
  if ('files' in named && options.live) usage('--live goes with a pipeline: the counts are those of its run');
  if ('files' in named && options.set) usage('--set changes a pipeline, and none is given');
  const unread: Unread = new Map();
  const plan =
    'files' in named
      ? await planFor(named.files, unread)
      : (await loadPlan(named.pipeline, options.set, new Map(), { unread })).plan;
  sayUnread(unread);
  const live = 'pipeline' in named && options.live ? await liveOf(named.pipeline, plan) : undefined;
  const demands = kernelDemands(plan);
  if (options.output === 'json') print(demandJson(demands, live));
  else say(demandText(demands, live));
}

/** A pipeline of the kernel and rules files: what this program can see by itself. */
function planFor(files: readonly RulesFile[], unread: Unread): Promise<Plan> {
  const unreadable = files.find((file) => file.unreadable !== undefined);
  if (unreadable)
    throw new UserError(`Cannot read ${unreadable.name}: ${unreadable.unreadable}`, { exit: exitCode.config });
  const pipeline = {
    sources: { kernel: { type: 'ebpf' } },
    operators: { rules: { type: 'rules', from: 'kernel', files: files.map(({ name }) => name) } },
    sinks: { out: { type: 'stdout', from: 'rules' } },
  };
  const document = PipelineDocument.parse('rules', JSON.stringify(pipeline));
  return withFetchedItems(() => inSlices(planInSteps(document, builtIn())), undefined, unread);
}

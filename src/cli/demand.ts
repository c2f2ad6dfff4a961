/** `falco-pipe rules demand`: what the kernel sends for rules, because of which, and with `--live` how often. */

import { resolve } from 'node:path';
import { exitCode, UserError } from '../core/errors.ts';
import { inSlices } from '../core/steps.ts';
import { withFetchedItems } from '../operators/rules/fetched-items.ts';
import { PipelineDocument } from '../pipeline/document.ts';
import { loadPlan } from '../pipeline/load.ts';
import { planInSteps } from '../pipeline/plan.ts';
import type { Plan } from '../pipeline/planned.ts';
import { builtIn } from '../pipeline/registry.ts';
import type { RulesFile } from '../rules/index.ts';
import { controlFor, type ProgramStatus } from './control.ts';
import { demandJson } from './demand-json.ts';
import { demandText } from './demand-text.ts';
import { kernelDemands } from './kernel-demand.ts';
import { print, usage } from './rules.ts';
import { namedBy } from './rules-files.ts';
import { say } from './say.ts';

export interface DemandOptions {
  readonly output: string;
  readonly live?: true;
}

/** Events a second since a program was ready. */
export interface Rate {
  readonly sent: number;
  readonly filtered: number;
  readonly lost: number;
}

/** What a running program has counted of a source, by the names of its counters: calls, fork, exec, exit, cgroup, scan. */
export interface Live {
  readonly pid: number;
  /** Whether it runs what the file says now. */
  readonly current: boolean;
  rates(source: string): ReadonlyMap<string, Rate>;
}

/** Prints what the sources of a pipeline, or one for rules files alone, have the kernel send. */
export async function demand(paths: readonly string[], options: DemandOptions): Promise<void> {
  const named = namedBy(paths);
  if ('files' in named && options.live) usage('--live goes with a pipeline: the counts are those of its run');
  const plan = 'files' in named ? await planFor(named.files) : (await loadPlan(named.pipeline)).plan;
  const live = 'pipeline' in named && options.live ? await liveOf(named.pipeline, plan) : undefined;
  const demands = kernelDemands(plan);
  if (options.output === 'json') print(demandJson(demands, live));
  else say(demandText(demands, live));
}

/** A pipeline of the kernel and rules files: what this program can see by itself. */
function planFor(files: readonly RulesFile[]): Promise<Plan> {
  const unreadable = files.find((file) => file.unreadable !== undefined);
  if (unreadable)
    throw new UserError(`Cannot read ${unreadable.name}: ${unreadable.unreadable}`, { exit: exitCode.config });
  const pipeline = {
    sources: { kernel: { type: 'ebpf' } },
    operators: { rules: { type: 'rules', from: 'kernel', files: files.map(({ name }) => name) } },
    sinks: { out: { type: 'stdout', from: 'rules' } },
  };
  const document = PipelineDocument.parse('rules', JSON.stringify(pipeline));
  return withFetchedItems(() => inSlices(planInSteps(document, builtIn())));
}

async function liveOf(pipeline: string, { digest }: Plan): Promise<Live> {
  const { status } = await controlFor(pipeline, resolve);
  return { pid: status.pid, current: status.digest === digest, rates: (source) => ratesOf(status, source) };
}

function ratesOf({ uptime, components }: ProgramStatus, source: string): Map<string, Rate> {
  const counters = components.find(({ id }) => id === source)?.counters ?? {};
  const seconds = Math.max(uptime, 1);
  const of = (counter: string) => counters[`kernel_${counter}`] as Record<string, number> | undefined;
  const rate = (name: string, ...names: string[]) =>
    names.reduce((sum, each) => sum + (of(each)?.[name] ?? 0), 0) / seconds;
  const names = new Set(['sent', 'filtered', 'dropped', 'refused'].flatMap((each) => Object.keys(of(each) ?? {})));
  return new Map(
    [...names].map((name) => [
      name,
      { sent: rate(name, 'sent'), filtered: rate(name, 'filtered'), lost: rate(name, 'dropped', 'refused') },
    ]),
  );
}

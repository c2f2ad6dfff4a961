/** Runs scenarios: those that belong to one stage and one set of rules share a detector. */

import { messageOf } from '../../core/errors.ts';
import type { TestContext } from '../test-kind.ts';
import { Detector } from './detector.ts';
import { ContainerFailed, NoEngine } from './engine.ts';
import { GroupRun } from './group-run.ts';
import type { Scenario } from './load.ts';
import { type OpenStage, openStage } from './open-stage.ts';
import { resultOf, skip } from './results.ts';
import { usersOf } from './users.ts';

/** Performs tests and reports each once. @throws UserError when the rules have errors or the kernel cannot be traced */
export async function runScenarios(scenarios: readonly Scenario[], context: TestContext): Promise<void> {
  const able = scenarios.filter((scenario) => {
    const why = whySkipped(scenario);
    if (why !== undefined) skip(scenario, why, context);
    return why === undefined;
  });
  for (const group of Map.groupBy(able, groupOf).values()) {
    if (context.signal.aborted) for (const scenario of group) skip(scenario, messageOf(context.signal.reason), context);
    else await runGroup(group, context);
  }
}

function whySkipped({ runIf }: Scenario): string | undefined {
  const { op, val } = runIf?.arch ?? {};
  if (op === undefined) return undefined;
  const arch = ({ x64: 'amd64' } as Record<string, string>)[process.arch] ?? process.arch;
  return (arch === val) === (op === 'eq') ? undefined : `it runs where arch is ${op === 'eq' ? '' : 'not '}${val}`;
}

/** Tests of one stage with the same rules. */
function groupOf({ file, context }: Scenario): string {
  return JSON.stringify([file.rules, context?.container ?? null]);
}

async function runGroup(group: readonly Scenario[], context: TestContext): Promise<void> {
  let opened: OpenStage;
  try {
    opened = await openStage(group, context);
  } catch (error) {
    if (error instanceof NoEngine) for (const scenario of group) skip(scenario, error.message, context);
    else if (!(error instanceof ContainerFailed)) throw error;
    else for (const scenario of group) context.report(resultOf(scenario, 'failed', 0, [error.message]));
    return;
  }
  const { stage, engine, missing, close } = opened;
  try {
    const rules = group[0]?.file.rules ?? [];
    const detector = await Detector.start({ rules, pid: stage.pid, fields: fieldsOf(group), engine });
    const able = group.filter((scenario) => {
      const why = usersOf([scenario]).flatMap((user) => missing?.get(user) ?? []);
      if (why.length > 0) skip(scenario, why.join('; '), context);
      return why.length === 0;
    });
    const run = new GroupRun(able, { stage, detector, context });
    try {
      await run.run();
    } finally {
      await detector.stop();
      run.settle();
    }
  } finally {
    await close();
  }
}

/** The fields that the tests of each rule look at. */
function fieldsOf(group: readonly Scenario[]): ReadonlyMap<string, ReadonlySet<string>> {
  const fields = new Map<string, Set<string>>();
  const add = (rule: string, names: object | null | undefined) => {
    fields.set(rule, (fields.get(rule) ?? new Set()).union(new Set(Object.keys(names ?? {}))));
  };
  for (const { rule, expectedOutcome } of group) {
    add(rule, expectedOutcome?.outputFields);
    for (const each of expectedOutcome?.sequence ?? []) add(each.rule ?? rule, each.outputFields);
  }
  return fields;
}

/** Runs scenarios: those that belong to one stage and one set of rules share a detector. */

import { messageOf } from '../../core/errors.ts';
import type { EventRecord } from '../../events/record.ts';
import type { TestContext, TestResult } from '../test-kind.ts';
import { claimsOf, runApart } from './claims.ts';
import { whyNot } from './decided.ts';
import { Detector, type Watch } from './detector.ts';
import { engineSocket, NoContainer, openContainerStage } from './engine.ts';
import { expectsAbsence, expectsAlert, judge } from './judge.ts';
import type { Scenario } from './load.ts';
import { planOf } from './plan.ts';
import { openHostStage, type Stage } from './stage.ts';
import { makeUsers, usersOf } from './users.ts';

/** ms for a test whose processes do not end. */
const PATIENCE = 60_000;
/** ms in which the last word of a test comes, once its end was seen. */
const WORD_PATIENCE = 5_000;
/** ms in which the end of a test comes out of the kernel, once its processes have ended. */
const RING_PATIENCE = 10_000;

/** Performs tests and reports each once. @throws UserError when the rules have errors or the kernel cannot be traced */
export async function runScenarios(scenarios: readonly Scenario[], context: TestContext): Promise<void> {
  const able = scenarios.filter((scenario) => {
    const why = whySkipped(scenario);
    if (why !== undefined) skip(scenario, why, context);
    return why === undefined;
  });
  for (const group of Map.groupBy(able, groupOf).values()) {
    if (context.signal.aborted) break;
    await runGroup(group, context);
  }
}

function whySkipped({ runIf }: Scenario): string | undefined {
  const { op, val } = runIf?.arch ?? {};
  if (op === undefined) return undefined;
  const arch = ({ x64: 'amd64' } as Record<string, string>)[process.arch] ?? process.arch;
  return (arch === val) === (op === 'eq') ? undefined : `it runs where arch is ${op === 'eq' ? '' : 'not '}${val}`;
}

function skip(scenario: Scenario, why: string, context: TestContext): void {
  context.report(resultOf(scenario, 'skipped', 0, [why]));
}

function resultOf(
  { file, line, rule, name }: Scenario,
  status: TestResult['status'],
  ms: number,
  because: readonly string[],
): TestResult {
  return { file: file.path, line, suite: rule, name, status, ms: Math.round(ms), because };
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
    if (!(error instanceof NoContainer)) throw error;
    for (const scenario of group) skip(scenario, error.message, context);
    return;
  }
  const { stage, engine, missing, close } = opened;
  try {
    const rules = group[0]?.file.rules ?? [];
    const detector = await Detector.start({ rules, pid: stage.pid, fields: fieldsOf(group), engine });
    try {
      const able = group.filter((scenario) => {
        const why = usersOf([scenario]).flatMap((user) => missing?.get(user) ?? []);
        if (why.length > 0) skip(scenario, why.join('; '), context);
        return why.length === 0;
      });
      await new GroupRun(able, { stage, detector, context }).run();
    } finally {
      await detector.stop();
    }
  } finally {
    await close();
  }
}

interface OpenStage {
  readonly stage: Stage;
  /** Where its container is known. */
  readonly engine?: string;
  /** Users that there are not, and why. */
  readonly missing?: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

async function openStage(group: readonly Scenario[], context: TestContext): Promise<OpenStage> {
  const container = group[0]?.context?.container;
  if (container) {
    const engine = engineSocket(context.engine);
    return { ...(await openContainerStage(engine, container, usersOf(group))), engine };
  }
  const { missing, remove: removeUsers } = makeUsers(usersOf(group));
  try {
    const stage = await openHostStage();
    const close = async () => {
      await stage.close();
      removeUsers();
    };
    return { stage, missing, close };
  } catch (error) {
    removeUsers();
    throw error;
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

interface Place {
  readonly stage: Stage;
  readonly detector: Detector;
  readonly context: TestContext;
}

interface Done {
  readonly ms: number;
  readonly because: readonly string[];
  /** The rule did not fire, though it should have. */
  readonly isMissing: boolean;
  readonly events: readonly EventRecord[];
}

class GroupRun {
  readonly #group: readonly Scenario[];
  readonly #place: Place;
  #next = 1;

  constructor(group: readonly Scenario[], place: Place) {
    this.#group = group;
    this.#place = place;
  }

  async run(): Promise<void> {
    const { detector, context } = this.#place;
    const missing: { scenario: Scenario; done: Done }[] = [];
    await this.#each(this.#group, async (scenario) => {
      const done = await this.#perform(scenario);
      if (done.isMissing) missing.push({ scenario, done });
      else this.#report(scenario, done);
    });
    if (missing.length === 0) return;
    // To say why a rule did not fire its events are needed, which otherwise never leave the kernel: once more, with them.
    const names = new Set(missing.map(({ scenario }) => scenario.rule));
    const rules = detector.rules.filter(({ name }) => names.has(name));
    if (!context.signal.aborted) await detector.keepEvents(rules);
    await this.#each(
      missing.map(({ scenario }) => scenario),
      async (scenario) => {
        const { done } = missing.find((each) => each.scenario === scenario) as { done: Done };
        const rule = rules.find(({ name }) => name === scenario.rule);
        const { events } = context.signal.aborted ? done : await this.#perform(scenario);
        const why = rule === undefined ? [] : whyNot(rule, events, detector.warningsOf(rule.name));
        this.#report(scenario, { ...done, because: [...done.because, ...why] });
      },
    );
  }

  async #each(scenarios: readonly Scenario[], run: (scenario: Scenario) => Promise<void>): Promise<void> {
    const { context } = this.#place;
    const jobs = scenarios.map((scenario) => ({ scenario, claims: claimsOf(scenario) }));
    await runApart(jobs, context.parallel, ({ scenario }) => run(scenario));
  }

  #report(scenario: Scenario, { because, ms }: Done): void {
    const { context } = this.#place;
    if (context.signal.aborted && because.length > 0) skip(scenario, messageOf(context.signal.reason), context);
    else context.report(resultOf(scenario, because.length === 0 ? 'passed' : 'failed', ms, because));
  }

  async #perform(scenario: Scenario): Promise<Done> {
    const { stage, detector, context } = this.#place;
    const began = performance.now();
    const result = (because: readonly string[], watch?: Watch, isMissing = false): Done => ({
      ms: performance.now() - began,
      because,
      isMissing,
      events: watch?.events ?? [],
    });
    if (context.signal.aborted) return result([messageOf(context.signal.reason)]);
    const id = String(this.#next++);
    const lostBefore = detector.lost;
    const watch = detector.watch(id);
    const cancel = () => stage.cancel(id);
    context.signal.addEventListener('abort', cancel, { once: true });
    const limit = setTimeout(cancel, PATIENCE);
    const ended = stage.run(id, planOf(scenario, id, stage.folder));
    await within(Promise.race([ended, watch.over]), PATIENCE + RING_PATIENCE, undefined);
    const errors = [...(await within(ended, WORD_PATIENCE, ['it ended without a word']))];
    clearTimeout(limit);
    context.signal.removeEventListener('abort', cancel);
    if (performance.now() - began >= PATIENCE) errors.push(`it did not end within ${PATIENCE / 1000} s`);
    const doubts: string[] = [];
    if (
      !(await within(
        watch.over.then(() => true),
        RING_PATIENCE,
        false,
      ))
    )
      doubts.push('its end was not seen: what it raised is not known');
    detector.forget(id);
    const lost = detector.lost - lostBefore;
    if (lost > 0) doubts.push(`${lost} events were lost meanwhile: what it raised is not known`);
    const expected = scenario.expectedOutcome ?? {};
    const differences = judge(scenario.rule, expected, watch.alerts);
    const isMissing = expectsAlert(expected) && !watch.alerts.some(({ alert }) => alert.type === scenario.rule);
    // A step that fails is no matter where the rule fires all the same, as for a module that the kernel refuses.
    const because = [
      ...differences,
      ...(differences.length === 0 && expectsAlert(expected) ? [] : errors),
      ...(differences.length === 0 && !expectsAbsence(expected) ? [] : doubts),
    ];
    return result(because, watch, isMissing && because.length > 0);
  }
}

/** What a promise brings, or `late` after so many ms. */
async function within<T>(promise: Promise<T>, ms: number, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  const first = await Promise.race([promise, limit]);
  clearTimeout(timer);
  return first;
}

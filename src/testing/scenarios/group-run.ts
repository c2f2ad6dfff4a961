/** Performs the tests of one stage before one detector: first all of them, then once more those whose rule did not fire. */

import { messageOf } from '../../core/errors.ts';
import type { EventRecord } from '../../events/record.ts';
import type { TestContext } from '../test-kind.ts';
import { claimsOf, runApart } from './claims.ts';
import { whyNot } from './decided.ts';
import type { Detector, Watch } from './detector.ts';
import { expectsAbsence, expectsAlert, judge } from './judge.ts';
import type { Scenario } from './load.ts';
import { planOf } from './plan.ts';
import { resultOf, skip } from './results.ts';
import type { Stage } from './stage.ts';

/** ms for a test whose processes do not end. */
const PATIENCE = 60_000;
/** ms in which the last word of a test comes, once its end was seen. */
const WORD_PATIENCE = 5_000;
/** ms in which the end of a test comes out of the kernel, once its processes have ended. */
const RING_PATIENCE = 10_000;

export interface Place {
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

export class GroupRun {
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

/** Performs the tests of one stage before one detector: first all of them, then once more those whose rule did not fire. */

import { within } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Form } from '../../events/field.ts';
import { type EventRecord, recordForm } from '../../events/record.ts';
import { whyNot } from '../expected/decided.ts';
import { expectsAbsence, expectsAlert, judge } from '../expected/judge.ts';
import type { Coverage } from '../rule-coverage/coverage.ts';
import type { TestContext } from '../test-kind.ts';
import { claimsOf, runApart } from './claims.ts';
import type { Detector, Watch } from './detector.ts';
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

/** Where tests are performed, and who looks at them. */
export interface Place {
  readonly stage: Pick<Stage, 'folder' | 'run' | 'cancel'>;
  readonly detector: Pick<Detector, 'rules' | 'lost' | 'watch' | 'forget' | 'keepEvents' | 'warningsOf'>;
  readonly context: TestContext;
}

/** What became of a test. */
interface Done {
  readonly ms: number;
  readonly because: readonly string[];
  /** The rule did not fire, though it should have. */
  readonly isMissing: boolean;
  readonly events: readonly EventRecord[];
  /** Events that were lost before it began. */
  readonly lostBefore: number;
}

/** What a test did, and what was seen of it. */
interface Seen {
  readonly watch: Watch;
  /** What went wrong with its processes and steps. */
  readonly errors: readonly string[];
  /** Why more may have happened than was seen. */
  readonly doubts: readonly string[];
}

export class GroupRun {
  readonly #group: readonly Scenario[];
  readonly #place: Place;
  /** Tests that hold if nothing was lost, which is known at the end. */
  readonly #unsettled = new Map<Scenario, Done>();
  #next = 1;

  constructor(group: readonly Scenario[], place: Place) {
    this.#group = group;
    this.#place = place;
  }

  async run(): Promise<void> {
    const { detector, context } = this.#place;
    const { coverage } = context;
    coverage?.add(detector.rules);
    if (coverage) await detector.keepEvents(detector.rules);
    const missing = new Map<Scenario, Done>();
    await this.#each(this.#group, async (scenario) => {
      const done = await this.#perform(scenario);
      if (coverage) this.#cover(coverage, scenario, done);
      if (done.isMissing) missing.set(scenario, done);
      else this.#report(scenario, done);
    });
    if (missing.size === 0) return;
    // To say why a rule did not fire its events are needed, which otherwise never leave the kernel: once more, with them.
    const names = new Set([...missing.keys()].map(({ rule }) => rule));
    const rules = detector.rules.filter(({ name }) => names.has(name));
    const isKept = coverage !== undefined || context.signal.aborted;
    if (!isKept) await detector.keepEvents(rules);
    await this.#each([...missing.keys()], async (scenario) => {
      const done = missing.get(scenario) as Done;
      const rule = rules.find(({ name }) => name === scenario.rule);
      const { events } = isKept || context.signal.aborted ? done : await this.#perform(scenario);
      const why = rule === undefined ? [] : whyNot(rule, events, detector.warningsOf(rule.name));
      this.#report(scenario, { ...done, because: [...done.because, ...why] });
    });
  }

  /** Reports the rest, once the detector has stopped: only then all losses are counted. */
  settle(): void {
    const { detector } = this.#place;
    for (const [scenario, done] of this.#unsettled) {
      const lost = detector.lost - done.lostBefore;
      const doubt = `${lost} events were lost meanwhile: whether more was raised is not known`;
      this.#tell(scenario, { ...done, because: lost > 0 ? [doubt] : [] });
    }
    this.#unsettled.clear();
  }

  async #each(scenarios: readonly Scenario[], run: (scenario: Scenario) => Promise<void>): Promise<void> {
    const { context } = this.#place;
    const jobs = scenarios.map((scenario) => ({ scenario, claims: claimsOf(scenario) }));
    await runApart(jobs, context.parallel, ({ scenario }) => run(scenario));
  }

  /** What a test has shown to the rules, and whether it is about an alert or about none. */
  #cover(coverage: Coverage, { rule: name, expectedOutcome }: Scenario, { events }: Done): void {
    const { rules } = this.#place.detector;
    for (const event of events) coverage.judge(rules, event, recordForm as Form);
    const rule = rules.find((each) => each.name === name);
    if (rule) coverage.tested(rule, expectsAlert(expectedOutcome ?? {}) ? 'positive' : 'negative');
  }

  #report(scenario: Scenario, done: Done): void {
    const isSettled = done.because.length > 0 || !expectsAbsence(scenario.expectedOutcome ?? {});
    if (isSettled) this.#tell(scenario, done);
    else this.#unsettled.set(scenario, done);
  }

  #tell(scenario: Scenario, { because, ms }: Done): void {
    const { context } = this.#place;
    if (context.signal.aborted && because.length > 0) skip(scenario, messageOf(context.signal.reason), context);
    else context.report(resultOf(scenario, because.length === 0 ? 'passed' : 'failed', ms, because));
  }

  async #perform(scenario: Scenario): Promise<Done> {
    const { detector, context } = this.#place;
    const began = performance.now();
    const lostBefore = detector.lost;
    const done = { isMissing: false, events: [], lostBefore };
    if (context.signal.aborted) return { ...done, ms: 0, because: [messageOf(context.signal.reason)] };
    const { watch, errors, doubts } = await this.#act(scenario);
    const expected = scenario.expectedOutcome ?? {};
    const differences = judge(scenario.rule, expected, watch.alerts);
    const isMissing = expectsAlert(expected) && !watch.alerts.some(({ alert }) => alert.type === scenario.rule);
    // A step that fails is no matter where the rule fires all the same, as for a module that the kernel refuses.
    const lost = detector.lost - lostBefore;
    const because = [
      ...differences,
      ...(differences.length > 0 && lost > 0 ? [`${lost} events were lost meanwhile`] : []),
      ...(differences.length === 0 && expectsAlert(expected) ? [] : errors),
      ...(differences.length === 0 && !expectsAbsence(expected) ? [] : doubts),
    ];
    const ms = performance.now() - began;
    return { ms, because, isMissing: isMissing && because.length > 0, events: watch.events, lostBefore };
  }

  /** Performs a test and waits until all that it did was judged. */
  async #act(scenario: Scenario): Promise<Seen> {
    const { stage, detector, context } = this.#place;
    const id = String(this.#next++);
    const watch = detector.watch(id);
    const over = watch.over.then(() => true);
    let isLate = false;
    const cancel = () => stage.cancel(id);
    const limit = setTimeout(() => {
      isLate = true;
      cancel();
    }, PATIENCE);
    context.signal.addEventListener('abort', cancel, { once: true });
    const ended = stage.run(id, planOf(scenario, id, stage.folder));
    await within(PATIENCE + RING_PATIENCE, Promise.race([ended, over]), undefined);
    const errors = [...(await within(WORD_PATIENCE, ended, ['it ended without a word']))];
    clearTimeout(limit);
    context.signal.removeEventListener('abort', cancel);
    if (isLate) errors.push(`it did not end within ${PATIENCE / 1000} s`);
    const isSeen = await within(RING_PATIENCE, over, false);
    detector.forget(id);
    return { watch, errors, doubts: isSeen ? [] : ['its end was not seen: what it raised is not known'] };
  }
}

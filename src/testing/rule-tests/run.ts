/** Runs rule tests: each gives its events to the rules, as the operator `rules` does, and looks at the alerts. */

import { messageOf } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { Counters } from '../../core/metrics.ts';
import { type Alert, toAlert } from '../../events/alert.ts';
import type { EventRecord } from '../../events/record.ts';
import { Judge } from '../../operators/rules/judge.ts';
import type { Rule } from '../../rules/index.ts';
import { exactly } from '../expected/exactly.ts';
import { expectsAlert, judge, type Sighting } from '../expected/judge.ts';
import { whyUnmatched } from '../expected/why-unmatched.ts';
import { type MadeEvent, START } from '../given-events.ts';
import type { TestContext } from '../test-kind.ts';
import type { Expected, RuleTest, RuleTestFile } from './load.ts';

/** Runs the tests of a file and reports each. */
export function runRuleTests(file: RuleTestFile, { report, coverage }: Pick<TestContext, 'report' | 'coverage'>): void {
  const bench = new Bench(file);
  const { path } = file;
  coverage?.add(file.rules);
  for (const test of file.tests) {
    const began = performance.now();
    const because = bench.run(test);
    const ms = Math.round(performance.now() - began);
    report({
      file: path,
      line: test.line,
      suite: test.rule.name,
      name: test.name,
      status: because.length === 0 ? 'passed' : 'failed',
      ms,
      because,
    });
    if (coverage === undefined) continue;
    for (const { event, form } of test.events) coverage.judge(bench.rulesOf(test), event, form);
    coverage.tested(test.rule, raises(test) ? 'positive' : 'negative');
  }
}

/** Whether a test says that its rule raises an alert. */
function raises({ rule, expected }: Pick<RuleTest, 'rule' | 'expected'>): boolean {
  if ('outcome' in expected) return expectsAlert(expected.outcome);
  return expected.alerts.some((alert) => alert.rule === rule.name);
}

class Bench {
  readonly #file: RuleTestFile;
  readonly #enabled: readonly Rule[];
  readonly #judges = new Map<string, Judge>();
  #errors: string[] = [];

  constructor(file: RuleTestFile) {
    this.#file = file;
    this.#enabled = file.rules.filter(({ enabled }) => enabled);
  }

  /** The rules that take part: those that are enabled, and the one that the test is about. */
  rulesOf({ rule }: RuleTest): readonly Rule[] {
    if (rule.enabled) return this.#enabled;
    return this.#file.rules.flatMap((each) => (each === rule ? { ...each, enabled: true } : each.enabled ? each : []));
  }

  /** What is wrong, a line each; nothing when the test passes. */
  run(test: RuleTest): readonly string[] {
    this.#errors = [];
    const seen: Sighting[] = [];
    for (const made of test.events) {
      const at = START + made.at;
      try {
        this.#judge(test, made).judge(made.event, (event) => seen.push({ alert: alertOf(event), at }), undefined);
      } catch (error) {
        this.#errors.push(messageOf(error));
      }
    }
    const { wrong, missing } = this.#compare(test.rule.name, test.expected, seen);
    const why = missing.flatMap((name) => {
      const lines = this.#whyNot(name, test);
      return missing.length > 1 && lines.length > 1 ? [`"${name}":`, ...lines] : lines;
    });
    return [...this.#errors, ...wrong, ...why];
  }

  #compare(rule: string, expected: Expected, seen: readonly Sighting[]) {
    if ('alerts' in expected) return exactly(expected.alerts, seen);
    const wrong = judge(rule, expected.outcome, seen);
    const isMissing =
      wrong.length > 0 && expectsAlert(expected.outcome) && !seen.some(({ alert }) => alert.type === rule);
    return { wrong, missing: isMissing ? [rule] : [] };
  }

  /** Of the events that do not satisfy a rule the nearest, and what decides. */
  #whyNot(name: string, test: RuleTest): readonly string[] {
    const rule = this.rulesOf(test).find((each) => each.name === name);
    if (rule === undefined) return [`"${name}" is not enabled`];
    const lines = whyUnmatched(rule, test.events);
    if (lines.length > 0 || this.#file.matching === 'all') return lines;
    return [`"${name}": a rule that stands before it is raised instead`];
  }

  /** Binding rules is dear: the same ones are bound once for the events of a source and form. */
  #judge(test: RuleTest, { event: { source }, form }: MadeEvent): Judge {
    const key = JSON.stringify([source, form.name, test.rule.enabled ? null : test.rule.name]);
    let made = this.#judges.get(key);
    if (!made) {
      const { matching, fields } = this.#file;
      const rules = this.rulesOf(test).filter((rule) => rule.source === source);
      const ctx = { metrics: new Counters() };
      made = new Judge(form, { rules, source, extra: fields.get(source) ?? [], matching, hostname: 'test', ctx });
      this.#judges.set(key, made);
    }
    return made;
  }
}

function alertOf(event: Event): Alert {
  return toAlert(event as EventRecord);
}

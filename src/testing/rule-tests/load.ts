/** From a file of rule tests to tests that can run: events made, rules and fields looked up, everything checked. */

import { suggest } from '../../core/errors.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { FieldRef } from '../../events/field.ts';
import type { Path } from '../../pipeline/plan/document.ts';
import type { Rule } from '../../rules/index.ts';
import type { AlertExpectation, Outcome } from '../expected/shapes.ts';
import { defaultProblems, type MadeEvent, makeEvent, timesOf, unknownField } from '../given-events.ts';
import { type Problem, Problems } from '../problems.ts';
import type { TestFile } from '../test-kind.ts';
import { type RuleTests, ruleTestsShape } from './schema.ts';

/** What a test expects: these alerts of all rules, in order, and no others; or something of the alerts of its own rule. */
export type Expected = { readonly alerts: readonly AlertExpectation[] } | { readonly outcome: Outcome };

export interface RuleTest {
  readonly name: string;
  /** Where it stands in its file, from 1. */
  readonly line: number;
  /** The rule that it is about. */
  readonly rule: Rule;
  readonly events: readonly MadeEvent[];
  readonly expected: Expected;
}

export interface RuleTestFile {
  readonly path: string;
  readonly matching: 'all' | 'first';
  /** All rules of the files under test. */
  readonly rules: readonly Rule[];
  readonly tests: readonly RuleTest[];
  /** The fields that tests look at, by event source. */
  readonly fields: ReadonlyMap<string, readonly FieldRef[]>;
}

/** The tests of a file that are about those rules. @throws UserError (exit 2) with all that is wrong */
export function loadRuleTests(file: TestFile, rules: readonly Rule[]): RuleTestFile {
  const problems = new Problems(file);
  const { matching, tests, source, defaults } = problems.parse(ruleTestsShape);
  const loader = new Loader(file, rules);
  const loaded: RuleTest[] = [];
  const shared = { source, values: defaults };
  for (const each of defaultProblems(shared)) problems.add(['defaults'], each);
  const names = new Set<string>();
  for (const [index, test] of tests.entries()) {
    const base: Path = ['tests', index];
    const problem = (each: Problem) => problems.add(base, each);
    const times = timesOf(test.events);
    const events = test.events.flatMap((given, number) => {
      const told = ({ path, ...rest }: Problem) => problem({ ...rest, path: ['events', number, ...path] });
      return makeEvent(given, times[number] ?? 0, shared, told) ?? [];
    });
    for (const each of loader.unknown(test)) problem(each);
    const key = JSON.stringify([test.rule, test.name]);
    if (names.has(key)) problem({ path: ['name'], message: `The rule has another test of the name "${test.name}"` });
    names.add(key);
    const rule = loader.rule(test.rule);
    const { line } = file.document.place(base);
    if (rule !== undefined) loaded.push({ name: test.name, line, rule, events, expected: expectedOf(test) });
  }
  problems.stop();
  return { path: file.path, matching, rules, tests: loaded, fields: loader.fields };
}

function expectedOf({ alerts, expectedOutcome }: RuleTests['tests'][number]): Expected {
  return expectedOutcome === undefined ? { alerts: alerts ?? [] } : { outcome: expectedOutcome };
}

/** Looks names up in what there is. */
class Loader {
  readonly fields = new Map<string, FieldRef[]>();
  readonly #file: TestFile;
  readonly #rules: ReadonlyMap<string, Rule>;

  constructor(file: TestFile, rules: readonly Rule[]) {
    this.#file = file;
    this.#rules = new Map(rules.map((rule) => [rule.name, rule]));
  }

  rule(name: string): Rule | undefined {
    return this.#rules.get(name);
  }

  /** Rules and fields that there are not. */
  *unknown({ rule: own, alerts, expectedOutcome }: RuleTests['tests'][number]): Generator<Problem> {
    yield* this.#rule(own, ['rule']);
    for (const [index, { rule, outputFields }] of (alerts ?? []).entries()) {
      const path = ['alerts', index];
      if (rule !== undefined && rule !== own) yield* this.#rule(rule, [...path, 'rule']);
      yield* this.#fields(rule ?? own, outputFields, [...path, 'fields']);
    }
    const path: Path = ['expectedOutcome'];
    if (expectedOutcome?.within !== undefined)
      yield {
        path: [...path, 'within'],
        at: 'key',
        message: 'Recorded events are judged in no time: a scenario or a pipeline has a delay',
      };
    yield* this.#fields(own, expectedOutcome?.outputFields, [...path, 'outputFields']);
    for (const [index, { rule = own, outputFields }] of (expectedOutcome?.sequence ?? []).entries()) {
      const at = [...path, 'sequence', index];
      if (rule !== own) yield* this.#rule(rule, [...at, 'rule']);
      yield* this.#fields(rule, outputFields, [...at, 'outputFields']);
    }
  }

  *#rule(name: string, path: Path): Generator<Problem> {
    if (this.#rules.has(name)) return;
    const near = suggest(name, this.#rules.keys());
    const hint =
      near === undefined ? `The rules are those of ${this.#file.rules.join(', ')}.` : `Did you mean "${near}"?`;
    yield { path, message: `There is no rule "${name}"`, hint };
  }

  *#fields(name: string, fields: Readonly<Record<string, unknown>> | null | undefined, path: Path): Generator<Problem> {
    const rule = this.#rules.get(name);
    const catalogue = catalogues.get(rule?.source ?? '');
    if (rule === undefined || catalogue === undefined) return;
    const mine = this.fields.get(rule.source) ?? [];
    this.fields.set(rule.source, mine);
    for (const field of Object.keys(fields ?? {})) {
      const ref = catalogue.find(field);
      if (ref === undefined) yield { path: [...path, field], at: 'key', ...unknownField(field, catalogue) };
      else if (!mine.some(({ text }) => text === ref.text)) mine.push(ref);
    }
  }
}

/** From a file of descriptions to tests that can run: templates filled in, everything checked, with places. */

import { z } from 'zod';
import { type Diagnostic, exitCode, suggest, UserError } from '../../core/errors.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { Path } from '../../pipeline/plan/document.ts';
import { explain } from '../../pipeline/plan/explain.ts';
import type { Rule } from '../../rules/index.ts';
import type { Problem } from '../problems.ts';
import type { TestFile } from '../test-kind.ts';
import { fill, type Item, itemsOf, templateKey } from './cases.ts';
import { problemsOf } from './consistency.ts';
import { casesShape, type ScenarioShape, scenarioShape } from './schema.ts';

/** One concrete test. */
export interface Scenario extends ScenarioShape {
  readonly file: TestFile;
  /** Where its description stands, from 1. */
  readonly line: number;
}

const topShape = z.strictObject({ tests: z.array(z.looseObject({ cases: casesShape })).min(1) });

/**
 * The tests of a file that are about those rules; without rules whatever they are about.
 * @throws UserError (exit 2) with all that is wrong
 */
export function loadScenarios(file: TestFile, rules?: readonly Rule[]): readonly Scenario[] {
  const loader = new Loader(file, rules);
  const scenarios = loader.load();
  if (loader.diagnostics.length === 0) return scenarios;
  const { length } = loader.diagnostics;
  throw new UserError(`${file.path} has ${length === 1 ? 'an error' : `${length} errors`}`, {
    exit: exitCode.usage,
    diagnostics: loader.diagnostics,
    texts: file.document.texts,
  });
}

class Loader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: TestFile;
  readonly #rules: ReadonlyMap<string, Rule> | undefined;

  constructor(file: TestFile, rules: readonly Rule[] | undefined) {
    this.#file = file;
    this.#rules = rules && new Map(rules.map((rule) => [rule.name, rule]));
  }

  load(): readonly Scenario[] {
    const { document, value } = this.#file;
    const top = topShape.safeParse(value);
    if (!top.success) {
      this.diagnostics.push(...explain(top.error.issues, { shape: topShape, base: [], document }));
      return [];
    }
    const scenarios = top.data.tests.flatMap(({ cases, ...test }, index) => this.#test(test, cases, index));
    this.#unique(
      top.data.tests.map(({ name, rule }, index) => ({
        key: `${rule}\0${name}`,
        what: `${name}`,
        path: ['tests', index, 'name'],
      })),
      'the rule has another test of the name',
    );
    return scenarios;
  }

  /** The tests of a description. What is wrong with it in several cases is said once. */
  #test(test: Item, cases: z.output<typeof casesShape>, index: number): readonly Scenario[] {
    const base: Path = ['tests', index];
    if (!this.#sameKeys(cases, base)) return [];
    const items = itemsOf(cases);
    const said = new Set<string>();
    const report = (diagnostic: Diagnostic) => {
      const { at, message } = diagnostic;
      const key = `${at?.line}:${at?.column}:${message}`;
      if (!said.has(key)) this.diagnostics.push(diagnostic);
      said.add(key);
    };
    return (items.length > 0 ? items : [{}]).flatMap((item, number) => {
      const suffix = items.length > 0 ? `_testCase#${number}` : '';
      const scenario = this.#concrete(test, item, base, report);
      return scenario ? [{ ...scenario, name: scenario.name + suffix }] : [];
    });
  }

  #concrete(test: Item, item: Item, base: Path, report: (diagnostic: Diagnostic) => void): Scenario | undefined {
    const { document } = this.#file;
    let isWhole = true;
    const filled = fill(test, item, (key, path) => {
      isWhole = false;
      const near = suggest(key, Object.keys(item));
      const hint = near ? `Did you mean "${near}"?` : `The cases have ${Object.keys(item).join(', ') || 'no keys'}.`;
      report(this.#error([...base, ...path], `No case of the test gives a value to item.${key}`, hint));
    });
    if (!isWhole) return undefined;
    const parsed = scenarioShape.safeParse(filled);
    if (!parsed.success) {
      // The value is that of the case, the place that of the template.
      const tests = { tests: { [String(base[1])]: filled } };
      const scene = {
        shape: scenarioShape,
        base,
        document: { value: () => tests, place: document.place.bind(document) },
      };
      for (const each of explain(parsed.error.issues, scene))
        report(this.#ofCase(each, parsed.error.issues, test, item));
      return undefined;
    }
    const wrong = [...problemsOf(parsed.data), ...this.#unknown(parsed.data)];
    for (const { path, message, hint, at } of wrong) report(this.#error([...base, ...path], message, hint, at));
    const { line } = document.place(base);
    return wrong.length > 0 ? undefined : { ...parsed.data, file: this.#file, line };
  }

  /** Rules and fields that there are not. */
  *#unknown({ rule, expectedOutcome }: ScenarioShape): Generator<Problem> {
    const base: Path = ['expectedOutcome'];
    const sequence = (expectedOutcome?.sequence ?? []).map((each, index) => ({
      ...each,
      at: [...base, 'sequence', index],
    }));
    yield* this.#unknownRule(rule, ['rule']);
    for (const { rule: name, at } of sequence) if (name !== undefined) yield* this.#unknownRule(name, [...at, 'rule']);
    const known = catalogues.get('syscall');
    for (const { outputFields, at } of [{ outputFields: expectedOutcome?.outputFields, at: base }, ...sequence]) {
      for (const field of Object.keys(outputFields ?? {})) {
        if (known?.find(field)) continue;
        const near = suggest(field, known?.fields.map(({ name }) => name) ?? []);
        const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
        const message = `"${field}" is no field of syscall events`;
        yield { path: [...at, 'outputFields', field], at: 'key', message, hint };
      }
    }
  }

  *#unknownRule(name: string, path: Path): Generator<Problem> {
    const rule = this.#rules?.get(name);
    if (this.#rules === undefined || rule?.source === 'syscall') return;
    const near = suggest(name, this.#rules.keys());
    const hint =
      near === undefined ? `The rules are those of ${this.#file.rules.join(', ')}.` : `Did you mean "${near}"?`;
    if (rule === undefined) yield { path, message: `There is no rule "${name}"`, hint };
    else yield { path, message: `The rule "${name}" is for ${rule.source} events; scenarios make syscall events` };
  }

  /** Which value of a case it was. */
  #ofCase(diagnostic: Diagnostic, issues: readonly z.core.$ZodIssue[], test: Item, item: Item): Diagnostic {
    const keys = issues.flatMap(({ path }) => {
      const raw = path.reduce<unknown>((inner, part) => (inner as Item | null)?.[String(part)], test);
      const key = templateKey(raw);
      return key === undefined ? [] : [key];
    });
    if (keys.length === 0) return diagnostic;
    const values = [...new Set(keys)].map((key) => `item.${key} is ${JSON.stringify(item[key])}`);
    return {
      ...diagnostic,
      hint: [diagnostic.hint, `In a case in which ${values.join(', ')}.`].filter(Boolean).join(' '),
    };
  }

  #sameKeys(cases: z.output<typeof casesShape>, base: Path): boolean {
    const keysOf = (values: Item) => Object.keys(values).sort().join(', ');
    const [first, ...others] = cases ?? [];
    const other = others.findIndex(({ values }) => keysOf(values) !== keysOf(first?.values ?? {}));
    if (!first || other < 0) return true;
    const message = `The cases of a test have the same keys; the first has ${keysOf(first.values)}`;
    this.diagnostics.push(this.#error([...base, 'cases', other + 1, 'values'], message));
    return false;
  }

  #unique(entries: readonly { key: string; what: string; path: Path }[], why: string): void {
    const seen = new Set<string>();
    for (const { key, what, path } of entries) {
      if (seen.has(key)) this.diagnostics.push(this.#error(path, `"${what}": ${why}`));
      seen.add(key);
    }
  }

  #error(path: Path, message: string, hint?: string, what: 'key' | 'value' = 'value'): Diagnostic {
    const at = this.#file.document.place(path, what);
    return { severity: 'error', code: 'TEST_VALUE', message, at, ...(hint === undefined ? {} : { hint }) };
  }
}

/** From a file of descriptions to tests that can run: templates filled in, everything checked, with places. */

import { z } from 'zod';
import { type Diagnostic, exitCode, suggest, UserError } from '../../core/errors.ts';
import type { Path } from '../../pipeline/document.ts';
import { explain } from '../../pipeline/explain.ts';
import type { TestFile } from '../test-kind.ts';
import { fill, type Item, itemsOf, templateKey } from './cases.ts';
import { casesShape, type ScenarioShape, scenarioShape } from './schema.ts';
import { bindingOf, resourceFields, stepForms } from './steps.ts';

/** One concrete test. */
export interface Scenario extends ScenarioShape {
  readonly file: TestFile;
  /** Where its description stands, from 1. */
  readonly line: number;
}

const topShape = z.strictObject({ tests: z.array(z.looseObject({ cases: casesShape })).min(1) });

/** @throws UserError (exit 2) with all that is wrong */
export function loadScenarios(file: TestFile): readonly Scenario[] {
  const loader = new Loader(file);
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

  constructor(file: TestFile) {
    this.#file = file;
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
    const wrong = [...problemsOf(parsed.data)];
    for (const { path, message } of wrong) report(this.#error([...base, ...path], message));
    const { line } = document.place(base);
    return wrong.length > 0 ? undefined : { ...parsed.data, file: this.#file, line };
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

  #error(path: Path, message: string, hint?: string): Diagnostic {
    const at = this.#file.document.place(path);
    return { severity: 'error', code: 'TEST_VALUE', message, at, ...(hint === undefined ? {} : { hint }) };
  }
}

interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** What no shape can say: what belongs together. */
function* problemsOf(scenario: ScenarioShape): Generator<Problem> {
  const { context, resources, steps } = scenario;
  const processes = context?.processes ?? [];
  for (const [index, { capabilities }] of processes.entries()) {
    if (capabilities === undefined || index === processes.length - 1) continue;
    const path = ['context', 'processes', index, 'capabilities'];
    yield { path, message: 'Only the last process can have capabilities of its own' };
  }
  const fields = new Map<string, readonly string[]>();
  for (const [index, resource] of (resources ?? []).entries()) {
    const path: Path = ['resources', index];
    if (fields.has(resource.name))
      yield { path: [...path, 'name'], message: `There is another "${resource.name}" above` };
    if (resource.type === 'fd') {
      const needed = ({ file: 'filePath', directory: 'dirPath', memfd: 'fileName' } as const)[
        resource.subtype as 'file'
      ];
      if (needed && resource[needed] === undefined)
        yield { path, message: `A descriptor of subtype ${resource.subtype} needs ${needed}` };
    }
    if (resource.type === 'clientServer') yield* addressProblems(resource, path);
    const kind = resource.type === 'fd' && resource.subtype === 'pipe' ? 'pipe' : resource.type;
    fields.set(resource.name, resourceFields[kind] ?? []);
  }
  for (const [index, step] of (steps ?? []).entries()) {
    const path: Path = ['steps', index];
    if (fields.has(step.name)) yield { path: [...path, 'name'], message: `There is another "${step.name}" above` };
    const args = step.args as Item;
    for (const [key, value] of [...Object.entries(args), ...Object.entries((args.how ?? {}) as Item)]) {
      const binding = bindingOf(value);
      if (binding === undefined) continue;
      const known = fields.get(binding.name);
      const at = [...path, 'args', key];
      if (known === undefined) yield { path: at, message: `No resource and no step above is named "${binding.name}"` };
      else if (!known.includes(binding.field))
        yield {
          path: at,
          message: `"${binding.name}" has no ${binding.field}; it has ${known.join(', ') || 'nothing'}`,
        };
    }
    fields.set(step.name, stepForms[step.syscall as string]?.returns ? ['ret'] : []);
  }
}

function* addressProblems(
  { l4Proto, address }: { readonly l4Proto: string; readonly address?: string | undefined },
  path: Path,
): Generator<Problem> {
  const at: Path = address === undefined ? path : [...path, 'address'];
  if (l4Proto === 'unix') {
    if (address) yield { path: at, message: 'A unix socket gets an address of its own: leave it empty' };
    return;
  }
  const wanted = l4Proto.endsWith('6') ? '[2001:db8::1]:80' : '192.0.2.1:80';
  const fits = address && !address.startsWith('unix:') && address.startsWith('[') === l4Proto.endsWith('6');
  if (!fits) yield { path: at, message: `${l4Proto} needs an address such as ${wanted}` };
}

/** From a file of pipeline tests to tests that can run: the pipeline planned, components and fields looked up. */

import { dirname, join, resolve } from 'node:path';
import { suggest } from '../../core/errors.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { Path } from '../../pipeline/plan/document.ts';
import { type Loaded, loadPlan } from '../../pipeline/plan/load.ts';
import type { Plan } from '../../pipeline/plan/planned.ts';
import type { Contents } from '../../pipeline/plan/watch.ts';
import { defaultProblems, type MadeEvent, makeEvent, timesOf } from '../given-events.ts';
import { type Problem, Problems } from '../problems.ts';
import type { TestFile } from '../test-kind.ts';
import { reaches } from './isolate.ts';
import { type Expectation, type PipelineTests, pipelineTestsShape } from './schema.ts';

/** An event, and the component that it goes into. */
export interface GivenTo extends MadeEvent {
  readonly into: string;
}

export interface PipelineTest {
  readonly name: string;
  /** Where it stands in its file, from 1. */
  readonly line: number;
  /** In the order in which they happen. */
  readonly events: readonly GivenTo[];
  /** ms from its start to its end. */
  readonly until: number;
  readonly expect: ReadonlyMap<string, Expectation>;
}

export interface PipelineTestFile {
  readonly path: string;
  /** The pipeline, whole. */
  readonly pipeline: Loaded;
  readonly tests: readonly PipelineTest[];
  /** What it is made of beside the file of tests. */
  readonly reads: Contents;
}

/** @throws UserError with all that is wrong with the tests, or with the pipeline */
export async function loadPipelineTests(file: TestFile): Promise<PipelineTestFile> {
  const problems = new Problems(file);
  const { pipeline: name, source, defaults, tests } = problems.parse(pipelineTestsShape);
  const reads: Contents = new Map();
  const pipeline = await loadPlan(name.startsWith('/') ? name : join(dirname(file.path), name), [], reads);
  const loader = new Loader(pipeline.plan, source, defaults);
  for (const [of, values] of Object.entries(defaults)) {
    for (const each of loader.problemsOfDefaults(of, values)) problems.add(['defaults', of], each);
  }
  const loaded: PipelineTest[] = [];
  const names = new Set<string>();
  for (const [index, test] of tests.entries()) {
    const base: Path = ['tests', index];
    const problem = (each: Problem) => problems.add(base, each);
    if (names.has(test.name)) problem({ path: ['name'], message: `There is another test of the name "${test.name}"` });
    names.add(test.name);
    const events = loader.events(test, problem);
    for (const each of loader.problemsOf(test)) problem(each);
    const last = events.at(-1)?.at ?? 0;
    const { until = last } = test;
    if (until < last) problem({ path: ['until'], message: 'The test ends before its last event' });
    const { line } = file.document.place(base);
    loaded.push({ name: test.name, line, events, until, expect: new Map(Object.entries(test.expect)) });
  }
  problems.stop();
  return { path: file.path, pipeline, tests: loaded, reads };
}

type Test = PipelineTests['tests'][number];

class Loader {
  readonly #plan: Plan;
  readonly #source: string | undefined;
  readonly #defaults: PipelineTests['defaults'];

  constructor(plan: Plan, source: string | undefined, defaults: PipelineTests['defaults']) {
    this.#plan = plan;
    this.#source = source;
    this.#defaults = defaults;
  }

  events({ events }: Test, problem: (problem: Problem) => void): readonly GivenTo[] {
    const many = events.flatMap((each, index) => Array.from({ length: each.times }, () => ({ each, index })));
    const times = timesOf(many.map(({ each }) => each));
    const said = new Set<string>();
    const made = many.flatMap(({ each, index }, number): GivenTo[] => {
      const tell = (wrong: Problem) => {
        const key = JSON.stringify([index, wrong]);
        if (!said.has(key)) problem({ ...wrong, path: ['events', index, ...wrong.path] });
        said.add(key);
      };
      const { into, times: _, ...given } = each;
      const emits = this.#into(into);
      if (emits === undefined) return [];
      const source = given.source ?? this.#sourceOf(emits);
      if (source === undefined || !emits.includes(source)) {
        const what = source === undefined ? 'events of several sources' : `no ${source} events`;
        const path = given.source === undefined ? [] : ['source'];
        tell({ path, message: `To ${into} come ${what}`, hint: `Say which: source: ${emits.join(', or ')}.` });
        return [];
      }
      const defaults = { source, values: this.#defaults[source] ?? {} };
      const event = makeEvent(given, times[number] ?? 0, defaults, tell, this.#provided(into, true));
      return event === undefined ? [] : [{ ...event, into }];
    });
    return made.toSorted((a, b) => a.at - b.at);
  }

  *problemsOfDefaults(source: string, values: Readonly<Record<string, unknown>>): Generator<Problem> {
    const { sources, operators } = this.#plan;
    const known = new Set([...sources, ...operators].flatMap(({ emits }) => emits));
    if (!known.has(source)) yield { path: [], at: 'key', ...unknown('event source here', source, [...known]) };
    const provided = operators.flatMap((operator) => operator.provided.map(({ name }) => name));
    yield* defaultProblems({ source, values }, new Set(provided));
  }

  /** What is not there, and what cannot be. */
  *problemsOf({ events, expect }: Test): Generator<Problem> {
    const intos = events.map(({ into }) => into);
    for (const [index, into] of intos.entries()) {
      if (this.#into(into) !== undefined) continue;
      const known = [...this.#plan.sources, ...this.#plan.operators].map(({ id }) => id);
      yield { path: ['events', index, 'into'], ...unknown('source or operator', into, known) };
    }
    for (const [id, expectation] of Object.entries(expect)) {
      const path: Path = ['expect', id];
      const component = [...this.#plan.operators, ...this.#plan.sinks].find((each) => each.id === id);
      if (component === undefined) {
        const known = [...this.#plan.operators, ...this.#plan.sinks].map((each) => each.id);
        yield { path, at: 'key', ...unknown('operator or sink', id, known) };
      } else if (!reaches(intos, id, this.#plan)) {
        yield { path, at: 'key', message: `What goes into ${[...new Set(intos)].join(', ')} does not come to ${id}` };
      } else {
        yield* this.#fields(id, 'emits' in component ? component.emits : component.reached, expectation, path);
      }
    }
  }

  *#fields(id: string, sources: readonly string[], expectation: Expectation, path: Path): Generator<Problem> {
    const provided = this.#provided(id, false);
    // An alert has fields of the event that it is about.
    const own = sources.includes('alert')
      ? [...catalogues.values()]
      : sources.flatMap((each) => catalogues.get(each) ?? []);
    const known = [...provided, ...own.flatMap(({ fields }) => fields.map(({ name }) => name))];
    for (const { fields, at } of fieldsOf(expectation)) {
      for (const field of fields) {
        if (provided.has(field) || own.some((catalogue) => catalogue.find(field) !== undefined)) continue;
        yield { path: [...path, ...at, field], at: 'key', ...unknown(`field of what leaves ${id}`, field, known) };
      }
    }
  }

  /** The event sources of what may go into a component; undefined where there is none. */
  #into(id: string): readonly string[] | undefined {
    const { sources, operators } = this.#plan;
    return sources.find((each) => each.id === id)?.emits ?? operators.find((each) => each.id === id)?.reached;
  }

  #sourceOf(emits: readonly string[]): string | undefined {
    if (this.#source !== undefined && emits.includes(this.#source)) return this.#source;
    return emits.length === 1 ? emits[0] : undefined;
  }

  /** The fields that operators add to what leaves a component, or comes to it. */
  #provided(id: string, before: boolean): ReadonlySet<string> {
    const { operators, sinks } = this.#plan;
    const component = [...operators, ...sinks].find((each) => each.id === id);
    const providers = before || (component && !('emits' in component)) ? (component?.from ?? []) : [id];
    const names = operators.filter((each) => providers.includes(each.id)).flatMap(({ provided }) => provided);
    return new Set(names.map(({ name }) => name));
  }
}

/** The fields that are expected, and where that is said. */
export function fieldsOf(expectation: Expectation): readonly { fields: readonly string[]; at: Path }[] {
  if ('list' in expectation) {
    return expectation.list.map(({ outputFields }, index) => ({
      fields: Object.keys(outputFields),
      at: [index, 'fields'],
    }));
  }
  const { outputFields, sequence = [] } = expectation.outcome;
  return [
    { fields: Object.keys(outputFields ?? {}), at: ['outputFields'] },
    ...sequence.map((each, index) => ({
      fields: Object.keys(each.outputFields ?? {}),
      at: ['sequence', index, 'outputFields'],
    })),
  ];
}

function unknown(what: string, name: string, known: readonly string[]): Pick<Problem, 'message' | 'hint'> {
  const near = suggest(name, known);
  return {
    message: `There is no ${what} "${name}"`,
    ...(near === undefined ? {} : { hint: `Did you mean "${near}"?` }),
  };
}

/** Where paths of the rules of a pipeline start. */
export function folderOf({ pipeline: { document } }: PipelineTestFile): string {
  return resolve(document.folder);
}

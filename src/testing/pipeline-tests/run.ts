/** Runs pipeline tests, one after the other: the time that they make virtual is that of the whole program. */

import { messageOf, UserError } from '../../core/errors.ts';
import type { Value } from '../../events/field.ts';
import { printValue, type Rule } from '../../rules/index.ts';
import { type Comparison, exactly } from '../expected/exactly.ts';
import { expectsAlert, judge, type Sighting } from '../expected/judge.ts';
import { whyUnmatched } from '../expected/why-unmatched.ts';
import type { Coverage } from '../rule-coverage/coverage.ts';
import type { TestContext } from '../test-kind.ts';
import { Bench, type Collected, type Outcome } from './bench.ts';
import { fieldsOf, folderOf, type PipelineTest, type PipelineTestFile } from './load.ts';
import type { Expectation } from './schema.ts';

/** Runs the tests of a file and reports each. */
export async function runPipelineTests(file: PipelineTestFile, context: TestContext): Promise<void> {
  const benches = new Map<string, Promise<Bench>>();
  for (const test of file.tests) {
    const began = performance.now();
    const because = await perform(file, test, { context, benches });
    if (context.coverage) cover(file, test, context.coverage);
    const isOver = context.signal.aborted;
    context.report({
      file: file.path,
      line: test.line,
      suite: file.pipeline.plan.title,
      name: test.name,
      status: isOver ? 'skipped' : because.length === 0 ? 'passed' : 'failed',
      ms: Math.round(performance.now() - began),
      because: isOver ? [messageOf(context.signal.reason)] : because,
    });
  }
}

interface Scene {
  readonly context: TestContext;
  /** Tests that touch the same components share one. */
  readonly benches: Map<string, Promise<Bench>>;
}

async function perform(file: PipelineTestFile, test: PipelineTest, scene: Scene): Promise<readonly string[]> {
  const { context, benches } = scene;
  if (context.signal.aborted) return [];
  const into = [...new Set(test.events.map((event) => event.into))].sort();
  const from = [...test.expect.keys()].sort();
  const key = JSON.stringify([into, from]);
  let bench = benches.get(key);
  if (!bench) benches.set(key, (bench = Bench.open(file.pipeline, { into, from }, fieldsIn(file))));
  let outcome: Outcome;
  try {
    outcome = await (await bench).run(test, context.signal);
  } catch (error) {
    if (error instanceof UserError) return [error.message];
    throw error;
  }
  const found = [...test.expect].map(([id, expectation]) => {
    const { wrong, missing } = compare(expectation, outcome.left.get(id) ?? []);
    return { wrong: wrong.map((line) => `${id}: ${line}`), missing };
  });
  const because = [...outcome.reports, ...found.flatMap(({ wrong }) => wrong)];
  if (found.every(({ wrong }) => wrong.length === 0)) return because;
  const came = [...outcome.received].map(([id, count]) => `${count} to ${id}`);
  const missing = new Set(found.flatMap((each) => each.missing));
  const rules = rulesIn(file).filter(({ name }) => missing.has(name));
  return [
    ...because,
    ...(came.length === 0 ? [] : [`events came: ${came.join(', ')}`]),
    ...rules.flatMap((rule) => whyUnmatched(rule, test.events)),
  ];
}

/** The rules that judge somewhere in a pipeline. */
function rulesIn({ pipeline: { plan } }: PipelineTestFile): readonly Rule[] {
  const judges = plan.operators.filter(({ type }) => type === 'rules');
  return judges.flatMap(({ prepared }) => (prepared.state as { readonly rules: readonly Rule[] }).rules);
}

/** The fields that tests look at, by component. */
function fieldsIn({ tests }: PipelineTestFile): ReadonlyMap<string, ReadonlySet<string>> {
  const fields = new Map<string, Set<string>>();
  for (const { expect } of tests) {
    for (const [id, expectation] of expect) {
      const names = fieldsOf(expectation).flatMap((each) => each.fields);
      fields.set(id, (fields.get(id) ?? new Set()).union(new Set(names)));
    }
  }
  return fields;
}

function compare(expectation: Expectation, collected: readonly Collected[]): Comparison {
  const names = fieldsOf(expectation).flatMap(({ fields }) => fields);
  const seen = collected.map((each) => sightingOf(each, names));
  if ('list' in expectation) return exactly(expectation.list, seen);
  const { rule, outcome } = expectation;
  const isMissing = expectsAlert(outcome) && !seen.some(({ alert }) => alert.type === rule);
  return { wrong: judge(rule, outcome, seen), missing: isMissing ? [rule] : [] };
}

/** An event as an alert is looked at. */
function sightingOf({ event, at }: Collected, names: readonly string[]): Sighting {
  const value = (name: string) => event.get(name) ?? null;
  const outputFields = Object.fromEntries(names.map((name) => [name, value(name)]));
  const own = event.source === 'alert' ? ['source', 'priority', 'hostname', 'output'] : [];
  const fields: Record<string, Value> = { source: event.source, output: shownFields(outputFields) };
  for (const name of own) fields[name] = event.get(name) ?? '';
  return { alert: { type: event.type, time: event.time, fields, outputFields }, at };
}

function shownFields(fields: Readonly<Record<string, Value | null>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value === null ? '<NA>' : printValue(value)}`)
    .join(' ');
}

/** What a test shows of the rules in a pipeline: those look at the events as the test gives them. */
function cover(file: PipelineTestFile, { events, expect }: PipelineTest, coverage: Coverage): void {
  const folder = folderOf(file);
  const rules = rulesIn(file);
  coverage.add(rules, folder);
  for (const { event, form } of events) coverage.judge(rules, event, form, folder);
  const lists = [...expect.values()].flatMap((each) => ('list' in each ? each.list : []));
  const names = new Set(lists.map(({ rule }) => rule));
  for (const rule of rules) if (names.has(rule.name)) coverage.tested(rule, 'positive', folder);
}

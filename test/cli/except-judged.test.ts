/**
 * Exceptions that `falco-pipe rules except` makes, judged: the same events again, and the alerts that it was given are
 * gone, those that are equal to one in the exception's fields too, and no other.
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { catalogues } from '../../src/events/catalogue.ts';
import { type CloudSourceName, decodeDocument } from '../../src/events/cloud/decode.ts';
import { cloudForm } from '../../src/events/cloud/event.ts';
import type { Event, Form } from '../../src/events/field.ts';
import { EventRecord } from '../../src/events/record.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { loadPlan } from '../../src/pipeline/plan/load.ts';
import { Run } from '../../src/pipeline/run/run.ts';
import { loadRules, type Rule } from '../../src/rules/index.ts';
import { makeEvent } from '../../src/testing/given-events.ts';
import { recordedLog } from '../core/shared.ts';
import { Program, repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

const folder = scratch();
const shared = join(repository, '../shared/data');
const hasShared = existsSync(shared);
if (!hasShared) process.stderr.write('SKIPPED: exceptions for the alerts in ../shared/data, which is not there\n');

interface Alert {
  readonly rule: string;
  readonly time: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}

interface Made {
  readonly exceptions: string;
  readonly rules: readonly {
    readonly rule: string;
    readonly notes: readonly string[];
    readonly exceptions: readonly {
      readonly fields: readonly string[];
      readonly values: readonly { readonly lines: readonly number[] }[];
    }[];
    readonly events?: { readonly before: number; readonly after: number };
  }[];
}

let files = 0;
function write(content: string, ending: string): string {
  const path = join(folder, `${++files}.${ending}`);
  writeFileSync(path, content);
  return path;
}

const linesOf = (items: readonly object[]) => items.map((each) => `${JSON.stringify(each)}\n`).join('');

async function except(alerts: readonly Alert[], ...args: string[]): Promise<Made> {
  const given = write(linesOf(alerts), 'jsonl');
  const { code, stdout, stderr } = await runIn(folder, ['rules', 'except', given, ...args, '-o', 'json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** The alerts that rules raise on records. */
async function raise(records: string, source: string, rules: readonly string[]): Promise<readonly Alert[]> {
  const out = write('', 'alerts');
  const pipeline = {
    sources: { past: { type: 'replay', files: records, emits: [source] } },
    operators: { detect: { type: 'rules', from: 'past', files: rules } },
    sinks: { out: { type: 'file', from: 'detect', path: out, format: 'json', redact: false } },
  };
  const { plan } = await loadPlan(write(JSON.stringify(pipeline), 'yaml'));
  const { log, lines } = recordedLog();
  const run = await Run.start(plan, { log, resolve: String });
  await run.over;
  await run.stop();
  expect(run.summary(), lines.join('\n')).toMatchObject({ dropped: 0, in_flight: 0 });
  return readFileSync(out, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Whether an exception made for some alerts hides another one of the rule: by the fields that it says it goes by. */
function hides(made: Made, given: readonly Alert[], alert: Alert): boolean {
  const own = made.rules.find(({ rule }) => rule === alert.rule)?.exceptions ?? [];
  return own.some(({ fields, values }) =>
    values.some(({ lines }) => {
      const first = given[(lines[0] as number) - 1] as Alert;
      return fields.every((field) => {
        const value = alert.output_fields[field];
        return value !== null && value !== undefined && value === first.output_fields[field];
      });
    }),
  );
}

const firsts = (alerts: readonly Alert[]) =>
  alerts.filter((alert, index) => alerts.findIndex(({ rule }) => rule === alert.rule) === index);

/** Whether an alert shows anything of its event: of one that does not nothing can be excepted. */
const tells = ({ output_fields }: Alert) =>
  Object.entries(output_fields).some(([name, value]) => value !== null && !name.startsWith('evt.time'));

/** Raises alerts, ends the first of each rule, and all, and judges the same events again. Returns the rules. */
async function roundTrip(records: string, source: string, rules: readonly string[]): Promise<ReadonlySet<string>> {
  const alerts = await raise(records, source, rules);
  const telling = alerts.filter(tells);
  const end = async (given: readonly Alert[]) => {
    const made = await except(given, ...rules, '--events', records);
    for (const { rule, notes, exceptions, events } of made.rules) {
      expect(exceptions.flatMap(({ values }) => values.flatMap(({ lines }) => lines))).toHaveLength(
        given.filter((each) => each.rule === rule).length,
      );
      expect(notes[0]).toMatch(/^Hides (\d+) of \1 alerts?\.$/);
      const before = alerts.filter((each) => each.rule === rule);
      expect(events).toMatchObject({
        before: before.length,
        after: before.filter((each) => !hides(made, given, each)).length,
      });
    }
    const left = await raise(records, source, [...rules, write(made.exceptions, 'yaml')]);
    expect(left).toEqual(alerts.filter((each) => !hides(made, given, each)));
    for (const each of given) expect(left).not.toContainEqual(each);
  };
  await end(firsts(telling));
  await end(telling);
  return new Set(telling.map(({ rule }) => rule));
}

function rulesOf(paths: readonly string[]): readonly Rule[] {
  return loadRules(
    paths.map((name) => ({ name, content: readFileSync(name, 'utf8') })),
    { catalogues },
  ).rules;
}

/** An event as `record` keeps it: with what the rules read. */
function recordOf(event: Event, form: Form, rules: readonly Rule[]): string {
  if (event instanceof EventRecord) return recordJson(event);
  const fields: Record<string, never> = {};
  for (const { condition, output } of rules) {
    for (const ref of [...condition.reads, ...output.reads]) {
      const value = form.reader(ref)?.(event);
      if (value !== undefined) fields[ref.text] = value as never;
    }
  }
  return recordJson(new EventRecord(event.source, event.type, event.time, fields));
}

describe('our rules, on the events of their tests', () => {
  test.each([
    ['host', 'syscall'],
    ['aws', 'aws_cloudtrail'],
    ['k8s', 'k8s_audit'],
    ['azure', 'azure_audit'],
    ['vcloud', 'vcd_audit'],
  ])('%s.yaml', async (name, source) => {
    const path = join(repository, 'rules', `${name}.yaml`);
    const rules = rulesOf([path]);
    const { defaults = {}, tests } = parse(readFileSync(path.replace('.yaml', '.test.yaml'), 'utf8'));
    const records: string[] = [];
    for (const given of tests.flatMap(({ events }: { events: object[] }) => events)) {
      const problem = (each: object) => {
        throw new Error(JSON.stringify(each));
      };
      const { at: _, after: __, times = 1, ...rest } = given;
      const made = makeEvent(rest, records.length, { source, values: defaults }, problem);
      if (made?.event.source !== source) continue;
      for (let time = 0; time < times; time++) records.push(recordOf(made.event, made.form, rules));
    }
    const raised = await roundTrip(write(records.join('\n'), 'jsonl'), source, [path]);
    const enabled = rules.filter((rule) => rule.enabled && rule.source === source).map((rule) => rule.name);
    expect(enabled.filter((rule) => !raised.has(rule))).toEqual([]);
  });
});

test('the alerts of the demo; the built program prints the same', async () => {
  const [records, rules] = [join(repository, 'pipelines/demo.jsonl.gz'), join(repository, 'rules/host.yaml')];
  const raised = await roundTrip(records, 'syscall', [rules]);
  expect(raised.size).toBeGreaterThanOrEqual(10);
  const alerts = write(linesOf(await raise(records, 'syscall', [rules])), 'jsonl');
  const args = ['rules', 'except', alerts, rules, '--events', records];
  const { code, stdout, stderr } = await Program.run(args, { cwd: folder });
  const { stdout: here } = await runIn(folder, args);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: here, stderr: '' });
});

describe.runIf(hasShared)("Falco's rules", () => {
  const official = ['falco_rules', 'falco-incubating_rules', 'falco-sandbox_rules'].map((name) =>
    join(shared, 'rules', `${name}.yaml`),
  );

  test('every alert of the real engine: it is gone, and of the others those that are equal to it', async () => {
    const { official: cases } = JSON.parse(readFileSync(join(shared, 'falco/e2e_cases.json'), 'utf8'));
    const generated = cases.flatMap(({ alerts }: { alerts: object[] }) =>
      alerts.map((each) => ({ hostname: 'node1', output: '', source: 'syscall', ...each })),
    ) as Alert[];
    const recorded = readFileSync(join(shared, 'scap/attack.alerts.all.jsonl'), 'utf8').trim().split('\n');
    const alerts = [...generated, ...recorded.map((line) => JSON.parse(line) as Alert)];
    const names = new Set(alerts.map(({ rule }) => rule));
    expect(names.size).toBeGreaterThan(45);
    const made = await except(alerts, ...official);
    expect(new Set(made.rules.map(({ rule }) => rule))).toEqual(names);
    for (const { rule, notes, exceptions } of made.rules) {
      const count = alerts.filter((each) => each.rule === rule).length;
      expect(notes, rule).toContain(`Hides ${count} of ${count} alert${count === 1 ? '' : 's'}.`);
      expect(exceptions.flatMap(({ values }) => values.flatMap(({ lines }) => lines)).length, rule).toBe(count);
    }
    // The first of each rule: what it hides is said of every other, and is true.
    const some = firsts(alerts);
    const first = await except(some, ...official);
    const file = write(first.exceptions, 'yaml');
    const left = [write(linesOf(alerts), 'jsonl'), ...official, file];
    const { rules: open } = (await runIn(folder, ['rules', 'except', ...left, '-o', 'json'])).json[0] as Made;
    const stillOpen = open.flatMap(({ exceptions }) =>
      exceptions.flatMap(({ values }) => values.flatMap(({ lines }) => lines)),
    );
    const expected = alerts.flatMap((each, index) => (hides(first, some, each) ? [] : [index + 1]));
    expect(stillOpen.toSorted((a, b) => a - b)).toEqual(expected);
  });

  test('for Kubernetes, on its audit logs', async () => {
    const rules = [join(shared, 'rules/k8s_audit_rules.yaml')];
    const traces = join(shared, 'cloud/k8saudit/falco-regression/trace_files/k8s_audit');
    const documents = readdirSync(traces)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => readFileSync(join(traces, name), 'utf8').trim().split('\n'));
    const raised = await roundTrip(recordsOf(documents, 'k8s_audit', rules), 'k8s_audit', rules);
    expect(raised.size).toBeGreaterThan(15);
  });

  test('for CloudTrail, on its logs', async () => {
    const rules = [join(shared, 'rules/aws_cloudtrail_rules.yaml')];
    const lines = readFileSync(join(shared, 'cloud/cloudtrail/panther/labelled.jsonl'), 'utf8').trim().split('\n');
    const documents = lines.map((line) => JSON.stringify(JSON.parse(line).event));
    const raised = await roundTrip(recordsOf(documents, 'aws_cloudtrail', rules), 'aws_cloudtrail', rules);
    expect(raised.size).toBeGreaterThan(2);
  });

  function recordsOf(documents: readonly string[], source: CloudSourceName, paths: readonly string[]): string {
    const rules = rulesOf(paths);
    const records = documents.flatMap((text, index) => {
      const decoded = decodeDocument(source, JSON.parse(text), BigInt(index));
      return 'event' in decoded ? [recordOf(decoded.event, cloudForm(source) as Form, rules)] : [];
    });
    return write(records.join('\n'), 'jsonl');
  }
});

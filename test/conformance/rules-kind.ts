/** Conformance cases of rules files. */

import { catalogues, makeCatalogue } from '../../src/events/catalogue.ts';
import type { Catalogue } from '../../src/events/field.ts';
import { anyEventFields } from '../../src/events/syscall/event-fields.ts';
import type { Plugin } from '../../src/rules/files/versions.ts';
import { type AppendOutput, type Issue, loadRules } from '../../src/rules/index.ts';
import { parsePriority } from '../../src/rules/priority.ts';
import { type Case, differences, isFalcos } from './differences.ts';

interface ExpectedIssue {
  readonly code: string;
  readonly message: string;
  readonly at: {
    readonly item_type: string;
    readonly item_name: string;
    readonly line: number;
    readonly column: number;
  };
}

interface ExpectedRules {
  readonly ok: boolean;
  readonly errors: readonly ExpectedIssue[];
  readonly warnings: readonly ExpectedIssue[];
  readonly schema_valid: readonly (boolean | null)[];
  readonly enabled_count?: number;
  readonly rules?: readonly Record<string, unknown>[];
  readonly plugin_reqs?: { readonly ok: boolean; readonly error: string };
}

interface RulesCase {
  readonly files: readonly { readonly name: string; readonly content: string }[];
  readonly min_priority?: string;
  readonly selection?: readonly { readonly op: 'enable' | 'disable'; readonly rule?: string; readonly tag?: string }[];
  readonly extra_output?: readonly ({ readonly format: string } & Match)[];
  readonly extra_fields?: readonly ({ readonly key: string; readonly format?: string } & Match)[];
  readonly plugins?: readonly Plugin[];
  readonly plugin_source?: boolean;
}

interface Match {
  readonly rule?: string;
  readonly source?: string;
  readonly tags?: readonly string[];
}

const dummy = makeCatalogue('dummy', anyEventFields);

export function runRules(test: Case): string | undefined {
  const input = test as unknown as RulesCase;
  const expect = test.expect as unknown as ExpectedRules;
  const sources: [string, Catalogue][] = [['syscall', catalogues.get('syscall') as Catalogue]];
  if (input.plugin_source) sources.push(['dummy', dummy]);
  const minPriority = input.min_priority === undefined ? undefined : parsePriority(input.min_priority);
  const result = loadRules(input.files, {
    catalogues: new Map(sources),
    minPriority,
    selection: input.selection,
    plugins: input.plugins ?? [],
    appendOutput: appendOutput(input),
  });
  const ok = result.files.every((file) => file.ok);
  const rules = result.rules.map((rule) => ({
    name: rule.name,
    condition_compiled: rule.condition.compiled,
    output_compiled: rule.output.text,
    priority: rule.priority,
    enabled: rule.enabledInFile,
    source: rule.source,
    tags: rule.tags,
    description: rule.desc,
    capture: rule.capture,
    capture_duration: rule.captureDuration,
  }));
  return (
    differences({ ok: expect.ok }, { ok }) ??
    issueDifferences(
      'errors',
      expect.errors,
      result.files.flatMap((file) => file.errors),
    ) ??
    issueDifferences(
      'warnings',
      expect.warnings,
      result.files.flatMap((file) => file.warnings.filter(isFalcosWarning)),
    ) ??
    differences(
      { schema_valid: expect.schema_valid },
      { schema_valid: result.files.map((file) => file.schema.valid) },
    ) ??
    (expect.enabled_count === undefined
      ? undefined
      : differences(
          { enabled_count: expect.enabled_count },
          { enabled_count: result.rules.filter((rule) => rule.enabled).length },
        )) ??
    ruleDifferences(expect.rules, rules) ??
    (expect.plugin_reqs === undefined
      ? undefined
      : differences(
          { plugin_reqs: expect.plugin_reqs },
          { plugin_reqs: { ok: result.pluginError === undefined, error: result.pluginError ?? '' } },
        ))
  );
}

function ruleDifferences(
  expected: ExpectedRules['rules'],
  got: readonly Record<string, unknown>[],
): string | undefined {
  if (expected === undefined) return undefined;
  const count = differences({ names: expected.map(({ name }) => name) }, { names: got.map(({ name }) => name) });
  if (count !== undefined) return count;
  for (const [index, rule] of expected.entries()) {
    const wrong = differences(rule, got[index] ?? {});
    if (wrong !== undefined) return `rule ${String(rule.name)}: ${wrong}`;
  }
  return undefined;
}

function isFalcosWarning({ code, message, context }: Issue): boolean {
  return isFalcos(code, message, context.locations.at(-1)?.itemType);
}

function issueDifferences(what: string, expected: readonly ExpectedIssue[], got: readonly Issue[]): string | undefined {
  const count = differences({ [what]: expected.map(({ code }) => code) }, { [what]: got.map(({ code }) => code) });
  if (count !== undefined) return count;
  for (const [index, { code, message, at }] of expected.entries()) {
    const issue = got[index] as Issue;
    // Where YAML itself is wrong, words and place are the YAML reader's.
    if (code === 'LOAD_ERR_YAML_PARSE') continue;
    const last = issue.context.locations.at(-1);
    const wrong = differences(
      { at },
      { at: { item_type: last?.itemType, item_name: last?.itemName, line: last?.line, column: last?.column } },
    );
    if (wrong !== undefined) return `${what} ${index}: ${wrong}`;
    if (issue.message !== message)
      return `${what} ${index}: expected ${JSON.stringify(message)}, got ${JSON.stringify(issue.message)}`;
  }
  return undefined;
}

function appendOutput({ extra_output = [], extra_fields = [] }: RulesCase): readonly AppendOutput[] {
  const match = ({ rule, source, tags }: Match): AppendOutput['match'] => ({
    ...(rule === undefined ? {} : { rule }),
    ...(source === undefined ? {} : { source }),
    ...(tags === undefined ? {} : { tags }),
  });
  return [
    ...extra_output.map((entry) => ({ match: match(entry), extraOutput: entry.format })),
    ...extra_fields.map((entry) => ({
      match: match(entry),
      extraFields: [entry.format === undefined ? entry.key : { [entry.key]: entry.format }],
    })),
  ] as readonly AppendOutput[];
}

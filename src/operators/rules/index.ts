/** The operator `rules`: events are judged by Falco rules; what leaves it are alerts. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  bound,
  type Demand,
  type Demands,
  defineOperator,
  type Edge,
  expand,
  type Prepared,
} from '../../core/component.ts';
import { paths } from '../../core/config.ts';
import { joinHosts } from '../../core/flow/hosts.ts';
import type { Necessary } from '../../core/flow/necessary.ts';
import { hostName } from '../../core/host.ts';
import { atOnce, inSlices, type Steps } from '../../core/steps.ts';
import { catalogues } from '../../events/catalogue.ts';
import type { FieldRef, Form } from '../../events/field.ts';
import {
  type AppendOutput,
  asTheyAre,
  type Built,
  hostsIn,
  type ItemsFrom,
  type ListFeed,
  type Lists,
  type LoadOptions,
  type LoadResult,
  loadRulesInSteps,
  necessaryByType,
  priorities,
  type Rule,
  type RulesFile,
  replacedText,
  type SelectionEntry,
} from '../../rules/index.ts';
import { cataloguesOn } from '../shared/catalogues.ts';
import { demandedTypes } from '../shared/condition.ts';
import { sha256Of } from './content-digest.ts';
import { warnOfIdleRules } from './idle-rules.ts';
import { EVENT_ID, Judge } from './judge.ts';
import { findItems, keptItems, listCopies, readItems } from './lists/fetched-items.ts';
import { heldFor } from './lists/held-lists.ts';
import { Origins } from './lists/list-origins.ts';
import { toldLists } from './lists/lists.ts';
import { keepFresh } from './lists/refresh.ts';
import { unmatched } from './unmatched.ts';

const choice = z
  .strictObject({
    rule: z.string().optional().describe('Name of a rule; * stands for any text.'),
    tag: z.string().optional().describe('A tag.'),
  })
  .refine(({ rule, tag }) => rule !== undefined || tag !== undefined, 'Name a rule or a tag');

const addition = z.strictObject({
  match: z
    .strictObject({
      rule: z.string().optional().describe('The name of the rule.'),
      source: z.string().optional().describe('The event source of the rule.'),
      tags: z.array(z.string()).optional().describe('Tags, all of which the rule has.'),
    })
    .optional()
    .describe('Which rules; all that is given must hold. Default: every rule.'),
  extra_output: z.string().optional().describe('Text with %fields, added to the message.'),
  extra_fields: z
    .array(z.union([z.string(), z.record(z.string(), z.string())]))
    .optional()
    .describe('Added to output_fields only: names of fields, or KEY: text with %fields.'),
  suggested_output: z
    .boolean()
    .optional()
    .describe('Adds the fields that the event source suggests to the message: those of the container and the pod.'),
});

const config = z.strictObject({
  files: paths().describe(
    "Rules files, in order: Falco's, ours, yours. A folder stands for the *.yaml and *.yml in it, by name, but for *.test.yaml.",
  ),
  matching: z
    .enum(['all', 'first'])
    .default('all')
    .describe(
      "all: every rule that matches raises an alert. first: only the first in the files' order, Falco's default.",
    ),
  priority: z.enum(priorities).default('Debug').describe('Rules below this priority are not loaded.'),
  select: z
    .array(z.union([z.strictObject({ enable: choice }), z.strictObject({ disable: choice })]))
    .default([])
    .describe('Rules to enable or disable, in order; later entries win.'),
  append_output: z.array(addition).default([]).describe("Additions to the output of rules; Falco's append_output."),
  buffer_format_base64: z
    .boolean()
    .default(false)
    .describe('Bytes print in base64. Default: as text, with a dot for each byte that does not print.'),
  hostname: z
    .string()
    .optional()
    .describe("The host named in alerts. Default: FALCO_HOSTNAME, else the machine's name."),
});

interface Loaded {
  readonly rules: readonly Rule[];
  /** Fields that operators below want in alerts, beside those that a rule prints, by event source. */
  readonly extra: ReadonlyMap<string, readonly FieldRef[]>;
  /** Lists that come from elsewhere. */
  readonly feeds: readonly ListFeed[];
  /** What there is to know of those from the web when they are read again. */
  readonly origins: Origins;
  /** What the rules read, by what their lists hold. */
  readonly reads: (lists: Lists) => Steps<Demands>;
}

export const rules = defineOperator<typeof config, Loaded>({
  type: 'rules',
  summary: 'Judges events by Falco rules and emits alerts.',
  config,
  emits: 'alert',
  holds: true,
  examples: [
    { title: 'Our rules', yaml: 'detect: { type: rules, from: node, files: ../rules/host.yaml }' },
    {
      title: "Falco's rules without one of them",
      yaml: 'detect: { type: rules, from: node, files: falco_rules.yaml, select: [{ disable: { rule: Clear Log Activities } }] }',
    },
    {
      title: 'Container and pod in every message, the parents of the process beside it',
      yaml: 'detect: { type: rules, from: node, files: ../rules/host.yaml, append_output: [{ suggested_output: true, extra_fields: [proc.aname, { who: "%user.name on %proc.tty" }] }] }',
    },
  ],
  *prepare(options, edge) {
    const named = options.files.flatMap((path, index) => edge.files(path).map((name) => ({ name, index })));
    const files = named.flatMap(({ name, index }) => {
      const content = edge.read(name, ['files', index]);
      return content === undefined ? [] : [{ name, content, path: edge.resolve(name) }];
    });
    // Lists from elsewhere are part of what it is: a reload that finds others makes it anew.
    const lists = createHash('sha256');
    const origins = new Origins(listCopies());
    const items = function* (from: ItemsFrom) {
      let digest: { readonly sha256: string } | undefined;
      try {
        const found = yield* findItems(from);
        origins.found(from, found);
        digest = found && { sha256: yield* sha256Of(found.raw) };
        if (digest !== undefined) origins.digested(from, digest.sha256);
        lists.update(JSON.stringify([from.address, digest?.sha256 ?? null]));
        return found?.text();
      } finally {
        // One that is read again by itself needs no reload.
        if (from.kind === 'file' && from.refresh === undefined) edge.note(from.address, digest);
      }
    };
    const kept = function* (from: ItemsFrom) {
      const copy = yield* keptItems(from);
      if (copy !== undefined) origins.keeps(from, copy);
      return copy;
    };
    const loaded = yield* loadInSteps(options, files, edge, { items, kept });
    for (const diagnostic of loaded.diagnostics) edge.report(diagnostic, ['files']);
    const active = loaded.rules.filter(({ enabled }) => enabled);
    const isRead = files.length === named.length;
    if (isRead && active.length === 0 && !loaded.diagnostics.some(({ severity }) => severity === 'error')) {
      const message =
        loaded.rules.length === 0 ? 'There is no rule in these files' : 'No rule of these files is enabled';
      edge.report({ severity: 'warning', code: 'NO_RULES', message: `${message}: nothing passes this operator` }, [
        'files',
      ]);
    }
    // Rules of a file that cannot be read may be meant.
    if (isRead && loaded.ok) warnOfUnmatched(options, loaded, edge);
    yield;
    yield* warnOfIdleRules(active, edge);
    const list = loaded.rules.map(({ name, priority, source, enabled, tags }) => ({
      rule: name,
      priority,
      source,
      enabled,
      tags: tags.join(','),
    }));
    const extra = extraFields(edge);
    const { sources } = edge;
    const reads = (lists: Lists) => readsOf(active, extra, { sources, lists });
    return {
      state: { rules: active, extra, feeds: loaded.feeds, origins, reads },
      reads: yield* reads(asTheyAre),
      notes: {
        files: files.map(({ name }) => name),
        rules: active.length,
        list,
        replaced: loaded.replaced.map(replacedText),
        lists: toldLists(loaded.feeds),
      },
      digest: lists.digest('hex'),
    };
  },
  create(options, ctx) {
    const host = options.hostname ?? hostName();
    const judges = new Map<string, Judge>();
    // Live events cannot wait at their source while code is made. What fails is said when an event needs it.
    const warm = (judge: Judge) => inSlices(judge.warm()).catch(() => {});
    const exchange = ({ lists, exchange: goOver }: Built) =>
      ctx.changeReads(
        () => ctx.state.reads(lists),
        () => {
          goOver();
          for (const judge of judges.values()) {
            judge.forget();
            void warm(judge);
          }
        },
      );
    keepFresh(ctx.state, ctx, exchange);
    return bound((form, source) => {
      const rules = ctx.state.rules.filter((rule) => rule.source === source);
      const extra = ctx.state.extra.get(source) ?? [];
      const judge = new Judge(form as Form, { rules, extra, source, hostname: host, matching: options.matching, ctx });
      judges.set(`${form.name} ${source}`, judge);
      const step = expand((event, emit, hold) => judge.judge(event, emit, hold));
      return { ...step, next: (events, from) => judge.next(events, from), ready: warm(judge) };
    });
  },
});

/** The configuration of the operator. */
export type RulesConfig = z.output<typeof config>;

/** Loads rules files as the operator is configured to. Without `edge` errors in its additions have no place. */
export function loadConfigured(options: RulesConfig, files: readonly RulesFile[]): LoadResult {
  return atOnce(loadInSteps(options, files));
}

/** What each rule that a planned operator judges by reads by itself, of events of its source. */
export function demandsByRule({ state }: Prepared): ReadonlyMap<Rule, Demand> {
  const { rules: active } = state as Loaded;
  const ofOne = (rule: Rule) => atOnce(readsOf([rule], new Map(), { sources: [rule.source], lists: asTheyAre }));
  return new Map(active.map((rule) => [rule, ofOne(rule).get(rule.source) as Demand]));
}

function loadInSteps(
  { priority, select, append_output, buffer_format_base64 }: RulesConfig,
  files: readonly RulesFile[],
  edge?: Pick<Edge, 'placer' | 'provided'>,
  lists: Pick<LoadOptions, 'items' | 'kept'> = { items: readItems },
): Steps<LoadResult> {
  return loadRulesInSteps(files, {
    catalogues: cataloguesOn(edge ?? { provided: [] }),
    minPriority: priority,
    selection: selectionOf(select),
    appendOutput: append_output.map((entry, index) => additionOf(entry, index, edge)),
    base64: buffer_format_base64,
    ...lists,
    held: heldFor,
  });
}

function selectionOf(select: RulesConfig['select']): SelectionEntry[] {
  return select.map((entry) => {
    const [op, { rule, tag }] =
      'enable' in entry ? (['enable', entry.enable] as const) : (['disable', entry.disable] as const);
    return { op, ...(rule === undefined ? {} : { rule }), ...(tag === undefined ? {} : { tag }) };
  });
}

function warnOfUnmatched({ select, append_output }: RulesConfig, loaded: LoadResult, edge: Edge): void {
  const rules = [...loaded.definitions.rules.values()];
  for (const { path, ...warning } of unmatched(rules, selectionOf(select), append_output)) {
    edge.report({ severity: 'warning', code: 'NO_SUCH_RULE', ...warning }, path);
  }
}

function additionOf(entry: z.output<typeof addition>, index: number, edge?: Pick<Edge, 'placer'>): AppendOutput {
  const { match, extra_output, extra_fields, suggested_output } = entry;
  return {
    match,
    extraOutput: extra_output,
    extraFields: extra_fields,
    suggestedOutput: suggested_output,
    place([part, ...rest], span) {
      const path = ['append_output', index, part === 'extraOutput' ? 'extra_output' : 'extra_fields', ...rest];
      return edge?.placer(path)(span);
    },
  };
}

// An operator below may key on any field of the event that raised the alert.
function extraFields(edge: Edge): Map<string, FieldRef[]> {
  const wanted = [...(edge.demand.get('alert')?.fields ?? [])];
  const catalogues = cataloguesOn(edge);
  const own = catalogues.get('alert');
  return new Map(
    edge.sources.map((source) => {
      const catalogue = catalogues.get(source);
      const isOfEvent = (text: string) => text.includes('.') || own?.find(text) === undefined;
      return [source, wanted.filter(isOfEvent).flatMap((text) => catalogue?.find(text) ?? [])];
    }),
  );
}

function* readsOf(
  active: readonly Rule[],
  extra: ReadonlyMap<string, readonly FieldRef[]>,
  { sources, lists }: { readonly sources: readonly string[]; readonly lists: Lists },
): Steps<Demands> {
  const demands = new Map<string, Demand>();
  for (const source of sources) {
    yield;
    const mine = active.filter((rule) => rule.source === source);
    const conditions = mine.map(({ condition }) => condition);
    const refs = [
      ...mine.flatMap(({ condition, output }) => [...condition.reads, ...output.reads]),
      ...(extra.get(source) ?? []),
    ];
    const wanted = demandedTypes(conditions);
    const fields = new Set(refs.map(({ text }) => text));
    // Alerts get their id from it.
    if (catalogues.get(source)?.find(EVENT_ID)) fields.add(EVENT_ID);
    const fieldTypes = fieldTypesOf(mine, extra.get(source) ?? []);
    const demand = { fields, fieldTypes, ...wanted, ...joinHosts([{ hosts: hostsIn(conditions) }]) };
    const { types } = wanted;
    demands.set(
      source,
      types === 'all' ? demand : { ...demand, where: yield* necessaryInSteps(conditions, types, lists) },
    );
  }
  return demands;
}

/** By field: the event types of the rules that read it. */
function fieldTypesOf(rules: readonly Rule[], extra: readonly FieldRef[]): Map<string, ReadonlySet<string>> {
  const ofAny = new Set(extra.map(({ text }) => text));
  const found = new Map<string, Set<string>>();
  for (const { condition, output } of rules) {
    const { eventTypes } = condition;
    for (const { text } of [...condition.reads, ...output.reads]) {
      if (eventTypes === 'all') ofAny.add(text);
      else found.set(text, (found.get(text) ?? new Set()).union(eventTypes));
    }
  }
  for (const text of ofAny) found.delete(text);
  return found;
}

function* necessaryInSteps(
  conditions: Parameters<typeof necessaryByType>[0],
  types: ReadonlySet<string>,
  lists: Lists,
): Steps<Map<string, Necessary>> {
  const where = new Map<string, Necessary>();
  for (const type of types) {
    yield;
    for (const [each, clauses] of necessaryByType(conditions, [type], lists)) where.set(each, clauses);
  }
  return where;
}

/** What rules, macros and lists consist of, as `falco -L` describes them (spec/falco-engine.md §1.11). */

import type { EventTypeSet } from '../check/event-types.ts';
import {
  type ExceptionDefinition,
  isEntryList,
  type ListDefinition,
  type MacroDefinition,
} from '../files/definitions.ts';
import type { LoadResult } from '../files/load.ts';
import type { ParsedMacro } from '../files/resolve-macros.ts';
import type { Rule } from '../files/rule.ts';
import { inOrder } from '../files/substitute-lists.ts';
import type { Expr, Term } from '../syntax/ast.ts';
import { printFalco } from '../syntax/print.ts';

/** The value of `falco_describe_results`. */
export function describeRules(result: LoadResult) {
  const { definitions, rules, parsedMacros } = result;
  return {
    required_engine_version: definitions.requiredEngineVersion ?? '',
    required_plugin_versions: [...definitions.requiredPlugins.keys()].map(([first, ...alternatives]) => ({
      ...first,
      alternatives,
    })),
    rules: rules.map((rule) => describeRule(rule, result)),
    macros: inOrder(definitions.macros.values()).map((macro) =>
      describeMacro(macro, parsedMacros.get(macro.name), result),
    ),
    lists: inOrder(definitions.lists.values()).map((list) => describeList(list, result)),
  };
}

/** One element of `falco_describe_results.rules`. */
export function describeRule(rule: Rule, result: LoadResult) {
  const { definition, condition, output } = rule;
  const parts = partsOf(condition.ast);
  return {
    info: {
      name: rule.name,
      condition: definition.condition.text,
      priority: rule.priority,
      output: definition.output.text,
      description: rule.desc,
      enabled: rule.enabledInFile,
      source: rule.source,
      capture: rule.capture,
      capture_duration: rule.captureDuration,
      tags: rule.tags,
    },
    details: {
      macros: parts.macros,
      lists: listsIn(definition.condition.text, result),
      condition_operators: parts.operators,
      condition_fields: parts.fields,
      output_fields: output.names,
      ...describeExceptions(definition.exceptions),
      events: eventNames(condition.eventTypes, rule.source),
      plugins: [],
      condition_compiled: condition.compiled,
      output_compiled: output.text,
    },
  };
}

function describeMacro({ name, condition }: MacroDefinition, parsed: ParsedMacro | undefined, result: LoadResult) {
  const tree = parsed?.resolved ?? parsed?.ast;
  const parts = tree === undefined ? { macros: [], operators: [], fields: [] } : partsOf(tree);
  return {
    info: { name, condition: condition.text },
    details: {
      used: isUsed('LOAD_UNUSED_MACRO', name, result),
      macros: parts.macros,
      lists: listsIn(condition.text, result),
      condition_operators: parts.operators,
      condition_fields: parts.fields,
      plugins: [],
      condition_compiled: tree === undefined ? '' : printFalco(tree),
    },
  };
}

function describeList({ name, items, feed }: ListDefinition, result: LoadResult) {
  const texts = items.map(({ text }) => text);
  const { lists } = result.definitions;
  return {
    info: { name, items: texts, ...(feed === undefined ? {} : { items_from: feed.from.location }) },
    details: {
      used: isUsed('LOAD_UNUSED_LIST', name, result),
      lists: texts.filter((text) => lists.has(text)),
      items_compiled: texts.flatMap((text) => lists.get(text)?.items.map((item) => item.text) ?? [text]),
      plugins: [],
    },
  };
}

function isUsed(code: string, name: string, { files }: LoadResult): boolean {
  const last = files.at(-1)?.warnings ?? [];
  return !last.some((issue) => issue.code === code && issue.context.lastName === name);
}

/** The names of lists that stand in a condition as words. */
function listsIn(condition: string, { definitions }: LoadResult): readonly string[] {
  const words = new Set(condition.split(/[\s(),=]+/));
  return [...definitions.lists.keys()].filter((name) => words.has(name)).sort();
}

function describeExceptions(exceptions: readonly ExceptionDefinition[]) {
  const flat = (entry: ExceptionDefinition['fields']): readonly string[] => {
    if (entry === undefined) return [];
    return isEntryList(entry) ? entry.flatMap((each) => flat(each)) : [entry.text];
  };
  return {
    exception_names: exceptions.map(({ name }) => name),
    exception_operators: sorted(exceptions.flatMap(({ comps }) => flat(comps))),
    exception_fields: sorted(exceptions.flatMap(({ fields }) => flat(fields))),
  };
}

function eventNames(types: EventTypeSet, source: string): readonly string[] {
  if (types !== 'all') return sorted([...types]);
  return source === 'syscall' ? ['all'] : [];
}

interface Parts {
  /** Macros that the condition itself names. */
  readonly macros: readonly string[];
  /** Operators and fields, those in macros included. */
  readonly operators: readonly string[];
  readonly fields: readonly string[];
}

function partsOf(expr: Expr): Parts {
  const macros = new Set<string>();
  const operators = new Set<string>();
  const fields = new Set<string>();
  const visit = (each: Expr, nested: boolean): void => {
    switch (each.kind) {
      case 'and':
      case 'or':
        for (const item of each.items) visit(item, nested);
        return;
      case 'not':
        visit(each.item, nested);
        return;
      case 'macro':
        if (!nested) macros.add(each.name);
        if (each.macro !== undefined) visit(each.macro.body, true);
        return;
      case 'exists':
        operators.add('exists');
        fieldsOf(each.left, fields);
        return;
      case 'compare':
        operators.add(each.modifier === undefined ? each.operator : `${each.operator} ${each.modifier}`);
        fieldsOf(each.left, fields);
        if (each.right.kind === 'field' || each.right.kind === 'transformer') fieldsOf(each.right, fields);
    }
  };
  visit(expr, false);
  return { macros: sorted([...macros]), operators: sorted([...operators]), fields: sorted([...fields]) };
}

function fieldsOf(term: Term, fields: Set<string>): void {
  if (term.kind === 'field') {
    fields.add(term.arg === undefined ? term.name : `${term.name}[${term.arg}]`);
    return;
  }
  for (const argument of term.args) {
    const items = argument.kind === 'arguments' ? argument.items : [argument];
    for (const item of items) if (item.kind === 'field' || item.kind === 'transformer') fieldsOf(item, fields);
  }
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

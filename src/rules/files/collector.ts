/** Collects the definitions of all files, in order: what is defined anew, appended to, replaced (spec/falco-engine.md §1.3-1.5). */

import { suggest } from '../../core/errors.ts';
import type { Catalogue } from '../../events/field.ts';
import type { ItemsFrom } from '../lists/items-from.ts';
import { ListFeed } from '../lists/list-feed.ts';
import type { ComposedText } from '../source.ts';
import { type Context, failLoad, type IssueCode, type IssueDetails } from '../yaml/issue.ts';
import type { ScalarText } from '../yaml/yaml-item.ts';
import type {
  Definitions,
  ExceptionDefinition,
  ListDefinition,
  MacroDefinition,
  RuleContent,
  RuleDefinition,
  RuleUpdate,
} from './definitions.ts';
import { completeException } from './exceptions.ts';
import { checkPluginNames } from './plugin-requirements.ts';
import { isSameList, isSameMacro, isSameRule, type Replaced } from './replaced.ts';
import { engineVersion, isCompatible, type PluginRequirement, parseVersion } from './versions.ts';

export type Warn = (code: IssueCode, message: string, context: Context, details?: IssueDetails) => void;

export class Collector implements Definitions {
  readonly lists = new Map<string, ListDefinition>();
  readonly macros = new Map<string, MacroDefinition>();
  readonly rules = new Map<string, RuleDefinition>();
  readonly requiredPlugins = new Map<PluginRequirement, Context>();
  /** What was defined anew as something else, without `override`. */
  readonly replaced: Replaced[] = [];
  requiredEngineVersion: string | undefined;
  readonly #catalogues: ReadonlyMap<string, Catalogue>;
  readonly #warn: Warn;
  #counter = 0;

  constructor(catalogues: ReadonlyMap<string, Catalogue>, warn: Warn) {
    this.#catalogues = catalogues;
    this.#warn = warn;
  }

  requireEngine(version: string, context: Context): void {
    const required = parseVersion(version);
    const engine = parseVersion(engineVersion);
    if (required === undefined || engine === undefined || !isCompatible(engine, required)) {
      failLoad(
        'LOAD_ERR_VALIDATE',
        `Rules require engine version ${version}, but engine version is ${engineVersion}`,
        context,
      );
    }
    // Of several the highest is required.
    const before = parseVersion(this.requiredEngineVersion ?? '');
    if (before === undefined || isCompatible(required, before)) this.requiredEngineVersion = version;
  }

  requirePlugin(requirement: PluginRequirement, context: Context): void {
    checkPluginNames(requirement, context);
    this.requiredPlugins.set(requirement, context);
  }

  defineList(name: string, items: readonly ScalarText[], context: Context, from?: ItemsFrom): void {
    const feed = from === undefined ? undefined : new ListFeed(name, from);
    const before = this.lists.get(name);
    const list = { name, items, feed, context, ...this.#position(before) };
    if (before !== undefined && !isSameList(before, list)) this.#note('list', before.context, list);
    this.lists.set(name, list);
  }

  appendList(name: string, items: readonly ScalarText[], context: Context): void {
    const list = known(
      name,
      this.lists,
      context,
      "List uses 'append' or 'override.items: append' but no list by that name already exists",
    );
    this.lists.set(name, { ...list, items: [...list.items, ...items], visibility: this.#counter++ });
  }

  defineMacro(name: string, condition: ComposedText, conditionContext: Context, context: Context): void {
    const before = this.macros.get(name);
    const macro = { name, condition, conditionContext, context, ...this.#position(before) };
    if (before !== undefined && !isSameMacro(before, macro)) this.#note('macro', before.context, macro);
    this.macros.set(name, macro);
  }

  appendMacro(name: string, condition: ComposedText, context: Context): void {
    const macro = known(
      name,
      this.macros,
      context,
      "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
    );
    this.macros.set(name, { ...macro, condition: macro.condition.concat(' ', condition), visibility: this.#counter++ });
  }

  defineRule(name: string, content: RuleContent, context: Context): void {
    const previous = this.rules.get(name);
    this.#sameSource(previous, content.source, context);
    const unknownSource = !this.#catalogues.has(content.source);
    if (unknownSource) this.#warnSource(content.source, context);
    const exceptions = content.exceptions.map((each) => this.#complete(each, content.source));
    const rule = { name, ...content, exceptions, unknownSource, context, ...this.#position(previous) };
    if (previous !== undefined && !isSameRule(previous, rule)) this.#note('rule', previous.context, rule);
    this.rules.set(name, rule);
  }

  /** The rule that is appended to. Throws LoadFailure when there is none. */
  requireRule(name: string, context: Context): RuleDefinition {
    return known(
      name,
      this.rules,
      context,
      "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists",
    );
  }

  /** Appends to a rule; what may be appended to is the caller's business. */
  appendRule(name: string, update: RuleUpdate, context: Context): void {
    const rule = this.requireRule(name, context);
    this.#sameSource(rule, update.source, context);
    this.rules.set(name, {
      ...rule,
      condition: update.condition === undefined ? rule.condition : rule.condition.concat(' ', update.condition),
      output: update.output === undefined ? rule.output : rule.output.concat(' ', update.output),
      desc: update.desc === undefined ? rule.desc : `${rule.desc} ${update.desc}`,
      tags: sortedSet([...rule.tags, ...(update.tags ?? [])]),
      exceptions: this.#appendExceptions(rule, update.exceptions ?? []),
      visibility: this.#counter++,
    });
  }

  replaceRule(name: string, update: RuleUpdate, context: Context): void {
    const rule = known(
      name,
      this.rules,
      context,
      "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists",
    );
    this.#sameSource(rule, update.source, context);
    const exceptions = update.exceptions?.map((each) => this.#complete(each, rule.source)) ?? rule.exceptions;
    // To Falco they stay where they were.
    const { conditionContext, outputContext } = rule;
    const visibility = this.#counter++;
    this.rules.set(name, { ...rule, ...update, exceptions, conditionContext, outputContext, visibility });
  }

  /** Changes a rule in steps: when one of them is refused, none is taken. */
  changeRule(name: string, steps: () => void): void {
    const before = this.rules.get(name);
    try {
      steps();
    } catch (error) {
      if (before !== undefined) this.rules.set(name, before);
      throw error;
    }
  }

  enableRule(name: string, enabled: boolean, context: Context): void {
    const rule = known(name, this.rules, context, "Rule has 'enabled' key but no rule by that name already exists");
    this.rules.set(name, { ...rule, enabled });
  }

  #position(previous: { readonly index: number } | undefined): { index: number; visibility: number } {
    const visibility = this.#counter++;
    return { index: previous?.index ?? visibility, visibility };
  }

  #note(
    kind: Replaced['kind'],
    before: Context,
    { name, context }: { readonly name: string; readonly context: Context },
  ) {
    this.replaced.push({ kind, name, before, by: context });
  }

  #sameSource(previous: RuleDefinition | undefined, source: string | undefined, context: Context): void {
    if (previous === undefined || source === undefined || source === previous.source) return;
    failLoad('LOAD_ERR_VALIDATE', 'Rule has been re-defined with a different source', context, {
      diagnostic: { hint: `It was defined for the source ${previous.source}.` },
    });
  }

  #warnSource(source: string, context: Context): void {
    const meant = suggest(source, this.#catalogues.keys());
    const hint =
      meant === undefined ? `There are ${[...this.#catalogues.keys()].join(', ')}.` : `Did you mean ${meant}?`;
    this.#warn('LOAD_UNKNOWN_SOURCE', `Unknown source ${source}, skipping`, context, { diagnostic: { hint } });
  }

  #complete(exception: ExceptionDefinition, source: string): ExceptionDefinition {
    return completeException(exception, this.#catalogues.get(source));
  }

  #appendExceptions(rule: RuleDefinition, added: readonly ExceptionDefinition[]): readonly ExceptionDefinition[] {
    const exceptions = [...rule.exceptions];
    for (const exception of added) {
      const { name, fields, comps, values, context } = exception;
      const at = exceptions.findIndex((each) => each.name === name);
      const previous = exceptions[at];
      if (previous === undefined) {
        if (fields === undefined) {
          const message = 'Rule exception must have fields property with a list of fields';
          failLoad('LOAD_ERR_VALIDATE', message, context, { diagnostic: noException(rule, name) });
        }
        if (values.length === 0) {
          failLoad('LOAD_ERR_VALIDATE', 'Rule exception must have values property with a list of values', context);
        }
        exceptions.push(this.#complete(exception, rule.source));
        continue;
      }
      for (const [what, part] of [
        ['fields', fields],
        ['comps', comps],
      ] as const) {
        if (part === undefined) continue;
        failLoad('LOAD_ERR_VALIDATE', `Can not append exception ${what} to existing exception, only values`, context);
      }
      exceptions[at] = { ...previous, values: [...previous.values, ...values] };
    }
    return exceptions;
  }
}

/** What has a name; where nothing has it, `absent` is why that is wrong. */
function known<Definition>(
  name: string,
  named: ReadonlyMap<string, Definition>,
  context: Context,
  absent: string,
): Definition {
  const found = named.get(name);
  if (found !== undefined) return found;
  const meant = suggest(name, named.keys());
  const hint = meant === undefined ? 'It is defined before, or in a file before.' : `Did you mean ${meant}?`;
  return failLoad('LOAD_ERR_VALIDATE', absent, context, { diagnostic: { hint } });
}

/** That a rule has no exception to which values could be added, for people. */
function noException(rule: RuleDefinition, name: string): { readonly message: string; readonly hint: string } {
  const names = rule.exceptions.map((each) => each.name);
  const meant = suggest(name, names);
  const others = names.length === 0 ? 'It has none' : `It has ${names.join(', ')}`;
  const hint = meant === undefined ? `${others}; one of its own has fields.` : `Did you mean ${meant}?`;
  return { message: `rule '${rule.name}' has no exception ${name}`, hint };
}

/** Each text once, in order. */
export function sortedSet(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

/** Compiles what the files define (spec/falco-engine.md §1.6): lists, then macros, then rules. */

import type { Catalogue } from '../../events/field.ts';
import type { Condition } from '../condition.ts';
import { makeCondition, refuseEventTypes } from '../condition.ts';
import type { ListFeed } from '../lists/list-feed.ts';
import type { Format } from '../output/format.ts';
import type { ComposedText } from '../source.ts';
import type { Expr } from '../syntax/ast.ts';
import { parseCondition } from '../syntax/parser.ts';
import { Problem } from '../syntax/problem.ts';
import type { Context, Issue, IssueCode } from '../yaml/issue.ts';
import { attempt, LoadFailure, makeIssue } from '../yaml/issue.ts';
import { type CompiledOutput, compileOutput, type OutputOptions, skipUnknown } from './compile-output.ts';
import { type ConditionPlace, conditionIssue, viaMacro, viaRule } from './condition-issue.ts';
import { type ConditionWarning, conditionWarnings, parsedWarnings } from './condition-warnings.ts';
import type { Definitions, ListDefinition, MacroDefinition, RuleDefinition } from './definitions.ts';
import { withExceptions } from './exceptions.ts';
import type { ParsedMacro } from './resolve-macros.ts';
import { MacroResolver, macrosIn, UnresolvedMacro } from './resolve-macros.ts';
import type { Rule } from './rule.ts';
import { strayNames } from './stray-names.ts';
import {
  changedNames,
  inOrder,
  ListNames,
  ResolvedLists,
  resolveLists,
  substituteLists,
  wordsOf,
} from './substitute-lists.ts';
import { Unread } from './unread.ts';
import { type Naming, unusedWarnings } from './unused.ts';

/** A rule without what is decided for all rules together. */
export type CompiledRule = Omit<Rule, 'enabled'>;

export interface Compilation {
  readonly rules: readonly CompiledRule[];
  readonly macros: ReadonlyMap<string, ParsedMacro>;
}

export interface CompileOptions extends OutputOptions {
  readonly catalogues: ReadonlyMap<string, Catalogue>;
}

const MAX_DEPTH = 1000;

/** What was compiled of a macro or rule, for as long as nothing changes that it is made of. */
interface Made<Definition extends Naming['definition'], Result> extends Naming {
  readonly definition: Definition;
  /** The condition before lists are put in place. */
  readonly text: string;
  readonly result: Result;
  readonly warnings: readonly Issue[];
}

/** Compiles definitions as they are now, after each file again: what a file leaves as it was is not compiled anew. */
export class RuleCompiler {
  readonly #definitions: Definitions;
  readonly #options: CompileOptions;
  #warnings: Issue[] = [];
  #errors: Issue[] = [];
  #feedOf: ((name: string) => ListFeed | undefined) | undefined;
  #listDefinitions: ReadonlyMap<string, ListDefinition> = new Map();
  #lists = new ResolvedLists([]);
  #macros = new Map<string, Made<MacroDefinition, ParsedMacro>>();
  #parsedMacros = new Map<string, ParsedMacro>();
  /** What cannot be read or compiled: nothing is said of the macros and rules that name it. */
  readonly #failedMacros = new Set<string>();
  #failedLists = new ListNames();
  readonly #rules = new Map<string, Made<RuleDefinition, CompiledRule | undefined>>();
  readonly #parsed = new WeakMap<ComposedText, Expr>();
  readonly #outputs = new WeakMap<RuleDefinition, CompiledOutput>();
  #resolver = new MacroResolver(new Map());

  constructor(definitions: Definitions, options: CompileOptions) {
    this.#definitions = definitions;
    this.#options = options;
  }

  /**
   * Compiles everything, a macro or rule a step. What is wrong with each is one of the errors; the warnings until the
   * first are in `warnings`. With errors it is not to be used again.
   * @param unread what is not among the definitions because it is wrong
   */
  *compile(errors: Issue[], warnings: Issue[], unread = new Unread()): Generator<void, Compilation> {
    this.#errors = errors;
    for (const name of unread.macros) this.#failedMacros.add(name);
    this.#failedLists = unread.listsAmong(this.#definitions.lists.values());
    this.#warnings = errors.length === 0 ? warnings : [];
    const { lists } = this.#definitions;
    const changedLists = changedNames(this.#listDefinitions, lists);
    // The only ones that conditions name as they are.
    this.#feedOf = [...lists.values()].some(({ feed }) => feed !== undefined)
      ? (name) => lists.get(name)?.feed
      : undefined;
    this.#listDefinitions = new Map(lists);
    this.#lists = resolveLists(lists, this.#lists, changedLists);
    const changedMacros = yield* this.#compileMacros(changedLists);
    const rules: CompiledRule[] = [];
    for (const definition of inOrder(this.#definitions.rules.values())) {
      const old = this.#rules.get(definition.name);
      const made = this.#attempt(() => this.#made(definition, old, changedLists, changedMacros));
      if (made?.result !== undefined) rules.push(made.result);
      if (made !== old) yield;
    }
    const uses = { definitions: this.#definitions, macros: this.#macros, rules: this.#rules, lists: this.#lists };
    if (errors.length === 0) this.#warnings.push(...unusedWarnings(uses));
    return { rules, macros: this.#parsedMacros };
  }

  /** As Falco, which ends with the first error, it tells no warnings after one. */
  #attempt<Result>(act: () => Result): Result | undefined {
    const result = attempt(this.#errors, act);
    if (this.#errors.length > 0) this.#warnings = [];
    return result;
  }

  /** Returns the names of those that are not what they were. */
  *#compileMacros(changedLists: ListNames): Generator<void, ReadonlySet<string>> {
    const before = this.#macros;
    const made = new Map<string, Made<MacroDefinition, ParsedMacro>>();
    const changed = new Set<string>();
    for (const definition of inOrder(this.#definitions.macros.values())) {
      const { name } = definition;
      const old = before.get(name);
      if (old?.definition === definition && !changedLists.areIn(old.text, old.words)) {
        this.#warnings.push(...old.warnings);
        made.set(name, old);
        continue;
      }
      const macro = this.#attempt(() => this.#macro(definition));
      if (macro === undefined || this.#failedLists.areIn(macro.text, macro.words)) this.#failedMacros.add(name);
      if (macro !== undefined) {
        made.set(name, macro);
        changed.add(name);
      }
      yield;
    }
    // What leads to one that has changed is put together again.
    for (let size = made.size; size !== changed.size; ) {
      size = changed.size;
      for (const [name, each] of made) {
        if (changed.has(name) || changed.isDisjointFrom(each.macros)) continue;
        const { definition, text, ast } = each.result;
        made.set(name, { ...each, result: { definition, text, ast } });
        changed.add(name);
      }
    }
    this.#macros = made;
    this.#parsedMacros = new Map();
    for (const [name, { result }] of made) this.#parsedMacros.set(name, result);
    this.#resolver = new MacroResolver(this.#parsedMacros);
    for (const [name, { macros }] of made) {
      const macro = this.#parsedMacros.get(name) as ParsedMacro;
      if (macro.resolved !== undefined) continue;
      const isFit = this.#failedMacros.isDisjointFrom(macros);
      const resolved = isFit ? this.#attempt(() => this.#resolveMacro(macro)) : undefined;
      if (resolved === undefined) this.#failedMacros.add(name);
      else macro.resolved = resolved;
    }
    return changed;
  }

  #resolveMacro({ ast, text, definition }: ParsedMacro): Expr {
    const isVisible = ({ index }: MacroDefinition) => index < definition.visibility;
    return this.#resolve(ast, text, definition.context, isVisible, () => viaMacro(definition));
  }

  #macro(definition: MacroDefinition): Made<MacroDefinition, ParsedMacro> {
    const lists = new Set<string>();
    const { text: own } = definition.condition;
    const words = wordsOf(own);
    const text = substituteLists(definition.condition, words, this.#lists, lists);
    const ast = this.#parse(text, definition.conditionContext, () => viaMacro(definition));
    const result = { definition, text, ast };
    const from = this.#warnings.length;
    this.#warnStrays(ast, words, { text, context: definition.conditionContext, via: () => viaMacro(definition) });
    const warnings = this.#warnings.slice(from);
    return { definition, text: own, words, result, macros: macrosIn(ast), lists, warnings };
  }

  #made(
    definition: RuleDefinition,
    old: Made<RuleDefinition, CompiledRule | undefined> | undefined,
    changedLists: ListNames,
    changedMacros: ReadonlySet<string>,
  ): Made<RuleDefinition, CompiledRule | undefined> {
    const isSame = old?.definition === definition && !changedLists.areIn(old.text, old.words);
    if (isSame && changedMacros.isDisjointFrom(old.macros)) {
      this.#warnings.push(...old.warnings);
      return old;
    }
    const from = this.#warnings.length;
    const lists = new Set(isSame ? old.lists : []);
    const { condition: own, exceptions } = definition;
    const condition = this.#attempt(() => withExceptions(own, exceptions)) ?? own;
    const words = wordsOf(condition.text);
    const kept = isSame ? old.result?.composed : undefined;
    // A rule that is left out is made of its macros too: another one may mend it.
    const macros = new Set<string>();
    const compose = () => kept ?? substituteLists(condition, words, this.#lists, lists);
    const result = this.#rule(definition, compose, words, macros);
    const warnings = this.#warnings.slice(from);
    const made = { definition, text: condition.text, words, result, macros, lists, warnings };
    this.#rules.set(definition.name, made);
    return made;
  }

  #parse(text: ComposedText, context: Context, via: () => string): Expr {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    try {
      const feed = this.#feedOf;
      const ast = parseCondition(text.text, { maxDepth: MAX_DEPTH, ...(feed === undefined ? {} : { feed }) });
      this.#parsed.set(text, ast);
      return ast;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new LoadFailure(this.#issue('error', 'LOAD_ERR_COMPILE_CONDITION', error, { text, context, via }));
    }
  }

  #resolve(
    ast: Expr,
    text: ComposedText,
    context: Context,
    isVisible: (macro: MacroDefinition) => boolean,
    via: () => string,
  ): Expr {
    try {
      return this.#resolver.resolve(ast, isVisible);
    } catch (error) {
      if (!(error instanceof UnresolvedMacro)) throw error;
      const problem = new Problem('compile', error.message, error.ref.span, { hint: error.hint });
      problem.within = error.trail;
      throw new LoadFailure(this.#issue('error', 'LOAD_ERR_VALIDATE', problem, { text, context, via }));
    }
  }

  #rule(
    rule: RuleDefinition,
    compose: () => ComposedText,
    words: readonly string[],
    macros: Set<string>,
  ): CompiledRule | undefined {
    const catalogue = this.#options.catalogues.get(rule.source);
    if (rule.unknownSource || catalogue === undefined) return undefined;
    const before = this.#errors.length;
    const output = this.#attempt(() => this.#output(rule, catalogue));
    const composed = compose();
    if (output === undefined && this.#errors.length === before) {
      // What is right but for its output uses what it names all the same.
      for (const word of wordsOf(rule.condition.text)) if (this.#macros.has(word)) macros.add(word);
      return undefined;
    }
    const condition = this.#condition(rule, composed, words, catalogue, macros);
    if (output === undefined || condition === undefined) return undefined;
    const { place } = rule.context;
    return {
      name: rule.name,
      source: rule.source,
      priority: rule.priority,
      tags: rule.tags,
      enabledInFile: rule.enabled,
      desc: rule.desc,
      condition,
      output,
      capture: rule.capture,
      captureDuration: rule.captureDuration,
      file: place.file,
      line: place.line,
      place,
      composed,
      definition: rule,
    };
  }

  /** Nothing that changes while a definition stays is in its output. */
  #output(rule: RuleDefinition, catalogue: Catalogue): Format | undefined {
    const known = this.#outputs.get(rule) ?? compileOutput(rule, catalogue, this.#options, () => viaRule(rule));
    this.#outputs.set(rule, known);
    this.#warnings.push(...known.warnings);
    return known.format;
  }

  #condition(
    rule: RuleDefinition,
    text: ComposedText,
    words: readonly string[],
    catalogue: Catalogue,
    macros: Set<string>,
  ): Condition | undefined {
    const via = () => viaRule(rule);
    const ast = this.#parse(text, rule.conditionContext, via);
    for (const name of macrosIn(ast)) macros.add(name);
    if (!this.#failedMacros.isDisjointFrom(macros) || this.#failedLists.areIn(text.text, words)) return undefined;
    const resolved = this.#resolve(ast, text, rule.context, () => true, via);
    this.#warnCondition(rule, text, parsedWarnings(rule, resolved));
    try {
      const condition = makeCondition(text.text, resolved, catalogue);
      refuseEventTypes(condition, catalogue);
      this.#warnCondition(rule, text, conditionWarnings(rule, condition, catalogue));
      this.#warnStrays(ast, words, { text, context: rule.conditionContext, via });
      return condition;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const make = (severity: Issue['severity'], code: IssueCode, problem: Problem) =>
        this.#issue(severity, code, problem, { text, context: rule.conditionContext, via });
      this.#warnings.push(skipUnknown(rule, error, 'LOAD_ERR_COMPILE_CONDITION', make));
      return undefined;
    }
  }

  #warnCondition(rule: RuleDefinition, text: ComposedText, warnings: readonly ConditionWarning[]): void {
    for (const { code, problem, message, context, whole } of warnings) {
      this.#warnings.push(
        problem === undefined
          ? makeIssue('warning', code, message, context)
          : this.#issue('warning', code, problem, { text, context, via: () => viaRule(rule), whole }),
      );
    }
  }

  #warnStrays(ast: Expr, words: readonly string[], where: ConditionPlace): void {
    for (const { name, span } of strayNames(ast, where.text, words, () => this.#definitions.lists.keys())) {
      const message = `'${name}' is not the name of a list: it is a text like any other`;
      const hint = `Define the list ${name}, or put the text in quotes.`;
      const problem = new Problem('compile', message, span, { word: name, hint });
      this.#warnings.push(this.#issue('warning', 'LOAD_COMPILE_CONDITION', problem, where));
    }
  }

  #issue(
    severity: Issue['severity'],
    code: IssueCode,
    problem: Problem,
    where: Parameters<typeof conditionIssue>[3],
  ): Issue {
    return conditionIssue(severity, code, problem, where, this.#definitions.lists.keys());
  }
}

/** Loads rules files. */

import { type Node, parseAllDocuments } from 'yaml';
import { type Diagnostic, placeText } from '../../core/errors.ts';
import type { Catalogue } from '../../events/field.ts';
import type { ListFeed } from '../lists/list-feed.ts';
import { type HeldLists, type KeptItems, loadFeed, type ReadItems, readItemsFile } from '../lists/load-feed.ts';
import type { AppendOutput } from '../output/append-output.ts';
import { isAtLeast, type Priority } from '../priority.ts';
import { base64Bytes } from '../values/values.ts';
import { Context, failLoad, type Issue, LoadFailure, makeIssue, type SourceFile } from '../yaml/issue.ts';
import { readPlainYaml } from '../yaml/plain-yaml.ts';
import { yamlMistake } from '../yaml/yaml-mistakes.ts';
import { Collector, type Warn } from './collector.ts';
import { type CompiledRule, RuleCompiler } from './compile-rules.ts';
import type { Definitions, ListDefinition, MacroDefinition } from './definitions.ts';
import { readItems } from './items.ts';
import type { Replaced } from './replaced.ts';
import type { ParsedMacro } from './resolve-macros.ts';
import type { Rule } from './rule.ts';
import { checkSchema, type SchemaResult } from './schema.ts';
import { isSelected, type SelectionEntry } from './selection.ts';
import { Unread } from './unread.ts';
import { builtInPlugins, checkPlugins, type Plugin } from './versions.ts';

export interface RulesFile {
  readonly name: string;
  readonly content: string;
  /** Its absolute path: what it names is looked for beside it. Default: the name. */
  readonly path?: string | undefined;
  /** Why it could not be read. */
  readonly unreadable?: string | undefined;
}

export interface LoadOptions {
  /** By event source. Rules of other sources are left out, with the warning LOAD_UNKNOWN_SOURCE. */
  readonly catalogues: ReadonlyMap<string, Catalogue>;
  /** Rules that are less severe are not enabled. */
  readonly minPriority?: Priority | undefined;
  readonly selection?: readonly SelectionEntry[] | undefined;
  readonly appendOutput?: readonly AppendOutput[] | undefined;
  /** Bytes print in base64, not as text with dots: Falco's `buffer_format_base64`. */
  readonly base64?: boolean | undefined;
  /** Reads what lists come from; default: files, at once. */
  readonly items?: ReadItems | undefined;
  /** The lists of rules that run, of which those go on that cannot be read now; default: none. */
  readonly held?: HeldLists | undefined;
  /** What earlier runs have read of lists, with which those go on that cannot be read now, nor run; default: nothing. */
  readonly kept?: KeptItems | undefined;
  /** What `required_plugin_versions` is held against; default: the plugins whose fields are built in. */
  readonly plugins?: readonly Plugin[] | undefined;
}

/** What became of one file, as Falco tells it: of errors the first. Loading ends with the first file that has one. */
export interface FileResult {
  readonly name: string;
  readonly ok: boolean;
  readonly errors: readonly Issue[];
  readonly warnings: readonly Issue[];
  readonly schema: SchemaResult;
}

export interface LoadResult {
  readonly ok: boolean;
  /** Every rule that could be compiled, in the order of definition. */
  readonly rules: readonly Rule[];
  readonly files: readonly FileResult[];
  readonly lists: readonly ListDefinition[];
  readonly macros: readonly MacroDefinition[];
  /** Errors and warnings with their places in the files, each once. */
  readonly diagnostics: readonly Diagnostic[];
  /** The lists that come from elsewhere and are used. */
  readonly feeds: readonly ListFeed[];
  /** Why the plugin requirements are not met. */
  readonly pluginError?: string | undefined;
  readonly definitions: Definitions;
  /** Definitions that took the place of others of their name without `override`, in order. */
  readonly replaced: readonly Replaced[];
  readonly parsedMacros: ReadonlyMap<string, ParsedMacro>;
}

/** Loads files in order (spec/falco-engine.md §1). Never throws for what is in the files. */
export function loadRules(files: readonly RulesFile[], options: LoadOptions): LoadResult {
  const steps = loadRulesInSteps(files, options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** As `loadRules`, for whoever has other things to do meanwhile. */
export function* loadRulesInSteps(files: readonly RulesFile[], options: LoadOptions): Generator<void, LoadResult> {
  const { catalogues, appendOutput = [], plugins = builtInPlugins } = options;
  const bytes = options.base64 ? base64Bytes : undefined;
  let errors: Issue[] = [];
  const reading: Issue[] = [];
  const warn: Warn = (code, message, context, details) => {
    // Falco ends with the first error.
    if (errors.length === 0) reading.push(makeIssue('warning', code, message, context, details));
  };
  const collector = new Collector(catalogues, warn);
  const compiler = new RuleCompiler(collector, { catalogues, appendOutput, bytes });
  const results: Checked[] = [];
  const diagnostics: Diagnostic[] = [];
  let compiled: readonly CompiledRule[] = [];
  let parsedMacros: ReadonlyMap<string, ParsedMacro> = new Map();
  let compileWarnings: Issue[] = [];
  for (const file of files.map(withoutMark)) {
    errors = [];
    reading.length = 0;
    compileWarnings = [];
    const roots: (Node | null)[] = [];
    yield* untilEnd(file, errors, function* () {
      if (file.unreadable !== undefined) {
        failLoad('LOAD_ERR_FILE_READ', `Cannot read ${file.name}: ${file.unreadable}`, Context.ofFile(file));
      }
      const unread = new Unread();
      for (const root of yield* readDocuments(file)) {
        roots.push(root);
        yield* readItems(root, file, collector, warn, errors, unread);
      }
      if (unread.hidesAll) return;
      // Each file has to be right given the files before it.
      const result = yield* compiler.compile(errors, compileWarnings, unread);
      if (errors.length > 0) return;
      compiled = result.rules;
      parsedMacros = result.macros;
    });
    const ok = errors.length === 0;
    results.push(new Checked(file.name, errors.slice(0, 1), [...reading, ...compileWarnings], roots));
    for (const { diagnostic } of [...eachOnce(errors), ...reading]) diagnostics.push(diagnostic);
    if (!ok) break;
  }
  // Later files can mend what was compiled with a warning: only the last compilation counts.
  for (const { diagnostic } of compileWarnings) diagnostics.push(diagnostic);
  const feeds = [...collector.lists.values()].flatMap(({ feed }) => (feed?.isUsed ? [feed] : []));
  yield* loadFeeds(feeds, options, results, diagnostics);
  const unmet = unmetPlugin(collector, plugins);
  if (unmet !== undefined) diagnostics.push(unmet);
  return {
    ok: unmet === undefined && results.every(({ ok }) => ok),
    rules: compiled.map((rule) => ({ ...rule, enabled: isEnabled(rule, options) })),
    files: results,
    lists: [...collector.lists.values()],
    macros: [...collector.macros.values()],
    diagnostics,
    pluginError: unmet?.message,
    feeds,
    definitions: collector,
    replaced: collector.replaced,
    parsedMacros,
  };
}

/** What is wrong where files ask for a plugin that is not there. */
function unmetPlugin({ requiredPlugins }: Collector, plugins: readonly Plugin[]): Diagnostic | undefined {
  const unmet = checkPlugins([...requiredPlugins.keys()], plugins);
  if (unmet === undefined) return undefined;
  const at = requiredPlugins.get(unmet.unmet)?.placeOf(null);
  const there = plugins.map(({ name, version }) => `${name} ${version}`).join(', ');
  const hint = `Plugins are not loaded here: built in is what corresponds to ${there}.`;
  return { severity: 'error', code: 'LOAD_ERR_VALIDATE', message: unmet.message, ...(at && { at }), hint };
}

/** Loads lists; what is wrong with one is an issue of the file that defines it, unless Falco has ended before. */
function* loadFeeds(
  feeds: readonly ListFeed[],
  { items = readItemsFile, held = () => [], kept = nothingKept }: LoadOptions,
  results: readonly Checked[],
  diagnostics: Diagnostic[],
): Generator<void, void> {
  const isRight = results.every(({ ok }) => ok);
  for (const feed of feeds) {
    const issues = yield* loadFeed(feed, { items, held, kept });
    if (!isRight) {
      for (const { severity, diagnostic } of issues) if (severity === 'error') diagnostics.push(diagnostic);
      continue;
    }
    const result = results.findLast(({ name }) => name === feed.from.context.file.name);
    for (const issue of issues) {
      diagnostics.push(issue.diagnostic);
      (issue.severity === 'error' ? result?.errors : result?.warnings)?.push(issue);
    }
  }
}

/** What is wrong with a macro or list is wrong with each rule that names it. */
function eachOnce(errors: readonly Issue[]): readonly Issue[] {
  const told = new Set<string>();
  return errors.filter(({ diagnostic: { message, at } }) => {
    const key = `${at === undefined ? '' : placeText(at)}: ${message}`;
    return !told.has(key) && told.add(key);
  });
}

function* nothingKept(): Generator<void, undefined> {}

class Checked implements FileResult {
  readonly name: string;
  readonly errors: Issue[];
  readonly warnings: Issue[];
  readonly #roots: readonly (Node | null)[];
  #schema: SchemaResult | undefined;

  constructor(name: string, errors: readonly Issue[], warnings: Issue[], roots: readonly (Node | null)[]) {
    this.name = name;
    this.errors = [...errors];
    this.warnings = warnings;
    this.#roots = roots;
  }

  get ok(): boolean {
    return this.errors.length === 0;
  }

  /** Few ask: checked then. */
  get schema(): SchemaResult {
    return (this.#schema ??= mergeSchemas(this.#roots.map(checkSchema)));
  }
}

/** Some editors begin a file with a byte order mark. */
function withoutMark(file: RulesFile): RulesFile {
  return file.content.startsWith('\ufeff') ? { ...file, content: file.content.slice(1) } : file;
}

function isEnabled(rule: CompiledRule, { minPriority = 'Debug', selection = [] }: LoadOptions): boolean {
  return isAtLeast(rule.priority, minPriority) && isSelected({ ...rule, enabled: rule.enabledInFile }, selection);
}

/** Takes steps of loading, as far as they lead; what ends them is one of the errors. */
function* untilEnd(file: SourceFile, errors: Issue[], steps: () => Generator<void, void>): Generator<void, void> {
  try {
    yield* steps();
  } catch (error) {
    if (error instanceof LoadFailure) errors.push(error.issue);
    // Nesting without end exhausts the stack of whoever reads it.
    else if (error instanceof RangeError)
      errors.push(makeIssue('error', 'LOAD_ERR_YAML_PARSE', 'the file nests too deeply', Context.ofFile(file)));
    else throw error;
  }
}

/** What each document of a file holds. */
function* readDocuments(file: SourceFile): Generator<void, readonly (Node | null)[]> {
  const items = yield* readPlainYaml(file.content);
  if (items !== undefined) return [items];
  const documents = parseAllDocuments(file.content, {
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  for (const document of documents) {
    const [error] = document.errors;
    if (error === undefined) continue;
    const { message, range, hint } = yamlMistake(file.content, document, error);
    const place = Context.ofFile(file).child('value for', '', { range: [...range, range[1]] });
    failLoad('LOAD_ERR_YAML_PARSE', message, place, hint === undefined ? {} : { diagnostic: { hint } });
  }
  return [...documents].map(({ contents }) => contents as Node | null);
}

function mergeSchemas(schemas: readonly SchemaResult[]): SchemaResult {
  const results = schemas.filter(({ valid }) => valid !== null);
  if (results.length === 0) return { valid: null, warnings: [] };
  return { valid: results.every(({ valid }) => valid === true), warnings: results.flatMap(({ warnings }) => warnings) };
}

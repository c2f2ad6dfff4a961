/** Rules as the verbs that look at them take them: from rules files, from a pipeline, or those that come with the program. */

import { dirname, join, relative, resolve } from 'node:path';
import { exitCode, exitFor, messageOf, type SourceText, suggest, UserError } from '../../core/errors.ts';
import { readText } from '../../core/files/read-once.ts';
import { yamlFilesOf } from '../../core/files/yaml-folder.ts';
import { packageRoot } from '../../core/package.ts';
import { catalogues } from '../../events/catalogue.ts';
import { loadConfigured, type RulesConfig } from '../../operators/rules/index.ts';
import { readItems, type Unread, withFetchedItems } from '../../operators/rules/lists/fetched-items.ts';
import { loadPlan, loadRegistry } from '../../pipeline/plan/load.ts';
import type { Plan, PlannedOperator, PlannedSource } from '../../pipeline/plan/planned.ts';
import { type LoadResult, loadRules, type Rule, type RulesFile } from '../../rules/index.ts';
import { complain } from '../fail.ts';

/** A source that feeds rules. */
export interface Feed {
  readonly id: string;
  /** Whether it ever fills a field of an event source, and emits an event type. */
  fills(source: string, field: string): boolean;
  emitsType(source: string, type: string): boolean;
}

/** The rules of some files, or of one operator of a pipeline. */
export interface LoadedRules {
  /** The operator's id. */
  readonly operator?: string;
  readonly result: LoadResult;
  readonly texts: readonly SourceText[];
  readonly feeds: readonly Feed[];
  /** Loads them again with one more file after theirs. */
  with(file: RulesFile): Promise<LoadResult>;
}

/** Whether a text is a rules file: a list of items. What is neither that nor a pipeline counts as a pipeline. */
export function isRulesText(text: string): boolean {
  const first = text.split('\n').find((line) => !/^(?:\uFEFF)?(?:\s*(?:#.*)?|---.*|%.*)$/.test(line)) ?? '';
  return /^\s*(?:- |-\s*$|\[)/.test(first) || /^(?:rule|macro|list|required_\w+_versions?)\s*:/m.test(text);
}

/** Whether a text is all blanks and comments: as Falco ships its file for local rules. It is rules among rules. */
export function isBlankText(text: string): boolean {
  return text.split('\n').every((line) => /^\uFEFF?\s*(?:#.*)?$/.test(line));
}

/**
 * Reads the rules files that a path names.
 * @throws UserError (exit 78) for a folder without any: nothing would be checked, and all be well
 */
export function readRulesFiles(path: string): RulesFile[] {
  const files = yamlFilesOf(path);
  if (files.length > 0) return files.map(readRulesFile);
  throw new UserError(`There are no rules files (*.yaml, *.yml) in ${path}`, { exit: exitCode.config });
}

/** Reads a rules file. What cannot be read becomes an error of the file when it is loaded. */
export function readRulesFile(name: string): RulesFile {
  try {
    return { name, content: readText(name) };
  } catch (error) {
    return { name, content: '', unreadable: messageOf(error) };
  }
}

/** The files that the rules of an operator were read from, those of folders among them. */
export function filesOf({ notes }: PlannedOperator): readonly string[] {
  return (notes.files as readonly string[] | undefined) ?? [];
}

/**
 * What paths name: rules files, or one pipeline, never both; none: the rules that come with the program.
 * @throws UserError (exit 2) for both, or several pipelines
 */
export function namedBy(
  paths: readonly string[],
): { readonly files: readonly RulesFile[] } | { readonly pipeline: string } {
  const files = (paths.length > 0 ? paths : [shipped()]).flatMap(readRulesFiles);
  const areRules = files.map(
    ({ content, unreadable }) => unreadable !== undefined || isBlankText(content) || isRulesText(content),
  );
  if (areRules.every((isRules) => isRules)) return { files };
  const [pipeline, ...more] = paths;
  if (pipeline === undefined || more.length > 0) {
    throw new UserError('Name rules files, or one pipeline', { exit: exitCode.usage });
  }
  return { pipeline };
}

/** Loads rules: of a pipeline or of rules files; see `namedBy`. */
export async function loadFrom(paths: readonly string[]): Promise<readonly LoadedRules[]> {
  const named = namedBy(paths);
  if ('files' in named) return [await loadFiles(named.files)];
  const { plan } = await loadPlan(named.pipeline, [], new Map(), { fetches: false });
  const operators = plan.operators.filter(({ type }) => type === 'rules');
  return looking(() => operators.map((operator) => loadOperator(plan, operator, named.pipeline)));
}

/** The path of the rules that come with the program, as short as it can be written. */
function shipped(): string {
  const path = join(packageRoot, 'rules/host.yaml');
  const near = relative('', path);
  return near.startsWith('..') ? path : near;
}

/** Loads rules for somebody who looks at them: without a list from the web that cannot be had now, which is said. */
async function looking<T>(load: () => T): Promise<T> {
  const unread: Unread = new Map();
  const loaded = await withFetchedItems(load, undefined, unread);
  sayUnread(unread);
  return loaded;
}

/** Says which lists are taken for empty. */
export function sayUnread(unread: Unread): void {
  for (const [location, why] of unread) complain(`a list is shown without its items: ${location}: ${why}`);
}

async function loadFiles(files: readonly RulesFile[]): Promise<LoadedRules> {
  const load = (all: readonly RulesFile[]) => loadRules(all, { catalogues, items: readItems });
  const result = await looking(() => load(files));
  const texts = files.map(({ name, content }) => ({ name, text: content }));
  refuse(result, texts);
  // Without a pipeline the question is what this program can see by itself.
  const kernel = (await loadRegistry()).sources.get('ebpf');
  const feeds =
    kernel === undefined
      ? []
      : [
          {
            id: 'ebpf',
            ...answersOf({ definition: kernel, emits: kernel.emits({}), config: kernel.config.parse({}) }),
          },
        ];
  return { result, texts, feeds, with: (file) => withFetchedItems(() => load([...files, file])) };
}

function loadOperator(plan: Plan, operator: PlannedOperator, pipeline: string): LoadedRules {
  const { texts } = plan;
  const config = operator.config as RulesConfig;
  const contentOf = (name: string) => texts.find((text) => text.name === name)?.text ?? '';
  const files = filesOf(operator).map((name) => ({
    name,
    content: contentOf(name),
    path: resolve(dirname(pipeline), name),
  }));
  const result = loadConfigured(config, files);
  refuse(result, texts);
  const feeds = originsOf(plan, operator).map((source) => ({ id: source.id, ...answersOf(source) }));
  const withFile = (file: RulesFile) => withFetchedItems(() => loadConfigured(config, [...files, file]));
  return { operator: operator.id, result, texts, feeds, with: withFile };
}

function answersOf({
  definition,
  emits,
  config,
}: Pick<PlannedSource, 'definition' | 'emits' | 'config'>): Omit<Feed, 'id'> {
  return {
    fills: (source, field) => emits.includes(source) && definition.fills(source, field, config),
    emitsType: (source, type) => emits.includes(source) && definition.emitsType(source, type, config) !== false,
  };
}

/** The sources whose events can reach an operator. */
function originsOf(plan: Plan, { from }: Pick<PlannedOperator, 'from'>): Plan['sources'] {
  const found = from.flatMap((id) => {
    const source = plan.sources.find((each) => each.id === id);
    const operator = plan.operators.find((each) => each.id === id);
    return source !== undefined ? [source] : operator !== undefined ? originsOf(plan, operator) : [];
  });
  return [...new Set(found)];
}

function refuse({ ok, diagnostics }: LoadResult, texts: readonly SourceText[]): void {
  if (!ok) throw rulesError(diagnostics, texts);
}

/** What is wrong with rules files: exit status 78, or 75 where all may pass by itself. */
export function rulesError(diagnostics: LoadResult['diagnostics'], texts: readonly SourceText[]): UserError {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const what = errors.length === 1 ? 'an error' : `${errors.length} errors`;
  // Of a list from elsewhere the place is in that.
  const named = texts.length === 1 ? texts : texts.filter(({ name }) => errors.every(({ at }) => at?.file === name));
  const message = named[0] === undefined ? `The rules have ${what}` : `${named[0].name} has ${what}`;
  return new UserError(message, { exit: exitFor(diagnostics), diagnostics, texts });
}

/** Finds a rule by its name. @throws UserError (exit 2) that names the nearest one */
export function findRule(
  name: string,
  loads: readonly LoadedRules[],
): { readonly rule: Rule; readonly load: LoadedRules } {
  for (const load of loads) {
    const rule = load.result.rules.find((each) => each.name === name);
    if (rule !== undefined) return { rule, load };
  }
  throw new UserError(noSuchRule(name, loads), { exit: exitCode.usage });
}

/** That there is no rule of a name, and which is the nearest. */
export function noSuchRule(name: string, loads: readonly LoadedRules[]): string {
  const names = loads.flatMap(({ result }) => result.rules.map((each) => each.name));
  const folded = names.find((each) => each.toLowerCase() === name.toLowerCase());
  const meant = folded ?? suggest(name, names) ?? names.find((each) => each.toLowerCase().includes(name.toLowerCase()));
  const others = names.length === 1 ? 'is 1 other' : `are ${names.length} others`;
  const hint = meant === undefined ? `there ${others}; 'rules list' names them` : `did you mean "${meant}"?`;
  return `There is no rule "${name}"; ${hint}`;
}

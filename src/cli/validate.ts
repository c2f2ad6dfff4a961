/** `falco-pipe validate`: everything that is wrong or doubtful about pipelines and rules, without running them. */

import { dirname, join, resolve } from 'node:path';
import { counted } from '../core/counted.ts';
import { type Diagnostic, exitCode, exitFor, UserError } from '../core/errors.ts';
import { packageRoot } from '../core/package.ts';
import { catalogues } from '../events/catalogue.ts';
import { readItems, withFetchedItems } from '../operators/rules/lists/fetched-items.ts';
import { listText, type ToldList, toldLists } from '../operators/rules/lists/lists.ts';
import { loadPlan } from '../pipeline/plan/load.ts';
import { filesOfTls } from '../pipeline/plan/needs.ts';
import { falcoLoadResults, loadRules, type RulesFile, replacedText } from '../rules/index.ts';
import { complain, fail, warn } from './fail.ts';
import { isBlankText, isRulesText, readRulesFiles, rulesError } from './rules/rules-files.ts';
import { say } from './say.ts';

export interface ValidateOptions {
  readonly output: string;
  readonly set?: readonly string[];
}

/**
 * Prints `FILE: ok` for each file, and how many items lists from elsewhere have, or what is wrong; exit status 0, 78, or 75 when all that is wrong may pass by itself.
 * Warnings do not fail. Pipelines are checked one by one; rules files, told apart by their form, are loaded together in
 * their order.
 */
export async function validate(paths: readonly string[], options: ValidateOptions): Promise<void> {
  const files: RulesFile[] = [];
  for (const path of paths) await attempt(() => void files.push(...readRulesFiles(path === '-' ? STDIN : path)));
  // What cannot be read, and what is empty, is whatever the others are. Comments alone are Falco's file for local rules.
  const found = files.filter(({ unreadable }) => unreadable === undefined);
  const areNotes =
    found.some(({ content }) => content.includes('#')) && found.every(({ content }) => isBlankText(content));
  const mostlyRules = areNotes || found.some(({ content }) => isRulesText(content));
  const isRules = ({ content, unreadable }: RulesFile) =>
    unreadable === undefined && !isBlankText(content) ? isRulesText(content) : mostlyRules;
  const rules = files.filter(isRules);
  const pipelines = files.filter((file) => !isRules(file));
  if (pipelines.length === 0 && options.set !== undefined) {
    throw new UserError('--set changes pipelines, and none is given', { exit: exitCode.usage });
  }
  for (const file of pipelines) await attempt(() => validatePipeline(file, options));
  if (rules.length > 0) await attempt(() => validateRules(rules, options));
}

/** What `-` stands for. */
const STDIN = '/dev/stdin';

function isTests(path: string, content: string): boolean {
  return /\.test\.ya?ml$/.test(path) || /^tests\s*:/m.test(content);
}

function verbFor(path: string): string {
  const isOfGenerate = dirname(resolve(path)) === join(packageRoot, 'actions');
  return isOfGenerate ? "what 'falco-pipe generate' does, no pipeline" : `tests, no pipeline: falco-pipe test ${path}`;
}

/** One bad file does not hide what is wrong with the next. */
async function attempt(check: () => void | Promise<void>): Promise<void> {
  const before = process.exitCode;
  try {
    await check();
  } catch (error) {
    fail(error);
  }
  const after = process.exitCode;
  const passes = before === exitCode.temporary && after !== exitCode.ok;
  if (before !== undefined && before !== exitCode.ok && !passes) process.exitCode = before;
}

async function validatePipeline(
  { name: path, content, unreadable }: RulesFile,
  options: ValidateOptions,
): Promise<void> {
  const json = options.output === 'json';
  try {
    if (unreadable === undefined && isBlankText(content)) {
      const message = `${path} has nothing in it: it is neither a pipeline nor a rules file`;
      throw new UserError(message, { exit: exitCode.config });
    }
    if (isTests(path, content)) {
      throw new UserError(`${path} has ${verbFor(path)}`, { exit: exitCode.config });
    }
    const { plan, document } = await loadPlan(path, options.set);
    // It may be meant for another machine.
    const files = filesOfTls(plan, document, (each) => resolve(document.folder, each), 'warning');
    const warnings = [...plan.warnings, ...files];
    const { sources, operators, sinks } = plan;
    const noted = <T>(key: string) => operators.flatMap(({ notes }) => (notes[key] as readonly T[] | undefined) ?? []);
    const lists = noted<ToldList>('lists');
    if (json) return print({ pipeline: path, ok: true, digest: `sha256:${plan.digest}`, diagnostics: warnings, lists });
    warn(warnings, plan.texts);
    for (const note of noted<string>('replaced')) complain(note);
    const parts = [
      counted(sources.length, 'source'),
      counted(operators.length, 'operator'),
      counted(sinks.length, 'sink'),
    ].join(', ');
    const closed = plan.closed.length > 0 ? `; not opened: ${plan.closed.join(', ')}` : '';
    say(`${path}: ok${warned(warnings)} (${parts}, sha256:${plan.digest})${closed}\n${listLines(lists)}`);
  } catch (error) {
    if (!json || !(error instanceof UserError)) throw error;
    const fallback: Diagnostic = { severity: 'error', code: 'CONFIG', message: error.message };
    const { diagnostics } = error;
    print({ pipeline: path, ok: false, diagnostics: diagnostics.length > 0 ? diagnostics : [fallback] });
    const own: number[] = [exitCode.usage, exitCode.temporary];
    process.exitCode = own.includes(error.exit) ? error.exit : exitCode.config;
  }
}

async function validateRules(files: readonly RulesFile[], { output }: ValidateOptions): Promise<void> {
  const result = await withFetchedItems(() => loadRules(files, { catalogues, items: readItems }));
  const { ok, diagnostics, rules, macros, lists, replaced } = result;
  const told = toldLists(result.feeds);
  if (output === 'json') {
    // Falco's places in conditions are not those of the file; the diagnostics' are.
    print({ falco_load_results: falcoLoadResults(result), diagnostics, ...(ok && { lists: told }) });
    if (!ok) process.exitCode = exitFor(diagnostics);
    return;
  }
  const texts = files.map(({ name, content }) => ({ name, text: content }));
  if (!ok) throw rulesError(diagnostics, texts);
  warn(diagnostics, texts);
  for (const each of replaced) complain(replacedText(each));
  const parts = [counted(rules.length, 'rule'), counted(macros.length, 'macro'), counted(lists.length, 'list')].join(
    ', ',
  );
  const names = files.map(({ name }) => name).join(', ');
  say(`${names}: ok${warned(diagnostics)} (${parts})\n${listLines(told)}`);
}

/** How many items the lists have that come from elsewhere. */
function listLines(lists: readonly ToldList[]): string {
  return lists.map((each) => `  ${listText(each)}\n`).join('');
}

function warned(warnings: readonly Diagnostic[]): string {
  return warnings.length > 0 ? `, ${counted(warnings.length, 'warning')}` : '';
}

function print(value: unknown): void {
  say(`${JSON.stringify(value)}\n`);
}

/** Runs files of tests: all are checked first, then each kind runs its own. */

import { type Diagnostic, exitCode, type SourceText, UserError } from '../core/errors.ts';
import { testKinds } from './kinds.ts';
import type { Reporter, Summary } from './report.ts';
import { findTestFiles, type KnownFile } from './test-files.ts';
import type { Suite, TestContext, TestResult } from './test-kind.ts';

export interface TestOptions extends Omit<TestContext, 'report'> {
  /** The rules files that a file of tests is about. */
  readonly rulesOf: (path: string) => readonly string[];
  readonly reporter: Reporter;
}

/**
 * Runs all tests of some paths and tells how many ended how.
 * @throws UserError (exit 2) when a file cannot be read or has errors: then nothing has run
 */
export async function runTests(paths: readonly string[], options: TestOptions): Promise<Summary> {
  const { rulesOf, ...rest } = options;
  return runLoaded(await loadTests(paths, rulesOf), rest);
}

/** A file of tests that can run. */
export interface LoadedFile extends KnownFile {
  readonly suite: Suite;
}

/** Runs tests that are loaded, and tells how many ended how. */
export async function runLoaded(files: readonly LoadedFile[], options: Omit<TestOptions, 'rulesOf'>): Promise<Summary> {
  const { reporter, ...context } = options;
  const results: TestResult[] = [];
  reporter.begin(files.reduce((sum, { suite }) => sum + suite.count, 0));
  const report = (result: TestResult) => {
    results.push(result);
    reporter.result(result);
  };
  try {
    for (const [kind, own] of Map.groupBy(files, (file) => file.kind)) {
      const suites = own.map(({ suite }) => suite);
      await kind.run(suites, { ...context, report });
    }
  } catch (error) {
    // What has run is told; where nothing could, the error says all there is to say.
    if (results.length > 0) reporter.end(inOrder(results, files), summaryOf(results));
    throw error;
  }
  reporter.end(inOrder(results, files), summaryOf(results));
  return summaryOf(results);
}

const byName = new Intl.Collator('en', { numeric: true });

/** As they stand in the files, in whatever order they ended. */
function inOrder(results: readonly TestResult[], files: readonly KnownFile[]): readonly TestResult[] {
  const places = new Map(files.map(({ file }, index) => [file.path, index]));
  const placeOf = ({ file }: TestResult) => places.get(file) ?? files.length;
  return results.toSorted((a, b) => placeOf(a) - placeOf(b) || a.line - b.line || byName.compare(a.name, b.name));
}

function summaryOf(results: readonly TestResult[]): Summary {
  const count = (status: TestResult['status']) => results.filter((result) => result.status === status).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/**
 * Finds and checks the tests of some paths. What is wrong in any file is said at once.
 * @throws UserError (exit 2)
 */
export async function loadTests(
  paths: readonly string[],
  rulesOf: TestOptions['rulesOf'],
): Promise<readonly LoadedFile[]> {
  const loaded: LoadedFile[] = [];
  const diagnostics: Diagnostic[] = [];
  const texts: SourceText[] = [];
  for (const known of findTestFiles(paths, testKinds, rulesOf)) {
    try {
      loaded.push({ ...known, suite: await known.kind.load(known.file) });
    } catch (error) {
      if (!(error instanceof UserError) || error.diagnostics.length === 0) throw error;
      diagnostics.push(...error.diagnostics);
      texts.push(...error.texts);
    }
  }
  if (diagnostics.length === 0) return loaded;
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  const message = `The tests have ${count === 1 ? 'an error' : `${count} errors`}: nothing was run`;
  throw new UserError(message, { exit: exitCode.usage, diagnostics, texts });
}

/** Runs files of tests: all are checked first, then each kind runs its own. */

import { type Diagnostic, exitCode, type SourceText, UserError } from '../core/errors.ts';
import { testKinds } from './kinds.ts';
import type { Reporter } from './report.ts';
import { findTestFiles, type KnownFile } from './test-files.ts';
import type { Suite, TestContext, TestKind, TestResult } from './test-kind.ts';

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
  const { rulesOf, reporter, ...context } = options;
  const files = findTestFiles(paths, testKinds, rulesOf);
  const suites = await check(files);
  const results: TestResult[] = [];
  reporter.begin([...suites.values()].flat().reduce((sum, { count }) => sum + count, 0));
  const report = (result: TestResult) => {
    results.push(result);
    reporter.result(result);
  };
  try {
    for (const [kind, own] of suites) await kind.run(own, { ...context, report });
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

/** How many tests ended how. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

function summaryOf(results: readonly TestResult[]): Summary {
  const count = (status: TestResult['status']) => results.filter((result) => result.status === status).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** What is wrong in any file is said at once. */
async function check(files: readonly KnownFile[]): Promise<ReadonlyMap<TestKind, readonly Suite[]>> {
  const suites = new Map<TestKind, Suite[]>();
  const diagnostics: Diagnostic[] = [];
  const texts: SourceText[] = [];
  for (const { file, kind } of files) {
    try {
      suites.set(kind, [...(suites.get(kind) ?? []), await kind.load(file)]);
    } catch (error) {
      if (!(error instanceof UserError) || error.diagnostics.length === 0) throw error;
      diagnostics.push(...error.diagnostics);
      texts.push(...error.texts);
    }
  }
  if (diagnostics.length === 0) return suites;
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  const message = `The tests have ${count === 1 ? 'an error' : `${count} errors`}: nothing was run`;
  throw new UserError(message, { exit: exitCode.usage, diagnostics, texts });
}

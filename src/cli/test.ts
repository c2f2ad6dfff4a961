/** `falco-pipe test`: runs files of tests; the exit status says how they ended. */

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { exitCode, messageOf, UserError } from '../core/errors.ts';
import { makeReporter, type ReportForm, type Told } from '../testing/report.ts';
import { Coverage } from '../testing/rule-coverage/coverage.ts';
import { coveragePage } from '../testing/rule-coverage/page.ts';
import { coverageData, coverageLine, gapLines } from '../testing/rule-coverage/told.ts';
import { runTests } from '../testing/run-tests.ts';
import { watchTests } from '../testing/watch-tests.ts';
import { complain, failure } from './fail.ts';
import { isRulesText, readRulesFile } from './rules/rules-files.ts';
import { say } from './say.ts';

export interface TestVerbOptions {
  readonly output: string;
  readonly rules?: readonly string[];
  readonly parallel?: string;
  readonly engine?: string;
  readonly watch?: boolean;
  readonly coverage?: boolean;
  readonly coverageHtml?: string;
}

/** Sets exit status 0 when all tests passed, 1 when one failed; throws (exit 2) when files cannot be used. */
export async function test(paths: readonly string[], options: TestVerbOptions): Promise<void> {
  const parallel = parallelOf(options.parallel);
  const form = options.output as ReportForm;
  const coverage = options.coverage || options.coverageHtml !== undefined ? new Coverage() : undefined;
  if (options.watch && (coverage || form !== 'text'))
    throw new UserError('--watch prints text, and no coverage: it runs only what a change touches', {
      exit: exitCode.usage,
    });
  const stop = new AbortController();
  const interrupt = () => stop.abort(new UserError('interrupted', { exit: exitCode.failure }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const context = {
    parallel,
    engine: options.engine,
    signal: stop.signal,
    coverage,
    rulesOf: (path: string) => options.rules ?? rulesBeside(path),
  };
  const reporter = () =>
    makeReporter(form, { out: { write: say }, err: process.stderr }, coverage && told(coverage, options));
  try {
    if (options.watch) {
      await watchTests(paths, { ...context, reporter, again, wrong });
      return;
    }
    const { failed } = await runTests(paths, { ...context, reporter: reporter() });
    if (coverage && options.coverageHtml !== undefined) writePage(options.coverageHtml, coverage);
    process.exitCode = failed === 0 && !stop.signal.aborted ? exitCode.ok : exitCode.failure;
  } catch (error) {
    // Wrong files are a wrong use of this verb, whoever found the mistake.
    if (error instanceof UserError && error.exit === exitCode.config)
      throw new UserError(error.message, { ...error, exit: exitCode.usage, cause: error });
    throw error;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

/** Where a page has all the gaps the sum is enough. */
function told(coverage: Coverage, { coverageHtml }: TestVerbOptions): Told {
  return {
    lines: () => [...(coverageHtml === undefined ? gapLines(coverage) : []), coverageLine(coverage)],
    data: () => ({ ...coverageData(coverage), gaps: gapLines(coverage) }),
  };
}

function wrong(error: unknown): void {
  complain(failure(error));
}

function again(count: number, of: number): void {
  say(`\nchanged: ${count} of ${of} tests run again\n`);
}

function writePage(path: string, coverage: Coverage): void {
  try {
    writeFileSync(path, coveragePage(coverage));
  } catch (error) {
    throw new UserError(`Cannot write the coverage to ${path}: ${messageOf(error)}`, { exit: exitCode.usage });
  }
}

/** Of NAME.test.yaml the rules are NAME.yaml; of other files all rules files in their folder. */
function rulesBeside(path: string): readonly string[] {
  const own = path.replace(/\.test(\.ya?ml)$/, '$1');
  if (own !== path && existsSync(own)) return [own];
  const folder = dirname(path);
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name) && name !== basename(path))
    .sort()
    .map((name) => join(folder, name))
    .filter((file) => isRulesText(readRulesFile(file).content));
}

function parallelOf(text: string | undefined): number {
  if (text === undefined) return 2 * availableParallelism();
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new UserError(`--parallel needs a number from 1 to 9999, not "${text}"`, { exit: exitCode.usage });
  return Number(text);
}

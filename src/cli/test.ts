/** `falco-pipe test`: runs files of tests; the exit status says how they ended. */

import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { exitCode, UserError } from '../core/errors.ts';
import { makeReporter, type ReportForm } from '../testing/report.ts';
import { runTests } from '../testing/run-tests.ts';
import { isRulesText, readRulesFile } from './rules-files.ts';

export interface TestVerbOptions {
  readonly output: string;
  readonly rules?: readonly string[];
  readonly parallel?: string;
  readonly engine?: string;
}

/** Sets exit status 0 when all tests passed, 1 when one failed; throws (exit 2) when files cannot be used. */
export async function test(paths: readonly string[], options: TestVerbOptions): Promise<void> {
  const parallel = parallelOf(options.parallel);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new UserError('interrupted', { exit: exitCode.failure }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    const { failed } = await runTests(paths, {
      parallel,
      engine: options.engine,
      signal: stop.signal,
      rulesOf: (path) => options.rules ?? rulesBeside(path),
      reporter: makeReporter(options.output as ReportForm, { out: process.stdout, err: process.stderr }),
    });
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

/** Runs files of tests in this process. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import type { Coverage } from '../../src/testing/rule-coverage/coverage.ts';
import { runTests } from '../../src/testing/run-tests.ts';
import type { TestResult } from '../../src/testing/test-kind.ts';
import { scratch } from '../scratch.ts';

/** Files of one test, in a folder of their own. */
export class Files {
  readonly folder = scratch();

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The results of a file of tests with these rules, or what is said to be wrong: places and messages. */
  async run(name: string, rules: readonly string[], coverage?: Coverage): Promise<readonly TestResult[] | string[]> {
    const results: TestResult[] = [];
    try {
      await runTests([this.path(name)], {
        parallel: 1,
        engine: undefined,
        signal: new AbortController().signal,
        coverage,
        rulesOf: () => rules.map((each) => this.path(each)),
        reporter: { begin() {}, result: (result) => results.push(result), end() {} },
      });
      return results;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { diagnostics, message } = error;
      if (diagnostics.length === 0) return [message];
      return diagnostics.map((each) => renderDiagnostic(each).replaceAll(`${this.folder}/`, '').replace('\n  ', ' '));
    }
  }

  /** Why the one test failed, without the folder; nothing when it passed. */
  async because(name: string, rules: readonly string[]): Promise<readonly string[]> {
    const [only, ...others] = await this.run(name, rules);
    if (only === undefined || others.length > 0 || typeof only === 'string')
      throw new Error(`not one test: ${[only, ...others].join('\n')}`);
    return only.because.map((line) => line.replaceAll(`${this.folder}/`, ''));
  }
}

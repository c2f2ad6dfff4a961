/** What is wrong with a file of tests: collected, so that all of it is said at once. */

import type { z } from 'zod';
import { type Diagnostic, exitCode, UserError } from '../core/errors.ts';
import type { Path } from '../pipeline/plan/document.ts';
import { explain } from '../pipeline/plan/explain.ts';
import type { TestFile } from './test-kind.ts';

/** What is wrong with a part of a test; the path leads there from the test. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** It is the key that is wrong. */
  readonly at?: 'key';
}

export class Problems {
  readonly #file: TestFile;
  readonly #diagnostics: Diagnostic[] = [];

  constructor(file: TestFile) {
    this.#file = file;
  }

  /** Reports what is wrong below `base`. */
  add(base: Path, { path, message, hint, at: what }: Problem): void {
    const at = this.#file.document.place([...base, ...path], what);
    this.#diagnostics.push({ severity: 'error', code: 'TEST_VALUE', message, at, ...(hint ? { hint } : {}) });
  }

  /** The whole file as it is shaped. @throws UserError when it is not */
  parse<Shape extends z.ZodType>(shape: Shape): z.output<Shape> {
    const { document, value } = this.#file;
    const result = shape.safeParse(value);
    if (result.success) return result.data;
    this.#diagnostics.push(...explain(result.error.issues, { shape, base: [], document }));
    this.stop();
    throw new Error('a shape that does not fit has issues');
  }

  /** @throws UserError (exit 2) when something is wrong */
  stop(): void {
    const { length } = this.#diagnostics;
    if (length === 0) return;
    throw new UserError(`${this.#file.path} has ${length === 1 ? 'an error' : `${length} errors`}`, {
      exit: exitCode.usage,
      diagnostics: this.#diagnostics,
      texts: this.#file.document.texts,
    });
  }
}

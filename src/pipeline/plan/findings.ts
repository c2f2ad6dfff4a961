/** What is found wrong with a pipeline while it is planned, at its places in the file. */

import type { Diagnostic, Place, SourceText } from '../../core/errors.ts';
import { configError, type Path, type PipelineDocument } from './document.ts';

export class Findings {
  /** In the order in which they were found; warnings too. */
  readonly all: Diagnostic[] = [];
  readonly #document: PipelineDocument;

  constructor(document: PipelineDocument) {
    this.#document = document;
  }

  get hasErrors(): boolean {
    return this.all.some(({ severity }) => severity === 'error');
  }

  /** Where something stands in the file. */
  place(path: Path, what: 'key' | 'value' = 'value'): Place {
    return this.#document.place(path, what);
  }

  error(code: string, message: string, path: Path, hint?: string, what: 'key' | 'value' = 'value'): void {
    const at = this.place(path, what);
    this.all.push({ severity: 'error', code, message, at, ...(hint ? { hint } : {}) });
  }

  /** @param texts what the places are in @throws UserError with all of them, when one is an error */
  stopAtErrors(texts: readonly SourceText[]): void {
    if (!this.hasErrors) return;
    throw configError(this.#document.name, this.all, texts);
  }
}

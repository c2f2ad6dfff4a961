/** Errors in the texts of the rule language, before it is known which file and line a text came from. */

import { type Diagnostic, exitCode, renderDiagnostic, UserError } from '../../core/errors.ts';
import type { Span } from '../language.ts';
import type { MacroRef } from './ast.ts';

export interface ProblemOptions {
  /** Falco's wording, where ours says it better. */
  readonly falco?: string;
  readonly hint?: string | undefined;
  /** A value without quotes that is none: it may be the name of a list. */
  readonly word?: string;
  /** What of the text Falco points at, where we point at something narrower. */
  readonly falcoStart?: number;
  /** Names that Falco takes for missing rather than wrong: `skip-if-unknown-filter` forgives them. */
  readonly unknownName?: boolean;
}

/** What is wrong with a condition or format. `span` refers to the innermost text: that of the last macro in `within`. */
export class Problem extends Error {
  readonly stage: 'parse' | 'compile';
  readonly span: Span;
  readonly options: ProblemOptions;
  /** The macros that lead to the place, outermost first. */
  within: readonly MacroRef[] = [];
  /** What else is wrong with it, each by itself. */
  others: readonly Problem[] = [];

  constructor(stage: 'parse' | 'compile', message: string, span: Span, options: ProblemOptions = {}) {
    super(message);
    this.name = 'Problem';
    this.stage = stage;
    this.span = span;
    this.options = options;
  }

  /** The message in Falco's words. */
  get falco(): string {
    return this.options.falco ?? this.message;
  }
}

/** A condition or format that cannot be used. The diagnostics say what, where, and what to do. */
export class RuleError extends UserError {
  /** Falco's words for the first problem, and which stage found it. */
  readonly falco: string;
  readonly stage: 'parse' | 'compile';

  constructor(problem: Problem, diagnostics: readonly Diagnostic[]) {
    const message = diagnostics.map((each) => renderDiagnostic(each)).join('\n');
    super(message, { exit: exitCode.config, diagnostics, cause: problem });
    this.name = 'RuleError';
    this.falco = problem.falco;
    this.stage = problem.stage;
  }
}

/** What the parts of the checker, a file each, ask of it. */

import type { Span } from '../language.ts';
import type { Term } from '../syntax/ast.ts';
import type { ProblemOptions } from '../syntax/problem.ts';
import type { TypedTerm } from './typed-ast.ts';

export interface Checking {
  /** Checks a field or transformer. Throws a Problem. */
  term(term: Term): TypedTerm;
  /** Whether a term means something to the event source. */
  isValid(term: Term): boolean;
  /** Throws a Problem. */
  fail(message: string, span: Span, options?: ProblemOptions): never;
}

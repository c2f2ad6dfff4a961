/** What is wrong with the secrets and files of one source is no matter of the others. */

import { SourceError, UserError } from '../../core/errors.ts';

/** The error with which a source ends alone, where it was one that would end the run; else the same. */
export function ownError(error: unknown): unknown {
  if (!(error instanceof UserError) || error instanceof SourceError) return error;
  return new SourceError(error.message, { exit: error.exit, cause: error });
}

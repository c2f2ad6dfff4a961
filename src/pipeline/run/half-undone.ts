/** A reload that was refused, and could not be undone whole at once. */

import { messageOf, UserError } from '../../core/errors.ts';
import type { LiveSource } from './live-source.ts';

/** After it sources that were closed for the reload are not open yet: they are tried on. */
export class HalfUndone extends UserError {
  override readonly name = 'HalfUndone';

  /** @param sources each with why it cannot be opened */
  constructor(error: unknown, sources: readonly string[]) {
    const message = `${messageOf(error)}\nClosed for the reload, and not open again yet: ${sources.join('; ')}`;
    super(message, { ...(error instanceof UserError ? error : {}), cause: error });
  }
}

/** Why a reload was refused, with those of the sources that it had closed that are not well now. */
export function withUnwell(error: unknown, again: readonly Pick<LiveSource, 'id' | 'problem'>[]): unknown {
  const unwell = again.flatMap(({ id, problem }) => (problem === undefined ? [] : [`${id}: ${problem}`]));
  return unwell.length === 0 ? error : new HalfUndone(error, unwell);
}

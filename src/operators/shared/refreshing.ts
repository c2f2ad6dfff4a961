/** What an operator has read from elsewhere is read again while it works. */

import type { OperatorContext } from '../../core/component.ts';
import { Stopping } from '../../core/errors.ts';

/**
 * Calls `refresh` every so many ms, for the first time after `first`, one after the other, until the operator stops. What fails is told to `failed`; the next
 * one comes all the same.
 */
export async function refreshing(
  every: number,
  { sleep, signal }: Pick<OperatorContext, 'sleep' | 'signal'>,
  refresh: () => Promise<void>,
  failed: (error: unknown) => void,
  first = every,
): Promise<void> {
  for (let pause = first; ; pause = every) {
    try {
      await sleep(pause);
    } catch {
      return;
    }
    try {
      await refresh();
    } catch (error) {
      if (signal.aborted || error instanceof Stopping) return;
      failed(error);
    }
  }
}

/** The mark of a run in the state file, which only an orderly end takes away: so the next start knows of a kill. */

import type { Store } from './store.ts';

/** No position is called so: in their names there is a blank. */
const KEY = 'run';

interface Mark {
  /** ms since the epoch. */
  readonly began: number;
}

/** Marks that a run has begun, now. Returns when the last one had, if that did not end in order. */
export function markBegin(store: Pick<Store, 'get' | 'set'>, began: number): number | undefined {
  const before = store.get(KEY) as Mark | null | undefined;
  store.set(KEY, { began } satisfies Mark);
  return before?.began;
}

/** Marks that it has ended in order: from then on nothing is lost by a kill. */
export function markEnd(store: Pick<Store, 'set'>): void {
  store.set(KEY, null);
}

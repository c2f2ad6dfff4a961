/** What sources give while something is exchanged: what is wanted before and what is wanted after. */

import { setImmediate as breathe } from 'node:timers/promises';
import type { Demands } from '../../core/component.ts';
import type { LiveSource } from './live-source.ts';

/** What is wanted of a source that runs on. */
export interface DemandChange {
  readonly source: LiveSource;
  readonly before: Demands;
  readonly after: Demands;
}

/**
 * Sources are asked for what is wanted after `exchange` as well, before it is called; and then for no more than that. When
 * one cannot give it, or `exchange` throws, all is as before. Each source has a turn of the event loop: the drain waits for
 * no two.
 */
export async function overlapping(changes: readonly DemandChange[], exchange: () => void): Promise<void> {
  const widened: DemandChange[] = [];
  try {
    for (const change of changes) {
      // One that throws may have gone half of the way.
      widened.push(change);
      change.source.widen(change.after);
      await breathe();
    }
    exchange();
  } catch (error) {
    for (const { source, before } of widened) source.narrow(before);
    throw error;
  }
  for (const { source, after } of changes) {
    await breathe();
    source.narrow(after);
  }
}

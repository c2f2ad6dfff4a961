/**
 * What came not long ago: the same record may be in two log files, or also come by EventBridge; and what is no event comes
 * again with its file.
 */

import type { CloudEvent } from '../../events/cloud/event.ts';

/** How many are remembered, at least; twice as many at most. */
const MANY = 16_384;

export class Recent {
  #young = new Set<string>();
  #old = new Set<string>();

  /** The events that are new. Those without an id always are. */
  fresh(events: readonly CloudEvent[]): CloudEvent[] {
    return events.filter(({ id }) => id === undefined || this.isNew(id));
  }

  /** Whether it comes for the first time. From now on it is known. */
  isNew(id: string): boolean {
    if (this.#young.has(id) || this.#old.has(id)) return false;
    this.#young.add(id);
    if (this.#young.size >= MANY) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    return true;
  }

  /** They were not delivered: when they come again they are new. */
  forget(events: readonly CloudEvent[]): void {
    for (const { id } of events) {
      if (id === undefined) continue;
      this.#young.delete(id);
      this.#old.delete(id);
    }
  }
}

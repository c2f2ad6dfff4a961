/** Ids of records that came not long ago: the same record may be in two log files, or also come by EventBridge. */

import type { CloudEvent } from '../../events/cloud/event.ts';

/** How many are remembered, at least. */
const MANY = 16_384;

export class Recent {
  #young = new Set<string>();
  #old = new Set<string>();

  /** The events that are new. Those without an id always are. */
  fresh(events: readonly CloudEvent[]): CloudEvent[] {
    return events.filter(({ id }) => {
      if (id === undefined) return true;
      if (this.#young.has(id) || this.#old.has(id)) return false;
      this.#young.add(id);
      if (this.#young.size >= MANY) {
        this.#old = this.#young;
        this.#young = new Set();
      }
      return true;
    });
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

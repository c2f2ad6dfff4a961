/**
 * What came not long ago: the same record may be in two log files, or also come by EventBridge; and what is no event comes
 * again with its file.
 */

import type { CloudEvent } from '../../events/cloud/event.ts';
import { TextKey, TextSet } from './text-set.ts';

/** How many are remembered, at least; twice as many at most. */
const MANY = 16_384;

export class Recent {
  #young = new TextSet(MANY);
  #old = new TextSet(MANY);
  readonly #key = new TextKey();

  /** Whether it comes for the first time. From now on it is known. */
  isNew(id: string): boolean {
    this.#load(id);
    return this.#isNew();
  }

  /** As `isNew`, of an id that is part of other bytes, in UTF-8. */
  isNewIn(bytes: DataView, from: number, to: number): boolean {
    if (this.#key.load(bytes, from, to)) return this.#isNew();
    // What is no UTF-8 is known by what became of it.
    return this.isNew(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', from, to));
  }

  /** They were not delivered: when they come again they are new. */
  forget(events: readonly CloudEvent[]): void {
    for (const { id } of events) {
      if (id === undefined) continue;
      this.#load(id);
      this.#young.delete(this.#key);
      this.#old.delete(this.#key);
    }
  }

  #isNew(): boolean {
    if (this.#young.has(this.#key) || this.#old.has(this.#key)) return false;
    this.#young.add(this.#key);
    if (this.#young.size === MANY) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    return true;
  }

  #load(id: string): void {
    const bytes = Buffer.from(id);
    this.#key.load(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }
}

/** The state of an operator on disk, and the acks of what has become part of it. */

import { type Ack, liveAck } from '../core/ack.ts';

/** A snapshot is taken at most this many ms after something was absorbed. */
const EVERY = 1000;

export class Snapshots {
  readonly #save: () => void;
  #absorbed: Ack[] = [];
  #changed = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param save notes the state as it is now */
  constructor(save: () => void) {
    this.#save = save;
  }

  absorb(ack: Ack): void {
    this.#changed = true;
    // Nobody waits for that one: an operator may give it for each of a million events.
    if (ack !== liveAck) this.#absorbed.push(ack);
    this.#timer ??= setTimeout(() => this.take(), EVERY);
  }

  /** Notes the state; and in the same turn, so in the same transaction, sources note that they are past what it holds. */
  take(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#changed) return;
    const absorbed = this.#absorbed;
    this.#changed = false;
    this.#absorbed = [];
    this.#save();
    for (const ack of absorbed) ack.settle('absorbed');
  }
}

/** The state of an operator on disk, and the acks of what has become part of it. */

import { type Ack, liveAck } from '../../core/flow/ack.ts';

/** A snapshot is taken at most this many ms after something was absorbed. */
const EVERY = 1000;

export class Snapshots {
  readonly #save: () => void;
  readonly #failed: (error: unknown) => void;
  #handedOver = false;
  #absorbed: Ack[] = [];
  #changed = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param save notes the state as it is now
   * @param failed told why that could not be done
   */
  constructor(save: () => void, failed: (error: unknown) => void) {
    this.#save = save;
    this.#failed = failed;
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
    try {
      if (!this.#handedOver) this.#save();
      for (const ack of absorbed) ack.settle('absorbed');
    } catch (error) {
      // What cannot be saved now cannot be saved later: it lasts as long as the run.
      this.#failed(error);
      for (const ack of absorbed) ack.settle('dropped', 'operator_error');
    }
  }

  /** Notes the state for the last time: another has it from here on, and notes what becomes of it. */
  handOver(): void {
    this.#changed = true;
    this.take();
    this.#handedOver = true;
  }
}

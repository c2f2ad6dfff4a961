/** Time that passes only when a test says so: RxJS's, by which all components go (core/clock.ts). */

import { setImmediate as breathe } from 'node:timers/promises';
import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';

/** Turns of the event loop in which what is under way arrives. */
const TURNS = 4;

export class VirtualTime {
  readonly #scheduler = new VirtualTimeScheduler();
  readonly #now = asyncScheduler.now;

  /** From here on it is `start` (ms since the epoch), until `restore`. Only one can be at a time. */
  constructor(start: number) {
    this.#scheduler.frame = start;
    asyncScheduler.now = () => this.#scheduler.frame;
    asyncScheduler.schedule = (work, delay, state) => this.#scheduler.schedule(work, delay, state);
  }

  /** Lets time pass up to `end`; after each moment at which something was due, what follows from it arrives. */
  async until(end: number): Promise<void> {
    await this.settle();
    for (let due = this.#due; due !== undefined && due <= end; due = this.#due) {
      this.#scheduler.maxFrames = due;
      this.#scheduler.flush();
      await this.settle();
    }
    this.#scheduler.frame = end;
  }

  /** Lets arrive what is under way, in no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await breathe();
  }

  restore(): void {
    asyncScheduler.now = this.#now;
    // The method of its class is behind it.
    delete (asyncScheduler as { schedule?: unknown }).schedule;
  }

  get #due(): number | undefined {
    return this.#scheduler.actions[0]?.delay;
  }
}

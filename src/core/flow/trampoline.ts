/** Nested work waits: what a delivery causes is delivered after it, in order, never inside it. */

export class Trampoline {
  readonly #waiting: (() => void)[] = [];
  #busy = false;

  /** Runs `work` now, or, when called from inside other work, right after that. `work` must not throw. */
  run(work: () => void): void {
    if (this.#busy) {
      this.#waiting.push(work);
      return;
    }
    this.#busy = true;
    try {
      work();
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next();
    } finally {
      this.#busy = false;
    }
  }
}

/** Back-pressure: how many events of a replayable source may be under way unsettled. */

/** Grants events to a source in the order it asks, and takes them back as they settle. */
export class Credit {
  readonly limit: number;
  #used = 0;
  readonly #waiting: { count: number; grant: () => void }[] = [];

  /** @param limit events that may be unsettled; at least 1 */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Events granted and not yet returned. */
  get used(): number {
    return this.#used;
  }

  /**
   * Resolves when `count` more events may be emitted; a request above the limit waits until nothing else is under way.
   * Rejects with the signal's reason when it is aborted first.
   */
  take(count: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.length === 0 && this.#fits(count)) {
      this.#used += count;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const request = { count, grant: () => done(resolve) };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(request), 1);
        done(() => reject(signal?.reason));
        this.#grant();
      };
      const done = (then: () => void) => {
        signal?.removeEventListener('abort', abort);
        then();
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(request);
    });
  }

  /** Returns the credit of `count` settled events. */
  release(count: number): void {
    this.#used = Math.max(0, this.#used - count);
    this.#grant();
  }

  #fits(count: number): boolean {
    return this.#used === 0 || this.#used + count <= this.limit;
  }

  #grant(): void {
    for (let first = this.#waiting[0]; first && this.#fits(first.count); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += first.count;
      first.grant();
    }
  }
}

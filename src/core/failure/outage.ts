/** A failure that goes on: when it is said, and how long it was. An outage of a night must not fill the log. */

/** The same failure is said again after so many ms, unless it is said otherwise. */
const AGAIN = 300_000;

export class Outage {
  readonly #again: number;
  #since: number | undefined;
  #said: { readonly message: string; readonly at: number } | undefined;

  constructor(again = AGAIN) {
    this.#again = again;
  }

  /** Notes a failure; true when it is to be said: at first, when it is another one, and once in a while. */
  failed(message: string): boolean {
    // A clock that is set must not put off what is said, nor make an outage longer than it was.
    const time = performance.now();
    this.#since ??= time;
    if (this.#said?.message === message && time - this.#said.at < this.#again) return false;
    this.#said = { message, at: time };
    return true;
  }

  /** Whether it has failed, and is not over. */
  get lasts(): boolean {
    return this.#since !== undefined;
  }

  /** Notes that it is over; returns how many seconds it was, rounded up, or undefined when nothing had failed. */
  over(): number | undefined {
    if (this.#since === undefined) return undefined;
    const seconds = Math.ceil((performance.now() - this.#since) / 1000);
    this.#since = this.#said = undefined;
    return seconds;
  }
}

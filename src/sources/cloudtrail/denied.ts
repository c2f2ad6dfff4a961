/** Prefixes of a bucket that we were denied to list: which they are, and when each is tried again. */

import { backoff } from '../../core/failure/retry.ts';

/** With such pauses, in ms: others mend it, in minutes or weeks. */
const AGAIN = { initial: 60_000, max: 3_600_000 };

interface Refusal {
  readonly message: string;
  readonly tries: number;
  /** When it is tried again, ms since the epoch. */
  readonly due: number;
}

export class Denied {
  readonly #prefixes = new Map<string, Refusal>();

  get prefixes(): readonly string[] {
    return [...this.#prefixes.keys()];
  }

  /** Whether a prefix is to be listed at `now` (ms since the epoch). */
  isDue(prefix: string, now: number): boolean {
    return (this.#prefixes.get(prefix)?.due ?? now) <= now;
  }

  /** It was denied at `now`. Whether that is new. */
  refuse(prefix: string, message: string, now: number): boolean {
    const tries = (this.#prefixes.get(prefix)?.tries ?? 0) + 1;
    this.#prefixes.set(prefix, { message, tries, due: now + backoff(AGAIN, tries) });
    return tries === 1;
  }

  /** It was listed. Whether it was denied before. */
  allow(prefix: string): boolean {
    return this.#prefixes.delete(prefix);
  }

  /** How many there are, with one of them and why; undefined when there are none. */
  get problem(): string | undefined {
    const [first] = this.#prefixes.values();
    return first && `prefixes that cannot be listed: ${this.#prefixes.size}, such as ${first.message}`;
  }
}

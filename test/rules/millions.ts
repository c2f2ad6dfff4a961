/**
 * Tries texts by the million: random numbers that cost a few ns, no tree of choices behind each text. What is found is
 * made small by leaving parts of it out, and each text can be made again from the seed of the run and its number.
 */

import { setImmediate as turn } from 'node:timers/promises';

/** Numbers at random (xorshift32, Marsaglia 2003): the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Seeds that follow each other begin far apart; zero would stay zero.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) || 1;
    for (let round = 0; round < 3; round++) this.below(1);
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** As many as the result of `count`, at most. */
  several<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

/** How a text is made, and what has to be so of it: `check` throws when it is not. */
export interface Tried {
  text(random: Random): string;
  check(text: string, random: Random): void;
}

/** Inputs between two turns of the event loop: whoever runs the test hears that it lives. */
const BETWEEN_TURNS = 20_000;

/** Tries `runs` texts; `FALCO_PIPE_SEED` makes the texts of another run again. Throws with the smallest that fails. */
export async function tryTexts(name: string, runs: number, { text, check }: Tried): Promise<void> {
  const seed = Number(process.env.FALCO_PIPE_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const failure = (of: string, number: number): unknown => {
    try {
      check(of, new Random(seed ^ ~number));
      return undefined;
    } catch (error) {
      return error ?? new Error('nothing was thrown');
    }
  };
  let slowest = { ms: 0, text: '' };
  let before = cpuMs();
  for (let number = 0; number < runs; number++) {
    const tried = text(new Random(seed + number));
    const error = failure(tried, number);
    if (error !== undefined) {
      const small = shortened(tried, (each) => failure(each, number) !== undefined);
      const cause = failure(small, number) ?? error;
      const problem = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
      throw new Error(
        `${name}: text ${number} of seed ${seed} (FALCO_PIPE_SEED=${seed}) fails: ${JSON.stringify(small)}; ` +
          `as it was made: ${JSON.stringify(tried)}: ${problem}`,
        { cause },
      );
    }
    const now = cpuMs();
    if (now - before > slowest.ms) slowest = { ms: now - before, text: tried };
    before = now;
    if (number % BETWEEN_TURNS === BETWEEN_TURNS - 1) {
      await turn();
      before = cpuMs();
    }
  }
  if (runs < 100_000) return;
  // A stall would show here before it is one that never ends.
  const shown = JSON.stringify(slowest.text.slice(0, 200));
  process.stdout.write(
    `${name}: ${runs} texts of seed ${seed}; the slowest took ${slowest.ms.toFixed(0)} ms: ${shown}\n`,
  );
}

/** What this thread has worked, in ms: a busy machine is no stall. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The text without whatever can be left out so that it still fails. */
export function shortened(text: string, fails: (text: string) => boolean): string {
  let short = text;
  for (let size = text.length; size >= 1; size >>= 1) {
    for (let at = 0; at < short.length; ) {
      const less = short.slice(0, at) + short.slice(at + size);
      if (fails(less)) short = less;
      else at += size;
    }
  }
  return short;
}

/** Values of the key that must come: each is waited for, then missed, until it comes. */

/** By value, since when it is waited for: ms since the epoch. */
type Since = readonly [value: string, since: number];

export class Expected {
  readonly #all: ReadonlySet<string>;
  readonly #within: number;
  // Both in the order in which the waiting began.
  readonly #awaited = new Map<string, number>();
  readonly #missed = new Map<string, number>();

  /** @param within after so many ms one that is waited for is missed */
  constructor(values: Iterable<string>, within: number) {
    this.#all = new Set(values);
    this.#within = within;
  }

  /**
   * Begins to wait, at `time`, for all that nobody has heard of; those of `missed` were missed before, those of `awaited` are
   * waited for already.
   */
  start(
    time: number,
    isHeard: (value: string) => boolean,
    missed: readonly Since[] = [],
    awaited: readonly Since[] = [],
  ): void {
    for (const [value, since] of missed) if (this.#all.has(value)) this.#missed.set(value, since);
    for (const [value, since] of awaited) if (this.#all.has(value)) this.#awaited.set(value, since);
    for (const value of this.#all) {
      if (!isHeard(value) && !this.#missed.has(value) && !this.#awaited.has(value)) this.#awaited.set(value, time);
    }
  }

  /** It came. Returns since when it was waited for, when it was missed. */
  came(value: string): number | undefined {
    const since = this.#missed.get(value);
    this.#awaited.delete(value);
    this.#missed.delete(value);
    return since;
  }

  /** It is not remembered any more that it came, which it did last at `last`; `reported`: that it fell silent was said. */
  forgotten(value: string, last: number, reported: boolean, time: number): void {
    if (!this.#all.has(value)) return;
    if (reported) this.#missed.set(value, last);
    else this.#awaited.set(value, time);
  }

  /** When the next one is missed, in ms since the epoch. */
  get due(): number {
    const [first] = this.#awaited.values();
    return first === undefined ? Number.POSITIVE_INFINITY : first + this.#within;
  }

  /** Those that are missed from now on. */
  late(time: number): readonly Since[] {
    const late: Since[] = [];
    for (const [value, since] of this.#awaited) {
      if (time - since < this.#within) break;
      this.#awaited.delete(value);
      this.#missed.set(value, since);
      late.push([value, since]);
    }
    return late;
  }

  /** Those that are missed: what `start` takes. */
  get missed(): readonly Since[] {
    return [...this.#missed];
  }

  /** Those that are waited for and not missed yet: what `start` takes. */
  get awaited(): readonly Since[] {
    return [...this.#awaited];
  }
}

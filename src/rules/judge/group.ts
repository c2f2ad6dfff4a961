/** Up to `MOST_CONDITIONS` conditions judged by one matcher, which is made when it is first asked. */

import type { Event } from '../../events/field.ts';
import type { Matcher } from './generate.ts';
import type { Lowered, Nodes } from './nodes.ts';
import { sieve } from './sieve.ts';

/** A matcher of their own is worth its making for conditions that have been asked for so often together. */
const OFTEN = 1000;

export class Group<E extends Event> {
  readonly #conditions: readonly Lowered<E>[];
  readonly #nodes: Nodes<E>;
  readonly #all: number;
  #match: Matcher<E> | undefined;
  /** The conditions that are asked for most often, of late, and how much more often than others. */
  #usual: number;
  #lead = 0;
  #matchUsual: Matcher<E> | undefined;

  constructor(conditions: readonly Lowered<E>[], nodes: Nodes<E>) {
    this.#conditions = conditions;
    this.#nodes = nodes;
    this.#all = 2 ** conditions.length - 1;
    this.#usual = this.#all;
    nodes.ahead.push(() => {
      this.#match ??= this.#make(this.#conditions);
    });
  }

  /** Those of `asked` that hold for an event. */
  among(event: E, asked: number): number {
    if (asked === this.#usual && this.#matchUsual !== undefined) return this.#matchUsual(event, asked);
    if (this.#matchUsual === undefined && asked !== this.#all) this.#watch(asked);
    return (this.#match ??= this.#make(this.#conditions))(event, asked);
  }

  #watch(asked: number): void {
    if (asked !== this.#usual) {
      if (--this.#lead >= 0) return;
      this.#usual = asked;
      this.#lead = 0;
    } else if (++this.#lead > OFTEN) {
      this.#matchUsual = this.#make(this.#conditions.map((each, n) => (asked & (1 << n)) !== 0 && each));
    }
  }

  #make(conditions: readonly Lowered<E>[]): Matcher<E> {
    const isAlways = conditions.every((condition) => condition === true);
    return isAlways ? (_, among) => among : sieve(conditions, this.#nodes);
  }
}

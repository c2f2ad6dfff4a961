/** Conditions in groups of one matcher each, made when the group is first judged. */

import type { Event } from '../events/field.ts';
import type { Matcher } from './generate.ts';
import { MOST_CONDITIONS } from './generate.ts';
import type { Lowered, Nodes } from './nodes.ts';
import { sieve } from './sieve.ts';
import type { Some } from './some.ts';

const NONE: Some = [];

interface Group<E extends Event> {
  readonly all: number;
  readonly conditions: readonly Lowered<E>[];
  match: Matcher<E> | undefined;
}

export class Groups<E extends Event> {
  readonly #groups: readonly Group<E>[];
  readonly #nodes: Nodes<E>;

  constructor(conditions: readonly Lowered<E>[], nodes: Nodes<E>) {
    const groups: Group<E>[] = [];
    for (let first = 0; first < conditions.length; first += MOST_CONDITIONS) {
      const own = conditions.slice(first, first + MOST_CONDITIONS);
      groups.push({ all: 2 ** own.length - 1, conditions: own, match: undefined });
    }
    this.#groups = groups;
    this.#nodes = nodes;
  }

  /** The conditions that hold for an event. */
  of(event: E): Some {
    let some: number[] | undefined;
    for (let number = 0; number < this.#groups.length; number++) {
      const group = this.#groups[number] as Group<E>;
      const bits = (group.match ?? this.#make(group))(event, group.all);
      if (bits !== 0) (some ??= []).push(number, bits);
    }
    return some ?? NONE;
  }

  /** Those of `among` that hold for an event. */
  among(event: E, among: Some): Some {
    let some: number[] | undefined;
    for (let at = 0; at < among.length; at += 2) {
      const group = this.#groups[among[at] as number] as Group<E>;
      const bits = (group.match ?? this.#make(group))(event, among[at + 1] as number);
      if (bits !== 0) (some ??= []).push(among[at] as number, bits);
    }
    return some ?? NONE;
  }

  #make(group: Group<E>): Matcher<E> {
    const isAlways = group.conditions.every((condition) => condition === true);
    group.match = isAlways ? (_, among) => among : sieve(group.conditions, this.#nodes);
    return group.match;
  }
}

/** Conditions in groups of one matcher each. */

import type { Event } from '../../events/field.ts';
import { MOST_CONDITIONS } from './generate.ts';
import { Group } from './group.ts';
import type { Lowered, Nodes } from './nodes.ts';
import { NONE, type Some } from './some.ts';

/** Neighbours together, as many as one group takes. */
export function inGroups<T>(all: readonly T[]): readonly (readonly T[])[] {
  const groups: (readonly T[])[] = [];
  for (let first = 0; first < all.length; first += MOST_CONDITIONS) {
    groups.push(all.slice(first, first + MOST_CONDITIONS));
  }
  return groups;
}

export class Groups<E extends Event> {
  readonly #groups: readonly Group<E>[];

  constructor(conditions: readonly Lowered<E>[], nodes: Nodes<E>) {
    this.#groups = inGroups(conditions).map((own) => new Group(own, nodes));
  }

  /** Those of `among` that hold for an event. */
  among(event: E, among: Some): Some {
    let some: number[] | undefined;
    for (let at = 0; at < among.length; at += 2) {
      const number = among[at] as number;
      const bits = (this.#groups[number] as Group<E>).among(event, among[at + 1] as number);
      if (bits !== 0) (some ??= []).push(number, bits);
    }
    return some ?? NONE;
  }
}

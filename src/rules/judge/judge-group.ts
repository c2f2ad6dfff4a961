/** Up to `MOST_CONDITIONS` conditions judged in steps, each of which leaves fewer of them to ask about. */

import type { Event, Facet, Prefilter } from '../../events/field.ts';
import { type Covers, necessary, remainder } from './bounds.ts';
import { Group } from './group.ts';
import type { CheckNode, Node, Nodes } from './nodes.ts';
import { Verdicts } from './verdicts.ts';

/** A part of events that recurs, and the checks that can be made of it alone. */
export interface Part<E extends Event> {
  readonly facet: Facet<E>;
  readonly covers: Covers<E>;
}

/** Bit n is set of the result when condition n holds, or may hold. */
export type Bits<E extends Event> = (event: E) => number;

/** What is known of a part: which conditions were judged, and which of them it leaves possible. */
class Known<E extends Event> {
  readonly #group: Group<E>;
  #judged = 0;
  #possible = 0;

  constructor(group: Group<E>) {
    this.#group = group;
  }

  /** Those of `asked` that the part of an event leaves possible. */
  among(event: E, asked: number): number {
    const unknown = asked & ~this.#judged;
    if (unknown !== 0) {
      this.#possible |= this.#group.among(event, unknown);
      this.#judged |= unknown;
    }
    return asked & this.#possible;
  }
}

export function judgeGroup<E extends Event>(
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
  prefilter: Prefilter<E> | undefined,
): Bits<E> {
  const all = 2 ** conditions.length - 1;
  const useful = recurring
    .map((part) => ({ ...part, bounds: conditions.map((node) => necessary(node, part.covers, nodes)) }))
    .filter(({ bounds }) => bounds.some((bound) => bound !== true));
  const verdicts = useful.map(({ facet, bounds }) => {
    const group = new Group(bounds, nodes);
    return new Verdicts(facet, () => new Known(group));
  });
  const known = useful.map(({ covers }) => covers);
  const rest = new Group(
    conditions.map((node) => remainder(node, known, nodes)),
    nodes,
  );
  const judgeLeft = (event: E, some: number): number => {
    let left = some;
    for (let number = 0; number < verdicts.length && left !== 0; number++) {
      left = (verdicts[number] as Verdicts<E, Known<E>>).of(event).among(event, left);
    }
    return left === 0 ? 0 : rest.among(event, left);
  };
  if (prefilter === undefined) return (event) => judgeLeft(event, all);
  if (verdicts.length === 0) {
    return (event) => {
      const left = prefilter.of(event) & all;
      return left === 0 ? 0 : rest.among(event, left);
    };
  }
  // What a look leaves is mostly decided by less than it takes to find a verdict.
  const cheap = new Group(
    conditions.map((node) => necessary(node, isCheap, nodes)),
    nodes,
  );
  return (event) => {
    let left = prefilter.of(event) & all;
    if (left !== 0) left = cheap.among(event, left);
    return left === 0 ? 0 : judgeLeft(event, left);
  };
}

const CHEAP = 2;

function isCheap<E extends Event>({ left, right }: CheckNode<E>): boolean {
  return left.cost <= CHEAP && right === undefined;
}

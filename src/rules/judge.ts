/** Many conditions judged by generated functions. */

import type { Event, Facet } from '../events/field.ts';
import type { Covers } from './bounds.ts';
import { necessary, remainder } from './bounds.ts';
import { generate, MOST_CONDITIONS, splitLarge } from './generate.ts';
import { Groups } from './groups.ts';
import type { Guard } from './guards.ts';
import { GuardIndex, guardOf } from './guards.ts';
import type { Lowered, Node, Nodes } from './nodes.ts';
import type { Some } from './some.ts';
import { both, placesOf } from './some.ts';
import { Verdicts } from './verdicts.ts';

/** Says which conditions hold for an event: their places in the list, in order. */
export type Judge<E extends Event> = (event: E) => readonly number[];

/** A part of events that recurs, and the checks that can be made of it alone. */
export interface Part<E extends Event> {
  readonly facet: Facet<E>;
  readonly covers: Covers<E>;
}

const NONE: readonly number[] = [];
/** Up to so many conditions are all looked at; more are found by their guards. */
const FEW = 2 * MOST_CONDITIONS;

/** Makes a function of one condition. @throws EvalError where code generation is forbidden */
export function makePredicate<E extends Event>(condition: Lowered<E>, nodes: Nodes<E>): (event: E) => boolean {
  if (typeof condition === 'boolean') return () => condition;
  const match = generate([splitLarge(condition, nodes)]);
  return (event) => match(event, 1) === 1;
}

/**
 * Makes the judge of conditions; verdicts on the parts that recur are kept.
 * The judge throws EvalError where code generation is forbidden.
 */
export function makeJudge<E extends Event>(
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
): Judge<E> {
  if (conditions.length <= FEW) return withPlaces(judgeFew(conditions, nodes, recurring));
  const ways = [...Map.groupBy(conditions.entries(), ([, node]) => wayOf(node, nodes, recurring).way)];
  const judges = ways.map(([way, own]) => {
    const judge = judgeBy(
      way,
      own.map(([, node]) => node),
      nodes,
      recurring,
    );
    return { judge, places: own.map(([place]) => place) };
  });
  return (event) => {
    let found: number[] | undefined;
    for (const { judge, places } of judges) {
      const some = judge(event);
      if (some.length > 0) (found ??= []).push(...placesOf(some).map((place) => places[place] as number));
    }
    return found?.sort((a, b) => a - b) ?? NONE;
  };
}

function withPlaces<E extends Event>(judge: (event: E) => Some): Judge<E> {
  return (event) => {
    const some = judge(event);
    return some.length === 0 ? NONE : placesOf(some);
  };
}

/** Conditions that are all looked at, or at least those that no part of the event excludes. */
function judgeFew<E extends Event>(
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
): (event: E) => Some {
  const useful = recurring
    .map((part) => ({ ...part, bounds: conditions.map((node) => necessary(node, part.covers, nodes)) }))
    .filter(({ bounds }) => bounds.some((bound) => bound !== true));
  const [first, ...others] = useful.map(({ facet, bounds }) => {
    const groups = new Groups(bounds, nodes);
    return new Verdicts(facet, (event: E) => groups.of(event));
  });
  if (first === undefined) {
    const groups = new Groups(conditions, nodes);
    return (event) => groups.of(event);
  }
  const known = useful.map(({ covers }) => covers);
  const rest = new Groups(
    conditions.map((node) => remainder(node, known, nodes)),
    nodes,
  );
  return (event) => {
    let some = first.of(event);
    for (let number = 0; number < others.length && some.length > 0; number++) {
      some = both(some, (others[number] as Verdicts<E>).of(event));
    }
    return some.length === 0 ? some : rest.among(event, some);
  };
}

/** How a condition of many is found: by a guard on a part that recurs, by one on anything, or not at all. */
type Way<E extends Event> = Part<E> | 'guard' | 'none';

function wayOf<E extends Event>(
  node: Node<E>,
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
): { readonly way: Way<E>; readonly guard: Guard<E> | undefined } {
  for (const part of recurring) {
    const guard = guardOf(necessary(node, part.covers, nodes));
    if (guard !== undefined) return { way: part, guard };
  }
  const guard = guardOf(node);
  return { way: guard === undefined ? 'none' : 'guard', guard };
}

function judgeBy<E extends Event>(
  way: Way<E>,
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
): (event: E) => Some {
  if (way === 'none') return judgeFew(conditions, nodes, recurring);
  const index = new GuardIndex(conditions.map((node) => wayOf(node, nodes, recurring).guard as Guard<E>));
  const groups = new Groups(conditions, nodes);
  if (way === 'guard') return (event) => groups.among(event, index.of(event));
  const verdicts = new Verdicts(way.facet, (event: E) => index.of(event));
  return (event) => {
    const some = verdicts.of(event);
    return some.length === 0 ? some : groups.among(event, some);
  };
}

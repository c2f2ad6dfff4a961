/** Many conditions judged by generated functions. */

import type { Event, Prefilter } from '../../events/field.ts';
import { necessary } from './bounds.ts';
import { generate, MOST_CONDITIONS, splitLarge } from './generate.ts';
import { Groups, inGroups } from './groups.ts';
import { type Guard, GuardIndex, guardOf } from './guards.ts';
import { type Bits, judgeGroup, type Part } from './judge-group.ts';
import type { Lowered, Node, Nodes } from './nodes.ts';
import { NONE, placesOf, type Some } from './some.ts';
import { Verdicts } from './verdicts.ts';

export interface Judge<E extends Event> {
  /** Says which conditions hold for an event: their places in the list, in order. */
  judge(event: E): readonly number[];
  /** Of whether any of the conditions may hold. Undefined where a look at events tells nothing. */
  readonly prefilter: Prefilter<E> | undefined;
}

/** Up to so many conditions are all looked at; more are found by their guards. */
const FEW = 2 * MOST_CONDITIONS;

/** Makes a function of one condition. @throws EvalError where code generation is forbidden */
export function makePredicate<E extends Event>(condition: Lowered<E>, nodes: Nodes<E>): (event: E) => boolean {
  if (typeof condition === 'boolean') return () => condition;
  const match = generate([splitLarge(condition, nodes)]);
  return (event) => match(event, 1) === 1;
}

/** Makes what a look at an event leaves possible; undefined: all of it. */
export interface Prefilters<E extends Event> {
  /** Of neighbours in a list of conditions. */
  among(from: number, to: number): Prefilter<E> | undefined;
  /** Bit 0: of whether any of them all may hold. */
  any(): Prefilter<E> | undefined;
}

/**
 * Makes the judge of conditions; verdicts on the parts that recur are kept.
 * The judge throws EvalError where code generation is forbidden.
 */
export function makeJudge<E extends Event>(
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
  prefilters: Prefilters<E>,
): Judge<E> {
  if (conditions.length <= MOST_CONDITIONS) {
    const prefilter = prefilters.among(0, conditions.length);
    const bitsOf = judgeGroup(conditions, nodes, recurring, prefilter);
    const judge = (event: E) => {
      const bits = bitsOf(event);
      return bits === 0 ? NONE : placesOf([0, bits]);
    };
    return { judge, prefilter };
  }
  const prefilter = prefilters.any();
  if (conditions.length <= FEW) {
    const judge = judgeAll(conditions, nodes, recurring, prefilters);
    return { judge: (event) => placesOf(judge(event)), prefilter };
  }
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
  const judge = (event: E) => {
    let found: number[] | undefined;
    for (const own of judges) {
      const some = own.judge(event);
      if (some.length > 0) (found ??= []).push(...placesOf(some).map((place) => own.places[place] as number));
    }
    return found?.sort((a, b) => a - b) ?? NONE;
  };
  return { judge, prefilter };
}

/** All conditions are looked at, or at least those that no part of the event excludes. */
function judgeAll<E extends Event>(
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
  prefilters?: Prefilters<E>,
): (event: E) => Some {
  const groups = inGroups(conditions).map((own, number) => {
    const from = number * MOST_CONDITIONS;
    return judgeGroup(own, nodes, recurring, prefilters?.among(from, from + own.length));
  });
  return (event) => {
    let some: number[] | undefined;
    for (let number = 0; number < groups.length; number++) {
      const bits = (groups[number] as Bits<E>)(event);
      if (bits !== 0) (some ??= []).push(number, bits);
    }
    return some ?? NONE;
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
  if (way === 'none') return judgeAll(conditions, nodes, recurring);
  const index = new GuardIndex(conditions.map((node) => wayOf(node, nodes, recurring).guard as Guard<E>));
  const groups = new Groups(conditions, nodes);
  if (way === 'guard') return (event) => groups.among(event, index.of(event));
  const verdicts = new Verdicts(way.facet, (event: E) => index.of(event));
  return (event) => {
    const some = verdicts.of(event);
    return some.length === 0 ? some : groups.among(event, some);
  };
}

/** Many conditions judged by generated functions, in groups of one function each. */

import type { Event, Facet } from '../events/field.ts';
import type { Covers } from './bounds.ts';
import { necessary, remainder } from './bounds.ts';
import { generate, MOST_CONDITIONS, splitLarge } from './generate.ts';
import type { Lowered, Node, Nodes } from './nodes.ts';
import { sieve } from './sieve.ts';
import type { Group, Some } from './verdicts.ts';
import { both, Verdicts } from './verdicts.ts';

/** Says which conditions hold for an event: their places in the list, in order. */
export type Judge<E extends Event> = (event: E) => readonly number[];

const NONE: readonly number[] = [];

/** A part of events that recurs, and the checks that can be made of it alone. */
export interface Part<E extends Event> {
  readonly facet: Facet<E>;
  readonly covers: Covers<E>;
}

/** Conditions `first`, `first` + 1, … of the list. */
interface Span {
  readonly first: number;
  readonly count: number;
}

/**
 * Makes the judge of conditions; verdicts on the parts that recur are kept.
 * @throws EvalError where code generation is forbidden
 */
export function makeJudge<E extends Event>(
  conditions: readonly Node<E>[],
  nodes: Nodes<E>,
  recurring: readonly Part<E>[],
): Judge<E> {
  const spans = spansOf(conditions);
  const useful = recurring
    .map(({ facet, covers }) => ({ facet, covers, bounds: conditions.map((node) => necessary(node, covers, nodes)) }))
    .filter(({ bounds }) => bounds.some((bound) => bound !== true));
  if (useful.length === 0) return judgeAll(spans, groupsOf(spans, conditions, nodes));
  const parts = useful.map(({ covers }) => covers);
  const rest = conditions.map((node) => remainder(node, parts, nodes));
  const verdicts = useful.map(({ facet, bounds }) => new Verdicts(facet, groupsOf(spans, bounds, nodes)));
  return judgeSome(spans, verdicts, groupsOf(spans, rest, nodes));
}

/** Makes a function of one condition. @throws EvalError where code generation is forbidden */
export function makePredicate<E extends Event>(condition: Lowered<E>, nodes: Nodes<E>): (event: E) => boolean {
  if (typeof condition === 'boolean') return () => condition;
  const match = generate([splitLarge(condition, nodes)]);
  return (event) => match(event, 1) === 1;
}

function spansOf<E extends Event>(conditions: readonly Node<E>[]): readonly Span[] {
  const spans: Span[] = [];
  for (let first = 0; first < conditions.length; first += MOST_CONDITIONS) {
    spans.push({ first, count: Math.min(MOST_CONDITIONS, conditions.length - first) });
  }
  return spans;
}

function groupsOf<E extends Event>(
  spans: readonly Span[],
  conditions: readonly Lowered<E>[],
  nodes: Nodes<E>,
): readonly Group<E>[] {
  return spans.map(({ first, count }) => {
    const own = conditions.slice(first, first + count);
    const isAlways = own.every((condition) => condition === true);
    return { all: 2 ** count - 1, match: isAlways ? undefined : sieve(own, nodes) };
  });
}

function judgeAll<E extends Event>(spans: readonly Span[], groups: readonly Group<E>[]): Judge<E> {
  return (event) => {
    let found: number[] | undefined;
    for (let number = 0; number < groups.length; number++) {
      const { all, match } = groups[number] as Group<E>;
      const bits = match === undefined ? all : match(event, all);
      if (bits !== 0) found = add(found, spans[number] as Span, bits);
    }
    return found ?? NONE;
  };
}

function judgeSome<E extends Event>(
  spans: readonly Span[],
  [first, ...others]: readonly Verdicts<E>[],
  groups: readonly Group<E>[],
): Judge<E> {
  return (event) => {
    let some = (first as Verdicts<E>).of(event);
    for (let number = 0; number < others.length && some.length > 0; number++) {
      some = both(some, (others[number] as Verdicts<E>).of(event));
    }
    return some.length === 0 ? NONE : judgeThese(event, some, spans, groups);
  };
}

function judgeThese<E extends Event>(
  event: E,
  some: Some,
  spans: readonly Span[],
  groups: readonly Group<E>[],
): readonly number[] {
  let found: number[] | undefined;
  for (let at = 0; at < some.length; at += 2) {
    const number = some[at] as number;
    const among = some[at + 1] as number;
    const { match } = groups[number] as Group<E>;
    const bits = match === undefined ? among : match(event, among);
    if (bits !== 0) found = add(found, spans[number] as Span, bits);
  }
  return found ?? NONE;
}

function add(found: number[] = [], { first }: Span, bits: number): number[] {
  for (let left = bits; left !== 0; left &= left - 1) found.push(first + 31 - Math.clz32(left & -left));
  return found;
}

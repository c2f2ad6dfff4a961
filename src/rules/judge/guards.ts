/**
 * Guards: a check of one field that has to hold for a condition to hold. Thousands of conditions are found by the values
 * that their guards look for, so that those that cannot match cost nothing.
 */

import type { Event, Value } from '../../events/field.ts';
import type { Constant } from '../values/constants.ts';
import { isPrefix, valuesAsked } from './membership.ts';
import type { CheckNode, Lowered, TermNode } from './nodes.ts';
import { PrefixTree } from './prefix-tree.ts';
import { either, type Some, someOf } from './some.ts';

/** The term has one of these values, or begins with one of these prefixes. */
export interface Guard<E extends Event> {
  readonly term: TermNode<E>;
  readonly values: readonly Constant[];
  readonly prefixes: readonly string[];
}

/** The guard of a condition that is met most seldom; undefined when it has none. */
export function guardOf<E extends Event>(condition: Lowered<E>): Guard<E> | undefined {
  if (typeof condition === 'boolean') return undefined;
  switch (condition.kind) {
    case 'check':
      return guardOfCheck(condition);
    case 'and': {
      const guards = condition.items.map(guardOf).filter((guard) => guard !== undefined);
      return guards.sort((a, b) => sizeOf(a) - sizeOf(b))[0];
    }
    case 'or':
      return merged(condition.items.map(guardOf));
    default:
      return undefined;
  }
}

/** Prefixes let more pass than values do. */
function sizeOf<E extends Event>({ values, prefixes }: Guard<E>): number {
  return values.length + 4 * prefixes.length;
}

function guardOfCheck<E extends Event>({ check, left: term }: CheckNode<E>): Guard<E> | undefined {
  // A field that may be true or false finds half of the conditions.
  if (check.left.type === 'BOOL') return undefined;
  const values = valuesAsked(check);
  if (values !== undefined) return { term, values, prefixes: [] };
  return isPrefix(check) ? { term, values: [], prefixes: check.constants.map(String) } : undefined;
}

function merged<E extends Event>(guards: readonly (Guard<E> | undefined)[]): Guard<E> | undefined {
  const [first] = guards;
  if (first === undefined || !guards.every((guard) => guard?.term === first.term)) return undefined;
  return {
    term: first.term,
    values: guards.flatMap((guard) => guard?.values ?? []),
    prefixes: guards.flatMap((guard) => guard?.prefixes ?? []),
  };
}

/** The conditions of one term, by what their guards look for. */
interface Lookup<E extends Event> {
  readonly term: TermNode<E>;
  readonly values: ReadonlyMap<unknown, Some>;
  readonly prefixes: PrefixTree<Some>;
  /** Those with prefixes: a value that is no text is for them to judge. */
  readonly prefixed: Some;
}

export class GuardIndex<E extends Event> {
  readonly #lookups: readonly Lookup<E>[];

  /** Condition n has guard n. */
  constructor(guards: readonly Guard<E>[]) {
    const byTerm = Map.groupBy(guards.entries(), ([, guard]) => guard.term);
    this.#lookups = [...byTerm].map(([term, own]) => lookupOf(term, own));
  }

  /** The conditions whose guards an event passes. */
  of(event: E): Some {
    let some: Some = [];
    for (const { term, values, prefixes, prefixed } of this.#lookups) {
      const value = term.read(event);
      if (value === undefined) continue;
      some = either(some, values.get(value) ?? []);
      some = typeof value === 'string' ? prefixes.find(value, some, either) : either(some, prefixed);
    }
    return some;
  }
}

function lookupOf<E extends Event>(
  term: TermNode<E>,
  guards: readonly (readonly [place: number, guard: Guard<E>])[],
): Lookup<E> {
  const values = new Map<unknown, Set<number>>();
  const prefixes = new Map<string, Set<number>>();
  const add = <T>(places: Map<T, Set<number>>, key: T, place: number) => {
    const known = places.get(key);
    if (known === undefined) places.set(key, new Set([place]));
    else known.add(place);
  };
  for (const [place, guard] of guards) {
    for (const value of guard.values) add<unknown>(values, value as Value, place);
    for (const prefix of guard.prefixes) add(prefixes, prefix, place);
  }
  const tree = new PrefixTree<Some>();
  for (const [prefix, places] of prefixes) tree.set(prefix, someOf(places));
  const prefixed = guards.filter(([, guard]) => guard.prefixes.length > 0).map(([place]) => place);
  return {
    term,
    values: new Map([...values].map(([value, places]) => [value, someOf(places)])),
    prefixes: tree,
    prefixed: someOf(prefixed),
  };
}

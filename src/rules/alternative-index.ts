/** Of many alternatives, as exceptions of a rule are, those that an event may hold: found by the value of one term. */

import type { Event } from '../events/field.ts';
import type { CheckNode, JunctionNode, Node, TermNode } from './nodes.ts';
import { isMembership } from './write-checks.ts';

/** Of fewer each is looked at. */
const MANY = 32;
/** A term that has fewer values in them tells too little. */
const LEAST_VALUES = 8;

/** The alternatives of an `or` by what a term has to be for them, and those of which it says nothing. */
export interface AlternativeIndex<E extends Event> {
  readonly term: TermNode<E>;
  readonly byValue: ReadonlyMap<unknown, readonly Node<E>[]>;
  readonly others: readonly Node<E>[];
}

/** By the term of which they name most values; undefined where they are few, or no term tells them apart. */
export function indexAlternatives<E extends Event>({ items }: JunctionNode<E>): AlternativeIndex<E> | undefined {
  if (items.length < MANY) return undefined;
  const term = tellingTerm(items);
  if (term === undefined) return undefined;
  const byValue = new Map<unknown, Node<E>[]>();
  const others: Node<E>[] = [];
  for (const item of items) {
    const check = membershipsOf(item).find(({ left }) => left === term);
    if (check === undefined) others.push(item);
    for (const value of new Set(check?.check.constants)) {
      const known = byValue.get(value);
      if (known === undefined) byValue.set(value, [item]);
      else known.push(item);
    }
  }
  return { term, byValue, others };
}

function tellingTerm<E extends Event>(items: readonly Node<E>[]): TermNode<E> | undefined {
  const values = new Map<TermNode<E>, Set<unknown>>();
  for (const { left, check } of items.flatMap(membershipsOf)) {
    const own = values.get(left) ?? new Set();
    values.set(left, own);
    for (const constant of check.constants ?? []) own.add(constant);
  }
  const [best] = [...values].sort(([, a], [, b]) => b.size - a.size);
  return best !== undefined && best[1].size >= LEAST_VALUES ? best[0] : undefined;
}

/** The checks that have to hold for a condition, as far as each asks whether a value is one of some. */
function membershipsOf<E extends Event>(node: Node<E>): readonly CheckNode<E>[] {
  if (node.kind === 'and') return node.items.flatMap((item) => (item.kind === 'check' ? membershipsOf(item) : []));
  return node.kind === 'check' && isMembership(node) && node.check.operator !== '!=' ? [node] : [];
}

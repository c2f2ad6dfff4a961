/** What a part of an event alone says about a condition. */

import type { Event } from '../../events/field.ts';
import type { CheckNode, Lowered, Node, Nodes } from './nodes.ts';

/** Whether a check can be made of the part alone. */
export type Covers<E extends Event> = (check: CheckNode<E>) => boolean;

/** Whether a condition depends on the part only. */
function isCovered<E extends Event>(node: Node<E>, covers: Covers<E>): boolean {
  switch (node.kind) {
    case 'check':
      return covers(node);
    case 'not':
      return isCovered(node.item, covers);
    case 'call':
      return false;
    default:
      return node.items.every((item) => isCovered(item, covers));
  }
}

/** The strongest condition on the part that holds whenever the whole condition does. */
export function necessary<E extends Event>(node: Node<E>, covers: Covers<E>, nodes: Nodes<E>): Lowered<E> {
  return bound(node, covers, nodes, true);
}

/** `other`: what a check that the part says nothing about counts as. */
function bound<E extends Event>(node: Node<E>, covers: Covers<E>, nodes: Nodes<E>, other: boolean): Lowered<E> {
  switch (node.kind) {
    case 'check':
      return covers(node) ? node : other;
    case 'not':
      return nodes.not(bound(node.item, covers, nodes, !other));
    case 'call':
      return other;
    default:
      return nodes.junction(
        node.kind,
        node.items.map((item) => bound(item, covers, nodes, other)),
      );
  }
}

/** The condition without the parts that are known to hold once what is necessary for each of the parts holds. */
export function remainder<E extends Event>(node: Node<E>, parts: readonly Covers<E>[], nodes: Nodes<E>): Lowered<E> {
  const isKnown = (item: Node<E>) => parts.some((covers) => isCovered(item, covers));
  if (isKnown(node)) return true;
  if (node.kind !== 'and') return node;
  return nodes.junction(
    'and',
    node.items.filter((item) => !isKnown(item)),
  );
}

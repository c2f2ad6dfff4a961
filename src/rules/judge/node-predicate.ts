/** A node judged without code made for it: for what is judged so seldom that to make code would cost more. */

import type { Event } from '../../events/field.ts';
import { allOf, anyOf, boundCheck, type Predicate, predicateOf } from './compile.ts';
import type { Node } from './nodes.ts';

export function nodePredicate<E extends Event>(node: Node<E>): Predicate<E> {
  switch (node.kind) {
    case 'check':
      return predicateOf(boundCheck(node.check, node.left.read, node.right?.read));
    case 'call':
      return node.matches;
    case 'not': {
      const item = nodePredicate(node.item);
      return (event) => !item(event);
    }
    case 'and':
      return predicateOf(allOf(node.items.map(nodePredicate)));
    case 'or':
      return predicateOf(anyOf(node.items.map(nodePredicate)));
  }
}

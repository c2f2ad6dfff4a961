/** A node judged without code made for it: for what is judged so seldom that to make code would cost more. */

import type { Event } from '../events/field.ts';
import { type Predicate, pairCheck, valueTest } from './compile.ts';
import type { CheckNode, Node } from './nodes.ts';

export function nodePredicate<E extends Event>(node: Node<E>): Predicate<E> {
  switch (node.kind) {
    case 'check':
      return checkPredicate(node);
    case 'call':
      return node.matches;
    case 'not': {
      const item = nodePredicate(node.item);
      return (event) => !item(event);
    }
    case 'and': {
      const items = node.items.map(nodePredicate);
      return (event) => items.every((item) => item(event));
    }
    case 'or': {
      const items = node.items.map(nodePredicate);
      return (event) => items.some((item) => item(event));
    }
  }
}

function checkPredicate<E extends Event>({ check, left, right }: CheckNode<E>): Predicate<E> {
  const { read } = left;
  if (right !== undefined) return pairCheck(check, read, right.read);
  if (check.constants === undefined) return (event) => read(event) !== undefined;
  const test = valueTest(check, check.constants);
  return (event) => {
    const value = read(event);
    return value !== undefined && test(value);
  };
}

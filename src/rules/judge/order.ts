/** In which order the parts of conditions are looked at: what is likely to decide, and cheap to know, comes first. */

import type { Event } from '../../events/field.ts';
import type { TypedCheck } from '../check/typed-ast.ts';
import type { CheckNode, JunctionNode, Node, TermNode } from './nodes.ts';

/** Guesses: what it takes to know a condition, next to a comparison with `===`, and how often it holds. */
interface Guess {
  readonly cost: number;
  readonly chance: number;
}

/** The order within some conditions that are judged together. */
export class Order<E extends Event> {
  readonly #terms = new Map<TermNode<E>, number>();
  readonly #guesses = new Map<number, Guess>();
  readonly #seen = new Set<number>();

  constructor(conditions: readonly Node<E>[]) {
    for (const condition of conditions) this.#count(condition);
  }

  /** The parts of a condition in order; without it they mean the same. */
  of({ kind, items }: JunctionNode<E>): readonly Node<E>[] {
    const rank = (item: Node<E>) => {
      const { cost, chance } = this.guess(item);
      return cost / (kind === 'and' ? 1 - chance : chance);
    };
    return items.toSorted((a, b) => rank(a) - rank(b));
  }

  guess(node: Node<E>): Guess {
    let guess = this.#guesses.get(node.id);
    if (guess === undefined) this.#guesses.set(node.id, (guess = this.#guess(node)));
    return guess;
  }

  #guess(node: Node<E>): Guess {
    switch (node.kind) {
      case 'check':
        return { cost: this.#cost(node), chance: chanceOf(node.check) };
      case 'not': {
        const { cost, chance } = this.guess(node.item);
        return { cost, chance: 1 - chance };
      }
      case 'call':
        return { cost: 100, chance: 0.5 };
      default:
        return this.#junction(node);
    }
  }

  #junction(node: JunctionNode<E>): Guess {
    let cost = 0;
    let undecided = 1;
    for (const item of this.of(node)) {
      const guess = this.guess(item);
      cost += undecided * guess.cost;
      undecided *= node.kind === 'and' ? guess.chance : 1 - guess.chance;
    }
    // Nothing is certain: `of` divides by it.
    const chance = Math.min(0.999, Math.max(0.001, node.kind === 'and' ? undecided : 1 - undecided));
    return { cost, chance };
  }

  /** What several checks look at is read once for all of them. */
  #cost({ check, left, right }: CheckNode<E>): number {
    const read = (term: TermNode<E>) => term.cost / (this.#terms.get(term) ?? 1);
    return costOf(check) + read(left) + (right === undefined ? 0 : read(right));
  }

  #count(node: Node<E>): void {
    if (this.#seen.has(node.id)) return;
    this.#seen.add(node.id);
    if (node.kind === 'not') this.#count(node.item);
    else if (node.kind === 'check') this.#terms.set(node.left, (this.#terms.get(node.left) ?? 0) + 1);
    else if (node.kind !== 'call') for (const item of node.items) this.#count(item);
  }
}

function costOf({ operator, modifier, left }: TypedCheck): number {
  const many = left.list || (left.kind === 'field' && left.candidates !== undefined) ? 8 : 0;
  return many + (modifier === undefined ? 0 : 4) + (costs[operator] ?? 1);
}

function chanceOf({ left, operator }: TypedCheck): number {
  return left.type === 'BOOL' ? 0.5 : (chances[operator] ?? 0.1);
}

const costs: Readonly<Record<string, number>> = {
  startswith: 2,
  endswith: 2,
  contains: 3,
  icontains: 6,
  bcontains: 6,
  glob: 6,
  iglob: 6,
  pmatch: 6,
  regex: 20,
};

const chances: Readonly<Record<string, number>> = {
  '!=': 0.5,
  exists: 0.9,
  '<': 0.5,
  '<=': 0.5,
  '>': 0.5,
  '>=': 0.5,
};

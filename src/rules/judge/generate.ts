/**
 * The generated back end: conditions become one JavaScript function. Constants enter its source as JSON literals, all
 * else as indexes of tables, so no text of a rule is ever read as code.
 */

import type { Event } from '../../events/field.ts';
import { type AlternativeIndex, type Asked, indexAlternatives } from './alternatives.ts';
import type { Predicate } from './compile.ts';
import { valuesAsked } from './membership.ts';
import { nodePredicate } from './node-predicate.ts';
import type { CheckNode, JunctionNode, Lowered, Node, Nodes, TermNode } from './nodes.ts';
import { Order } from './order.ts';
import { WrittenChecks } from './write-checks.ts';

/**
 * Judges up to `MOST_CONDITIONS` conditions: bit n of the result is set when condition n holds, and bit n of `among` is.
 */
export type Matcher<E extends Event> = (event: E, among: number) => number;

/** Results are integers of 31 bits, which V8 keeps without an object. */
export const MOST_CONDITIONS = 30;
/** V8 stops optimising large functions; beyond this many checks a part gets a function of its own. */
export const MOST_CHECKS = 100;
const MOST_DEPTH = 40;

/** Whether functions can be made of text: `--disallow-code-generation-from-strings` forbids it. */
export function canGenerate(): boolean {
  try {
    return new Function('return true')() === true;
  } catch {
    return false;
  }
}

/** Makes the matcher of conditions that are fitted (see `splitLarge`), at most `MOST_CONDITIONS`. */
export function generate<E extends Event>(conditions: readonly Lowered<E>[]): Matcher<E> {
  const writer = new Writer(conditions.filter((condition) => typeof condition !== 'boolean'));
  const lines = conditions.flatMap((condition, n) =>
    condition === false ? [] : [`if ((a & ${1 << n}) !== 0 && ${writer.code(condition)}) h |= ${1 << n};`],
  );
  // Constants, since V8 inlines what they are; parameters could change.
  const tables = writer.constants.map((_, index) => `const t${index} = t[${index}];\n`).join('');
  // In brackets, for V8 to compile it at once: else the first event would wait for that.
  const source = `'use strict';
${tables}return (function match(e, a) {
let h = 0${writer.variables};
${lines.join('\n')}
return h;
});`;
  return new Function('t', source)(writer.constants) as Matcher<E>;
}

/** The same condition, of at most `MOST_CHECKS` checks: parts that are too much get functions of their own. */
export function splitLarge<E extends Event>(node: Node<E>, nodes: Nodes<E>): Node<E> {
  if (node.size <= MOST_CHECKS && node.depth <= MOST_DEPTH) return node;
  if (node.kind === 'not') return nodes.not(splitLarge(node.item, nodes)) as Node<E>;
  if (node.kind !== 'and' && node.kind !== 'or') return node;
  const found = node.kind === 'or' ? foundAlternatives(node, nodes) : undefined;
  if (found !== undefined) return found;
  let items: readonly Node<E>[] = node.items.map((item) => {
    const fitted = splitLarge(item, nodes);
    return fitted.depth >= MOST_DEPTH ? outline(fitted, nodes) : fitted;
  });
  while (sizeOf(items) > MOST_CHECKS) {
    items = groupsOf(items).map((group) => outline(nodes.junction(node.kind, group) as Node<E>, nodes));
  }
  return nodes.junction(node.kind, items) as Node<E>;
}

// The same alternatives stand in several functions: what they are found by is made once.
const found = new WeakMap<Node<never>, Node<never>>();

/** The same condition, many alternatives of which are found by a value; undefined where they cannot be. */
function foundAlternatives<E extends Event>(node: JunctionNode<E>, nodes: Nodes<E>): Node<E> | undefined {
  const known = found.get(node) as Node<E> | undefined;
  if (known !== undefined) return known;
  const index = indexAlternatives(node.items, askedOf);
  if (index === undefined) return undefined;
  const made = splitLarge(nodes.junction('or', [lookUp(index, nodes), ...index.others]) as Node<E>, nodes);
  found.set(node, made);
  return made;
}

/** The terms that have to have certain values for a condition to hold. */
function askedOf<E extends Event>(node: Node<E>): readonly Asked<TermNode<E>>[] {
  const items = node.kind === 'and' ? node.items : [node];
  return items.flatMap((item) => {
    const values = item.kind === 'check' ? valuesAsked(item.check) : undefined;
    return item.kind === 'check' && values !== undefined ? [{ term: item.left, key: item.left.key, values }] : [];
  });
}

/**
 * Whether one of the alternatives holds that an event may hold. What judges one is made when it is first needed, and
 * without code of its own: most are seldom met.
 */
function lookUp<E extends Event>({ term, byValue }: AlternativeIndex<Node<E>, TermNode<E>>, nodes: Nodes<E>): Node<E> {
  const made = new Map<Node<E>, Predicate<E>>();
  const predicateOf = (node: Node<E>) => {
    let predicate = made.get(node);
    if (predicate === undefined) made.set(node, (predicate = nodePredicate(node)));
    return predicate;
  };
  return nodes.call((event) => byValue.get(term.read(event))?.some((node) => predicateOf(node)(event)) ?? false);
}

function sizeOf<E extends Event>(items: readonly Node<E>[]): number {
  return items.reduce((sum, item) => sum + item.size, 0);
}

/** Neighbours together, as many as one function takes. */
function groupsOf<E extends Event>(items: readonly Node<E>[]): readonly (readonly Node<E>[])[] {
  const groups: Node<E>[][] = [];
  let size = MOST_CHECKS;
  for (const item of items) {
    size += item.size;
    if (size > MOST_CHECKS) {
      groups.push([]);
      size = item.size;
    }
    groups.at(-1)?.push(item);
  }
  return groups;
}

function outline<E extends Event>(node: Node<E>, nodes: Nodes<E>): Node<E> {
  if (node.kind === 'call' || node.kind === 'check') return node;
  const match = generate([node]);
  return nodes.call((event) => match(event, 1) === 1);
}

/** Writes expressions; what several of them share is worked out once, when it is first needed. */
class Writer<E extends Event> {
  readonly #uses = new Map<number, number>();
  readonly #checks: WrittenChecks<E>;
  readonly #memos = new Map<number, string>();
  readonly #order: Order<E>;

  constructor(conditions: readonly Node<E>[]) {
    this.#order = new Order(conditions);
    for (const condition of conditions) this.#count(condition);
    const checks = new Map<number, CheckNode<E>>();
    for (const condition of conditions) collect(condition, checks);
    this.#checks = new WrittenChecks([...checks.values()], (check) => this.#uses.get(check.id) ?? 0);
  }

  #count(node: Node<E>): void {
    const uses = (this.#uses.get(node.id) ?? 0) + 1;
    this.#uses.set(node.id, uses);
    if (uses > 1) return;
    if (node.kind === 'not') this.#count(node.item);
    else if (node.kind === 'and' || node.kind === 'or') for (const item of node.items) this.#count(item);
  }

  /** `, v0 = null, …` */
  get variables(): string {
    return [...this.#checks.variables, ...this.#memos.values()].map((variable) => `, ${variable}`).join('');
  }

  get constants(): readonly unknown[] {
    return this.#checks.constants;
  }

  code(node: Lowered<E>): string {
    if (typeof node === 'boolean') return String(node);
    if (node.kind === 'not') return `!${this.code(node.item)}`;
    if ((this.#uses.get(node.id) ?? 0) < 2 || (node.kind === 'check' && this.#checks.isCheap(node))) {
      return this.#write(node);
    }
    const memo = this.#memos.get(node.id) ?? `b${node.id}`;
    this.#memos.set(node.id, memo);
    return `(${memo} ??= ${this.#write(node)})`;
  }

  #write(node: Exclude<Node<E>, { kind: 'not' }>): string {
    switch (node.kind) {
      case 'check':
        return this.#checks.code(node);
      case 'call':
        return `${this.#checks.constant(node.matches)}(e)`;
      default:
        return `(${this.#order
          .of(node)
          .map((item) => this.code(item))
          .join(node.kind === 'and' ? ' && ' : ' || ')})`;
    }
  }
}

function collect<E extends Event>(node: Node<E>, into: Map<number, CheckNode<E>>): void {
  if (node.kind === 'check') into.set(node.id, node);
  else if (node.kind === 'not') collect(node.item, into);
  else if (node.kind !== 'call') for (const item of node.items) collect(item, into);
}

/**
 * Conditions for one form of event and one event type, simplified, with equal parts found: what the generated back end
 * and the verdict caches work on.
 */

import type { Event, FieldRef, Form, Reader } from '../../events/field.ts';
import { constantNumberCheck } from '../check/event-types.ts';
import type { TypedCheck, TypedExpr, TypedTerm } from '../check/typed-ast.ts';
import type { Constant } from '../values/constants.ts';
import { addressCheck } from './address-checks.ts';
import { isEventType, type Known, valueTest } from './compile.ts';
import { fieldsWithin, termReader } from './terms.ts';

/** What looking for a value in a large list takes. */
const LOOK = 30;

/** A term and how it is read. Equal terms are one object. */
export interface TermNode<E extends Event> {
  readonly key: string;
  readonly term: TypedTerm;
  readonly read: Reader<E>;
  /** What reading it takes, next to comparing two numbers. */
  readonly cost: number;
  /** The fields that its value depends on. */
  readonly refs: readonly FieldRef[];
}

/** A check. Equal checks are one object. */
export interface CheckNode<E extends Event> {
  readonly kind: 'check';
  readonly id: number;
  readonly check: TypedCheck;
  readonly left: TermNode<E>;
  readonly right: TermNode<E> | undefined;
  /** How many checks it holds, and how deep it nests. */
  readonly size: 1;
  readonly depth: 1;
}

export interface JunctionNode<E extends Event> {
  readonly kind: 'and' | 'or';
  readonly id: number;
  readonly items: readonly Node<E>[];
  readonly size: number;
  readonly depth: number;
}

export interface NotNode<E extends Event> {
  readonly kind: 'not';
  readonly id: number;
  readonly item: Node<E>;
  readonly size: number;
  readonly depth: number;
}

/** A part of a condition that has a function of its own, since all of it would be too much for one. */
export interface CallNode<E extends Event> {
  readonly kind: 'call';
  readonly id: number;
  readonly matches: (event: E) => boolean;
  readonly size: 1;
  readonly depth: 1;
}

export type Node<E extends Event> = CheckNode<E> | JunctionNode<E> | NotNode<E> | CallNode<E>;
/** A condition that does not depend on the event is its value. */
export type Lowered<E extends Event> = Node<E> | boolean;

/** Makes nodes for one form of event; equal conditions become the same object, so `id` is what tells them apart. */
export class Nodes<E extends Event> {
  readonly #form: Form<E>;
  readonly #known: Known;
  readonly #nodes = new Map<string, Node<E>>();
  readonly #terms = new Map<string, TermNode<E> | undefined>();
  /** Bodies of macros are the same objects in many conditions. */
  readonly #lowered = new Map<TypedExpr, Lowered<E>>();
  /** Makes what is else made when an event first needs it. */
  readonly ahead: (() => void)[] = [];

  constructor(form: Form<E>, known: Known = {}) {
    this.#form = form;
    this.#known = known;
  }

  lower(expr: TypedExpr): Lowered<E> {
    let lowered = this.#lowered.get(expr);
    if (lowered === undefined) this.#lowered.set(expr, (lowered = this.#lower(expr)));
    return lowered;
  }

  #lower(expr: TypedExpr): Lowered<E> {
    switch (expr.kind) {
      case 'and':
      case 'or':
        return this.junction(
          expr.kind,
          expr.items.map((item) => this.lower(item)),
        );
      case 'not':
        return this.not(this.lower(expr.item));
      case 'check':
        return this.#check(expr);
    }
  }

  not(item: Lowered<E>): Lowered<E> {
    if (typeof item === 'boolean') return !item;
    if (item.kind === 'not') return item.item;
    const { size, depth } = item;
    return this.#node(`!${item.id}`, (id) => ({ kind: 'not', id, item, size, depth: depth + 1 }));
  }

  call(matches: (event: E) => boolean): Node<E> {
    return this.#node(`call ${this.#nodes.size}`, (id) => ({ kind: 'call', id, matches, size: 1, depth: 1 }));
  }

  junction(kind: 'and' | 'or', items: readonly Lowered<E>[]): Lowered<E> {
    const decisive = kind === 'or';
    if (items.includes(decisive)) return decisive;
    const nodes = items.filter((item) => typeof item !== 'boolean');
    const flat = new Set(nodes.flatMap((item) => (item.kind === kind ? item.items : [item])));
    const [first] = flat;
    if (first === undefined) return !decisive;
    if (flat.size === 1) return first;
    // Whatever order they are written in, they are the same.
    const sorted = [...flat].sort((a, b) => a.id - b.id);
    const key = `${kind}${sorted.map(({ id }) => id).join(' ')}`;
    return this.#node(key, (id) => ({
      kind,
      id,
      items: sorted,
      size: sorted.reduce((sum, item) => sum + item.size, 0),
      depth: 1 + sorted.reduce((most, item) => Math.max(most, item.depth), 0),
    }));
  }

  #node(key: string, make: (id: number) => Node<E>): Node<E> {
    let node = this.#nodes.get(key);
    if (node === undefined) this.#nodes.set(key, (node = make(this.#nodes.size)));
    return node;
  }

  #check(check: TypedCheck): Lowered<E> {
    const { left, constants, right, operator, modifier } = check;
    const { eventType } = this.#known;
    if (eventType !== undefined && constants !== undefined && isEventType(left)) {
      return valueTest(check, constants)(eventType);
    }
    const numbered = this.#form.numbersFromOne ? constantNumberCheck(check) : undefined;
    if (numbered !== undefined) return numbered;
    const ofAddress = addressCheck(check, this.#specialForm());
    const term = ofAddress === undefined ? this.#term(left) : this.#addressTerm(left, ofAddress.read);
    const other = right && this.#term(right);
    if (term === undefined || (right !== undefined && other === undefined)) return false;
    const against = other?.key ?? constantsKey(check);
    const key = JSON.stringify([term.key, operator, modifier, other === undefined, against]);
    return this.#node(key, (id) => {
      return { kind: 'check', id, check: ofAddress?.check ?? check, left: term, right: other, size: 1, depth: 1 };
    });
  }

  #termCost(term: TypedTerm): number {
    switch (term.kind) {
      case 'field':
        return this.#form.cost?.(term.ref) ?? 4;
      case 'constant':
        return 0;
      case 'feed':
        return LOOK;
      case 'list':
        return term.items.reduce((sum, item) => sum + this.#termCost(item), 4);
      case 'call':
        return term.args.reduce((sum, item) => sum + this.#termCost(item), 8);
    }
  }

  #term(term: TypedTerm): TermNode<E> | undefined {
    const key = termKey(term);
    if (!this.#terms.has(key)) {
      const read = termReader(term, this.#specialForm());
      this.#terms.set(key, read && { key, term, read, cost: this.#termCost(term), refs: refsOf(term) });
    }
    return this.#terms.get(key);
  }

  #addressTerm(term: TypedTerm, read: Reader<E>): TermNode<E> {
    const key = `address of ${termKey(term)}`;
    let node = this.#terms.get(key);
    if (node === undefined) {
      node = { key, term, read, cost: this.#termCost(term), refs: refsOf(term) };
      this.#terms.set(key, node);
    }
    return node;
  }

  /** The form as it is for the event type: readers need not look at the type again. */
  #specialForm(): Form<E> {
    const { eventType } = this.#known;
    if (eventType === undefined) return this.#form;
    return {
      ...this.#form,
      reader: (ref) => this.#form.reader(ref, eventType),
      addressReader: (ref) => this.#form.addressReader?.(ref, eventType),
    };
  }
}

function termKey(term: TypedTerm): string {
  switch (term.kind) {
    case 'field':
      return term.ref.text;
    case 'constant':
      return JSON.stringify(term.value);
    case 'feed':
      return `feed(${JSON.stringify([term.feeds.map(({ name }) => name), term.constants.map(constantKey)])})`;
    case 'list':
      return `(${JSON.stringify(term.items.map(termKey))})`;
    case 'call':
      return `${term.name}(${JSON.stringify([term.args.map(termKey), term.arg])})`;
  }
}

function refsOf(term: TypedTerm): readonly FieldRef[] {
  return fieldsWithin(term).map(({ ref }) => ref);
}

/** Of the constants of checks: they are asked for again for each event type. */
const keys = new WeakMap<TypedCheck, string>();

function constantsKey(check: TypedCheck): string {
  let key = keys.get(check);
  if (key === undefined) keys.set(check, (key = check.constants?.map(constantKey).join(',') ?? ''));
  return key;
}

function constantKey(constant: Constant): string {
  if (constant instanceof Uint8Array) return `b${Buffer.from(constant).toString('hex')}`;
  if (typeof constant !== 'object') return JSON.stringify([typeof constant, String(constant)]);
  if ('text' in constant) return JSON.stringify([constant.text, String(constant.number)]);
  return JSON.stringify(constant);
}

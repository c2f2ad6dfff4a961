/** The closure back end: a checked condition becomes functions over one form of event. */

import type { Event, Form, Reader, Scalar, Value } from '../../events/field.ts';
import { feedCheck } from '../check/check-feeds.ts';
import { isNeverInNetworks, pairTest, testOf } from '../check/tests.ts';
import type { TypedCheck, TypedExpr, TypedOperator, TypedTerm } from '../check/typed-ast.ts';
import type { Modifier } from '../language.ts';
import type { Constant } from '../values/constants.ts';
import { isText } from '../values/types.ts';
import { addressCheck } from './address-checks.ts';
import { candidatesOf, isMembership } from './membership.ts';
import { PrefixTree } from './prefix-tree.ts';
import { termReader } from './terms.ts';

export type Predicate<E extends Event> = (event: E) => boolean;

/** What is the same for every event as a predicate too. */
export function predicateOf<E extends Event>(compiled: Predicate<E> | boolean): Predicate<E> {
  return typeof compiled === 'function' ? compiled : () => compiled;
}

/** What is known of the events that a predicate will see. */
export interface Known {
  /** Their event type: checks of it need not be made for each event. */
  readonly eventType?: string | undefined;
}

/** Compiles a condition. The result is `true` or `false` when it is the same for every event. */
export function compile<E extends Event>(expr: TypedExpr, form: Form<E>, known: Known = {}): Predicate<E> | boolean {
  switch (expr.kind) {
    case 'and':
      return junction(expr.items, form, known, false);
    case 'or':
      return junction(expr.items, form, known, true);
    case 'not': {
      const item = compile(expr.item, form, known);
      return typeof item === 'boolean' ? !item : (event) => !item(event);
    }
    case 'check':
      return check(expr, form, known);
  }
}

/** `and`, `or`: `decisive` is the value of an operand that decides the whole. */
function junction<E extends Event>(
  items: readonly TypedExpr[],
  form: Form<E>,
  known: Known,
  decisive: boolean,
): Predicate<E> | boolean {
  const predicates: Predicate<E>[] = [];
  for (const item of items) {
    const predicate = compile(item, form, known);
    if (predicate === decisive) return decisive;
    if (typeof predicate === 'function') predicates.push(predicate);
  }
  return decisive ? anyOf(predicates) : allOf(predicates);
}

// Two, three and four operands are most of all; calls through constants inline, a loop over an array does not.
export function allOf<E extends Event>(predicates: readonly Predicate<E>[]): Predicate<E> | boolean {
  const [a, b, c, d] = predicates;
  if (a === undefined) return true;
  if (b === undefined) return a;
  if (c === undefined) return (event) => a(event) && b(event);
  if (d === undefined) return (event) => a(event) && b(event) && c(event);
  if (predicates.length === 4) return (event) => a(event) && b(event) && c(event) && d(event);
  // Halves, so that a condition of thousands nests only a dozen deep.
  const middle = predicates.length >> 1;
  const left = allOf(predicates.slice(0, middle)) as Predicate<E>;
  const right = allOf(predicates.slice(middle)) as Predicate<E>;
  return (event) => left(event) && right(event);
}

export function anyOf<E extends Event>(predicates: readonly Predicate<E>[]): Predicate<E> | boolean {
  const [a, b, c, d] = predicates;
  if (a === undefined) return false;
  if (b === undefined) return a;
  if (c === undefined) return (event) => a(event) || b(event);
  if (d === undefined) return (event) => a(event) || b(event) || c(event);
  if (predicates.length === 4) return (event) => a(event) || b(event) || c(event) || d(event);
  // Halves, so that a condition of thousands nests only a dozen deep.
  const middle = predicates.length >> 1;
  const left = anyOf(predicates.slice(0, middle)) as Predicate<E>;
  const right = anyOf(predicates.slice(middle)) as Predicate<E>;
  return (event) => left(event) || right(event);
}

function check<E extends Event>(expr: TypedCheck, form: Form<E>, known: Known): Predicate<E> | boolean {
  const { left, constants, right } = expr;
  if (known.eventType !== undefined && constants !== undefined && isEventType(left)) {
    return valueTest(expr, constants)(known.eventType);
  }
  const ofAddress = addressCheck(expr, form);
  const read = ofAddress?.read ?? termReader(left, form);
  const readRight = right && termReader(right, form);
  if (read === undefined || (right !== undefined && readRight === undefined)) return false;
  return boundCheck(ofAddress?.check ?? expr, read, readRight);
}

/** A check of what `read` gives of an event; `readRight`: of what is on its right, if that is a term. */
export function boundCheck<E extends Event>(
  expr: TypedCheck,
  read: Reader<E>,
  readRight: Reader<E> | undefined,
): Predicate<E> | boolean {
  if (expr.constants !== undefined) return constantCheck(expr, read, expr.constants);
  return readRight === undefined ? (event) => read(event) !== undefined : pairCheck(expr, read, readRight);
}

/** Whether a term is the type of the event, which may be known beforehand. */
export function isEventType(term: TypedTerm): boolean {
  return term.kind === 'field' && term.ref.text === 'evt.type';
}

function constantCheck<E extends Event>(
  expr: TypedCheck,
  read: Reader<E>,
  constants: readonly Constant[],
): Predicate<E> | boolean {
  if (isMembership(expr)) return membershipCheck(expr, read, constants);
  const test = valueTest(expr, constants);
  return (event) => {
    const value = read(event);
    return value !== undefined && test(value);
  };
}

function membershipCheck<E extends Event>(
  { operator }: TypedCheck,
  read: Reader<E>,
  constants: readonly Constant[],
): Predicate<E> | boolean {
  const [constant] = constants;
  if (constant === undefined) return false;
  if (operator === '=') return (event) => read(event) === constant;
  if (operator === '!=') {
    return (event) => {
      const value = read(event);
      return value !== undefined && value !== constant;
    };
  }
  const set = setOf(constants);
  return (event) => set.has(read(event));
}

const sets = new WeakMap<readonly Constant[], ReadonlySet<unknown>>();

/** The constants as a set, the same one however often the check is compiled. */
function setOf(constants: readonly Constant[]): ReadonlySet<unknown> {
  let set = sets.get(constants);
  if (set === undefined) {
    set = new Set<unknown>(constants);
    sets.set(constants, set);
  }
  return set;
}

/** A test of a present value, which may be a list or several candidates. */
export function valueTest(
  { left, operator, modifier }: TypedCheck,
  constants: readonly Constant[],
): (value: Value) => boolean {
  const compare = (each: readonly Constant[]): ((value: Value) => boolean) => {
    if (left.list) return listTest(operator, testOf(left.type, 'in', each));
    const candidates = candidatesOf(left);
    if (candidates === undefined) return testOf(left.type, operator, each) as (value: Value) => boolean;
    return candidateTest(left, operator, candidates, each);
  };
  if (isNeverInNetworks({ left, operator, modifier })) return () => operator === '!=' && constants.length > 0;
  if (modifier === 'anyof' && !left.list) {
    const test = anyOfTest(left, operator, constants);
    if (test !== undefined)
      return candidatesOf(left) === undefined ? (test as (value: Value) => boolean) : someTest(test);
  }
  return modifier === undefined
    ? compare(constants)
    : modified(
        modifier,
        constants.map((constant) => compare([constant])),
      );
}

/** Looks for all constants at once, where that can be. */
function anyOfTest(
  { type }: TypedTerm,
  operator: TypedOperator,
  constants: readonly Constant[],
): ((value: Scalar) => boolean) | undefined {
  if (operator === '=') return testOf(type, 'in', constants);
  if (operator !== 'startswith' || !isText(type)) return undefined;
  const tree = new PrefixTree<boolean>();
  for (const constant of constants) tree.set(String(constant), true);
  return (value) => typeof value === 'string' && tree.find(value, false, () => true);
}

function someTest(test: (value: Scalar) => boolean): (value: Value) => boolean {
  return (value) => (Array.isArray(value) ? value.some(test) : test(value as Scalar));
}

function listTest(operator: TypedOperator, test: (value: Scalar) => boolean): (value: Value) => boolean {
  return (value) => {
    const list = Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar];
    return operator === 'in' ? list.every(test) : list.some(test);
  };
}

function candidateTest(
  left: TypedTerm,
  operator: TypedOperator,
  candidates: 'either' | 'any',
  constants: readonly Constant[],
): (value: Value) => boolean {
  const none = candidates === 'either' && operator === '!=';
  const test = testOf(left.type, none ? '=' : operator, constants);
  return (value) => {
    if (!Array.isArray(value)) return test(value as Scalar) !== none;
    return none ? value.length > 0 && !value.some(test) : value.some(test);
  };
}

function modified(modifier: Modifier, tests: readonly ((value: Value) => boolean)[]): (value: Value) => boolean {
  switch (modifier) {
    case 'anyof':
      return (value) => tests.some((test) => test(value));
    case 'allof':
      return (value) => tests.length > 0 && tests.every((test) => test(value));
    case 'oneof':
      return (value) => {
        let holding = 0;
        for (const test of tests) if (test(value) && ++holding > 1) return false;
        return holding === 1;
      };
  }
}

/** A comparison of two values of an event; false where either is absent. */
export function pairCheck<E extends Event>(expr: TypedCheck, read: Reader<E>, readRight: Reader<E>): Predicate<E> {
  const { left, operator, right } = expr;
  if (right?.kind === 'feed') return feedCheck(expr, right, read);
  const same = pairTest(left.type, operator);
  return (event) => {
    const value = read(event);
    if (value === undefined) return false;
    const other = readRight(event);
    if (other === undefined) return false;
    if (left.list) return listPair(value, other, operator, same);
    if (!Array.isArray(value)) return same(value as Scalar, other as Scalar);
    return operator === '!='
      ? value.length > 0 && value.every((each) => same(each, other as Scalar))
      : value.some((each) => same(each, other as Scalar));
  };
}

function listPair(
  left: Value,
  right: Value,
  operator: TypedOperator,
  same: (left: Scalar, right: Scalar) => boolean,
): boolean {
  const rights = Array.isArray(right) ? (right as readonly Scalar[]) : [right as Scalar];
  return listTest(operator, (value) => rights.some((other) => same(value, other)))(left);
}

/**
 * Conditions judged in two steps: first of each the few checks that most likely decide, in one function that shares what
 * they read, then the rest of those that are left.
 */

import type { Event } from '../../events/field.ts';
import { generate, type Matcher, MOST_CHECKS, splitLarge } from './generate.ts';
import type { Lowered, Node, Nodes } from './nodes.ts';
import { Order } from './order.ts';

/** Together at most this many checks are judged in one step. */
const SMALL = 40;
/** Checks of one condition in the first step, and how seldom they have to hold together for no more to be asked. */
const MOST_FIRST = 8;
const SELDOM = 0.005;

interface Step<E extends Event> {
  readonly bits: number;
  readonly match: Matcher<E>;
}

/** Makes the matcher of up to `MOST_CONDITIONS` conditions of any size. */
export function sieve<E extends Event>(conditions: readonly Lowered<E>[], nodes: Nodes<E>): Matcher<E> {
  const whole = conditions.map((condition) =>
    typeof condition === 'boolean' ? condition : splitLarge(condition, nodes),
  );
  const size = whole.reduce((sum, condition) => sum + sizeOf(condition), 0);
  if (size <= SMALL) return generate(whole);
  const order = new Order(whole.filter((condition) => typeof condition !== 'boolean'));
  const first = generate(whole.map((condition) => firstChecks(condition, MOST_FIRST, order, nodes)));
  const steps = stepsOf(whole);
  return (event, among) => {
    const left = first(event, among);
    return left === 0 ? 0 : judgeRest(event, left, steps);
  };
}

function judgeRest<E extends Event>(event: E, left: number, steps: readonly Step<E>[]): number {
  let found = 0;
  for (let index = 0; index < steps.length; index++) {
    const { bits, match } = steps[index] as Step<E>;
    if ((left & bits) !== 0) found |= match(event, left & bits);
  }
  return found;
}

function sizeOf<E extends Event>(condition: Lowered<E>): number {
  return typeof condition === 'boolean' ? 0 : condition.size;
}

/** A condition of at most `most` checks that holds whenever the whole does, and seldom otherwise. */
function firstChecks<E extends Event>(
  condition: Lowered<E>,
  most: number,
  order: Order<E>,
  nodes: Nodes<E>,
): Lowered<E> {
  if (typeof condition === 'boolean' || condition.size <= most) return condition;
  if (condition.kind === 'or') {
    const each = Math.floor(most / condition.items.length);
    if (each === 0) return true;
    return nodes.junction(
      'or',
      condition.items.map((item) => firstChecks(item, each, order, nodes)),
    );
  }
  if (condition.kind !== 'and') return true;
  const chosen: Node<E>[] = [];
  let size = 0;
  let chance = 1;
  for (const item of order.of(condition)) {
    const part = firstChecks(item, most - size, order, nodes);
    if (typeof part === 'boolean') continue;
    chosen.push(part);
    size += part.size;
    chance *= order.guess(part).chance;
    if (chance < SELDOM || size === most) break;
  }
  return nodes.junction('and', chosen);
}

function stepsOf<E extends Event>(conditions: readonly Lowered<E>[]): readonly Step<E>[] {
  const steps: Step<E>[] = [];
  let own: Lowered<E>[] = [];
  let start = 0;
  let size = 0;
  const finish = (end: number) => {
    const bits = (2 ** end - 1) & ~(2 ** start - 1);
    const match = generate(own);
    const shift = start;
    steps.push({ bits, match: (event, among) => match(event, among >>> shift) << shift });
    own = [];
    start = end;
    size = 0;
  };
  for (const [index, condition] of conditions.entries()) {
    if (own.length > 0 && size + sizeOf(condition) > MOST_CHECKS) finish(index);
    own.push(condition);
    size += sizeOf(condition);
  }
  finish(conditions.length);
  return steps;
}

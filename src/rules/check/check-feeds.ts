/** Checks and tests that compare with lists whose items come from elsewhere. */

import type { Event, Reader, Scalar, Value } from '../../events/field.ts';
import type { Modifier, Span } from '../language.ts';
import type { Use } from '../lists/items-kept.ts';
import type { FeedRef } from '../syntax/ast.ts';
import type { Constant } from '../values/constants.ts';
import { isText, typeName } from '../values/types.ts';
import type { Checking } from './checking.ts';
import { isEventTypeField } from './event-types.ts';
import { testOf } from './tests.ts';
import type { TypedCheck, TypedFeed, TypedOperator, TypedTerm } from './typed-ast.ts';

interface Comparing {
  readonly left: TypedTerm;
  readonly operator: TypedOperator;
  readonly modifier: Modifier | undefined;
  readonly feeds: readonly FeedRef[];
  readonly constants: readonly Constant[];
  readonly span: Span;
}

/** What a check compares with, its lists told how they are used. Throws a Problem for uses that there are none of. */
export function checkFeeds(checker: Checking, comparing: Comparing): TypedFeed {
  const { left, operator, modifier, feeds, constants } = comparing;
  const [first] = feeds;
  const span = first?.span ?? comparing.span;
  const names = feeds.map(({ feed }) => feed.name).join(', ');
  if (isEventTypeField(left)) {
    checker.fail(`event types cannot come from the list ${names}: they have to be known beforehand`, span);
  }
  if (left.kind === 'field' && left.ref.field.hosts) {
    checker.fail(`${left.ref.text} cannot be compared with the list ${names}, which comes from elsewhere`, span, {
      hint: 'Names of hosts are looked up when rules are loaded: write them in a list of its own.',
    });
  }
  const use = useOf(comparing);
  if (use === undefined) {
    const how = modifier === undefined ? operator : `${operator} ${modifier}`;
    checker.fail(
      `'${how}' does not go with the list ${names}, which comes from elsewhere, for ${typeName(left)}`,
      span,
      {
        hint: 'Such lists go with in, intersects, pmatch, = anyof, startswith anyof and startswith oneof.',
      },
    );
  }
  const { type, list } = left;
  const live = feeds.map(({ feed }) => ({ name: feed.name, items: feed.itemsFor(use) }));
  return { kind: 'feed', type, list, feeds: live, constants };
}

function useOf({ left, operator, modifier }: Comparing): Use | undefined {
  const { type } = left;
  const several = left.kind === 'field' && left.candidates !== undefined;
  // Which of several items holds is counted only where each of them can hold by itself.
  if (modifier === 'allof' || (modifier === 'oneof' && several)) return undefined;
  // See isNeverInNetworks.
  if (modifier !== undefined && type === 'IPNET') return undefined;
  const isMember = operator === 'in' || operator === 'intersects' || (operator === '=' && modifier !== undefined);
  if (isMember && type === 'IPNET') return { kind: 'networks' };
  if (isMember && type !== 'BYTEBUF' && type !== 'DYNAMIC') return { kind: 'values', type };
  if (operator === 'pmatch') return { kind: 'paths' };
  return operator === 'startswith' && modifier !== undefined && isText(type) ? { kind: 'beginnings' } : undefined;
}

/** The test of a check that compares with lists from elsewhere. What they hold may change between two events. */
export function feedCheck<E extends Event>(
  { left, operator, modifier }: Pick<TypedCheck, 'left' | 'operator' | 'modifier'>,
  { feeds, constants }: TypedFeed,
  read: Reader<E>,
): (event: E) => boolean {
  const tests = constantTests({ left, operator }, constants);
  const one = (value: Scalar): boolean => {
    let count = 0;
    for (const test of tests) if (test(value)) count++;
    for (let index = 0; index < feeds.length; index++)
      count += (feeds[index] as (typeof feeds)[number]).items.count(value);
    return modifier === 'oneof' ? count === 1 : count > 0;
  };
  return (event) => {
    const value: Value | undefined = read(event);
    if (value === undefined) return false;
    if (!Array.isArray(value)) return one(value as Scalar);
    const values = value as readonly Scalar[];
    return left.list && operator === 'in' ? values.every(one) : values.some(one);
  };
}

/** Of `oneof` each constant counts by itself. */
function constantTests(
  { left, operator }: Pick<TypedCheck, 'left' | 'operator'>,
  constants: readonly Constant[],
): readonly ((value: Scalar) => boolean)[] {
  const element = left.list ? 'in' : operator;
  if (constants.length === 0) return [];
  if (element !== 'startswith' && element !== '=') return [testOf(left.type, element, constants)];
  return constants.map((constant) => testOf(left.type, element, [constant]));
}

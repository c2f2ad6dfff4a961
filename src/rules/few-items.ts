/** Conditions with the items of small lists from elsewhere in place, for as long as those hold no others. */

import type { TypedCheck, TypedExpr } from './check.ts';
import { asTheyAre, type Lists } from './list-feed.ts';

/** Whether a condition compares with lists from elsewhere: then what is made of it lasts until they hold other items. */
export function usesFeeds(expr: TypedExpr): boolean {
  switch (expr.kind) {
    case 'not':
      return usesFeeds(expr.item);
    case 'check':
      return expr.right?.kind === 'feed';
    default:
      return expr.items.some(usesFeeds);
  }
}

/** The same condition, as if the items of small lists stood in it. What has none stays the same object. */
export function withFewItems(expr: TypedExpr): TypedExpr {
  if (!usesFeeds(expr)) return expr;
  switch (expr.kind) {
    case 'not':
      return { kind: 'not', item: withFewItems(expr.item) };
    case 'check':
      return checkWithFew(expr);
    default:
      return { kind: expr.kind, items: expr.items.map(withFewItems) };
  }
}

export function checkWithFew(check: TypedCheck, lists: Lists = asTheyAre): TypedCheck {
  const { right, ...rest } = check;
  if (right?.kind !== 'feed') return check;
  const constants = [...right.constants];
  for (const { items } of right.feeds) {
    const { few } = lists(items);
    if (few === undefined) return check;
    constants.push(...few);
  }
  return { ...rest, constants };
}

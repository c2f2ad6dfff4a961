/** Conditions with the items of small lists from elsewhere in place, for as long as those hold no others. */

import type { TypedCheck, TypedExpr, TypedFeed } from '../check/typed-ast.ts';
import { asTheyAre, type Lists } from '../lists/list-feed.ts';

/** The lists from elsewhere that a condition compares with, in each use: what is made of it lasts until they hold other items. */
export function feedsIn(expr: TypedExpr): TypedFeed['feeds'] {
  switch (expr.kind) {
    case 'not':
      return feedsIn(expr.item);
    case 'check':
      return expr.right?.kind === 'feed' ? expr.right.feeds : [];
    default:
      return expr.items.flatMap(feedsIn);
  }
}

/** The same condition, as if the items of small lists stood in it. What has none stays the same object. */
export function withFewItems(expr: TypedExpr): TypedExpr {
  if (feedsIn(expr).length === 0) return expr;
  switch (expr.kind) {
    case 'not':
      return { kind: 'not', item: withFewItems(expr.item) };
    case 'check':
      return checkWithFew(expr);
    default:
      return { kind: expr.kind, items: expr.items.map(withFewItems) };
  }
}

/** A check with the items that its lists have now written out; as it was where one of them has too many. */
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

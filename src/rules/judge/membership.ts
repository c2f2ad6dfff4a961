/** Checks that ask a value to be one of some, or to begin with a text: what finds conditions by values is made of them. */

import { isIdentity } from '../check/tests.ts';
import type { TypedCheck, TypedTerm } from '../check/typed-ast.ts';
import type { Constant } from '../values/constants.ts';
import { isText } from '../values/types.ts';

type ConstantCheck = TypedCheck & { readonly constants: readonly Constant[] };

/** Whether a check asks if a value is one of some, or is not one, and `===` says whether values are the same. */
export function isMembership(check: TypedCheck): check is ConstantCheck {
  const { left, operator, modifier, constants } = check;
  return (
    constants !== undefined &&
    modifier === undefined &&
    isPlain(left) &&
    isIdentity(left.type) &&
    ['=', '!=', 'in', 'intersects'].includes(operator)
  );
}

/** The values of which a term has to have one for a check to hold; undefined where it asks for something else. */
export function valuesAsked(check: TypedCheck): readonly Constant[] | undefined {
  return check.operator !== '!=' && isMembership(check) ? check.constants : undefined;
}

/** Whether a check asks if a text begins with another. */
export function isPrefix(check: TypedCheck): check is ConstantCheck {
  const { left, operator, modifier, constants } = check;
  return (
    operator === 'startswith' && modifier === undefined && constants !== undefined && isPlain(left) && isText(left.type)
  );
}

/** Whether a term has one value. */
export function isPlain(term: TypedTerm): boolean {
  return !term.list && candidatesOf(term) === undefined;
}

/** How a comparison treats several values of a term that is no list. */
export function candidatesOf(term: TypedTerm): 'either' | 'any' | undefined {
  return term.kind === 'field' ? term.candidates : undefined;
}

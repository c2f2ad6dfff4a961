/** Conditions that no event can meet, as their equalities tell: `proc.name = a and proc.name = b`. */

import type { TypedCheck, TypedExpr } from '../check/typed-ast.ts';
import type { Constant } from '../values/constants.ts';

/** By field: the values that it must have one of. */
type Values = ReadonlyMap<string, ReadonlySet<Constant>>;
/** Values, or the field that would need two of them at once. */
type Known = Values | string;

/** More values than this are a list: nothing is concluded from them. */
const MOST = 100;
const ANYTHING: Values = new Map();
/** Types whose values are equal when they are the same. */
const PLAIN = /^(?:CHARBUF|BOOL|PORT|U?INT\d+)$/;

/** The field that would need two values at once for a condition to be true; undefined where none is found. */
export function contradiction(expr: TypedExpr): string | undefined {
  const known = ofExpr(expr, false);
  return typeof known === 'string' ? known : undefined;
}

function ofExpr(expr: TypedExpr, negated: boolean): Known {
  switch (expr.kind) {
    case 'not':
      return ofExpr(expr.item, !negated);
    case 'check':
      // A check of an absent value is false, and its negation true.
      return negated ? ANYTHING : ofCheck(expr);
    default: {
      const items = expr.items.map((item) => ofExpr(item, negated));
      return (expr.kind === 'and') !== negated ? items.reduce(both, ANYTHING) : either(items);
    }
  }
}

function both(a: Known, b: Known): Known {
  if (typeof a === 'string') return a;
  if (typeof b === 'string') return b;
  const joined = new Map(a);
  for (const [field, values] of b) {
    const others = a.get(field);
    const common = others === undefined ? values : values.intersection(others);
    if (common.size === 0) return field;
    joined.set(field, common);
  }
  return joined;
}

function either(items: readonly Known[]): Known {
  const [first, ...rest] = items.filter((item) => typeof item !== 'string');
  // Nothing is one of none, and that is not this one's to say.
  if (first === undefined) return items[0] ?? ANYTHING;
  const joined = new Map(first);
  for (const [field, values] of first) {
    const all = rest.reduce<ReadonlySet<Constant> | undefined>((sum, item) => {
      const more = item.get(field);
      return more && sum?.union(more);
    }, values);
    if (all === undefined || all.size > MOST) joined.delete(field);
    else joined.set(field, all);
  }
  return joined;
}

function ofCheck({ left, operator, modifier, constants }: TypedCheck): Values {
  if (left.kind !== 'field' || left.list || left.candidates !== undefined || modifier !== undefined) return ANYTHING;
  if ((operator !== '=' && operator !== 'in') || !constants || !PLAIN.test(left.type)) return ANYTHING;
  if (constants.length === 0 || constants.length > MOST) return ANYTHING;
  const isPlain = constants.every((constant) => ['string', 'number', 'bigint', 'boolean'].includes(typeof constant));
  return isPlain ? new Map([[left.ref.text, new Set(constants)]]) : ANYTHING;
}

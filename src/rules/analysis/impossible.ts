/** Conditions that are true of no event of a type: for want of a field or of items, or for a path that none has. */

import { inferNames } from '../check/event-types.ts';
import type { TypedCheck, TypedExpr, TypedTerm } from '../check/typed-ast.ts';
import { asTheyStay } from '../lists/list-feed.ts';
import { checkWithFew } from './few-items.ts';

/** Of a field: such events do not have it, it is compared with no value at all, or it is never that relative path. */
export interface Impossible {
  readonly field: string;
  readonly why: 'absent' | 'empty' | { readonly path: string };
}

/** Why a condition is true of no event of a type; undefined where nothing says so. */
export function whyImpossible(
  expr: TypedExpr,
  eventType: string,
  isAbsent: (field: string) => boolean,
): Impossible | undefined {
  const reason = ofExpr(expr, { eventType, isAbsent }, false);
  return reason === OTHER_TYPE ? undefined : reason;
}

interface Events {
  readonly eventType: string;
  readonly isAbsent: (field: string) => boolean;
}

/** It is about events of other types. */
const OTHER_TYPE = 'other type';
type Reason = Impossible | typeof OTHER_TYPE;

function ofExpr(expr: TypedExpr, events: Events, negated: boolean): Reason | undefined {
  switch (expr.kind) {
    case 'not':
      return ofExpr(expr.item, events, !negated);
    case 'check':
      return ofCheck(expr, events, negated);
    default: {
      const reasons = expr.items.map((item) => ofExpr(item, events, negated));
      const isAll = (expr.kind === 'and') !== negated;
      if (!isAll && reasons.includes(undefined)) return undefined;
      const own = reasons.find((reason) => reason !== undefined && reason !== OTHER_TYPE);
      const isOther = reasons.includes(OTHER_TYPE);
      // Of alternatives those for other types say nothing of this one; where all must hold, one of them says it all.
      return isAll && isOther ? OTHER_TYPE : (own ?? (isOther ? OTHER_TYPE : undefined));
    }
  }
}

function ofCheck(check: TypedCheck, { eventType, isAbsent }: Events, negated: boolean): Reason | undefined {
  const { names, except } = inferNames(negated ? { kind: 'not', item: check } : check);
  if (names.has(eventType) === except) return OTHER_TYPE;
  // A check of an absent value is false, and its negation true.
  if (negated) return undefined;
  const field = [check.left, check.right].map(fieldOf).find((text) => text !== undefined && isAbsent(text));
  if (field !== undefined) return { field, why: 'absent' };
  const withItems = checkWithFew(check, asTheyStay);
  return ofValues(withItems) ?? (OPENS.has(eventType) ? ofPath(withItems) : undefined);
}

// Nothing is one of none; only all the values of a list that has none are.
function ofValues({ left, modifier, constants }: TypedCheck): Impossible | undefined {
  const field = fieldOf(left);
  if (field === undefined || left.list || modifier === 'allof' || constants?.length !== 0) return undefined;
  return { field, why: 'empty' };
}

// What transformers make of an absent value is theirs to say.
function fieldOf(term: TypedTerm | undefined): string | undefined {
  return term?.kind === 'field' ? term.ref.text : undefined;
}

const OPENS: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat', 'open_by_handle_at']);
/** What is opened is named by its absolute path in these. */
const PATHS: ReadonlySet<string> = new Set(['fd.name', 'fd.directory', 'fd.realpath', 'fs.path.name', 'evt.arg.name']);
/** Absolute paths, those of which the directory is not known (`<UNKNOWN>`), and names of what has none (`memfd:x`). */
const NAMES = /^[/<]|[:[]|^$/;

function ofPath({ left, operator, constants = [] }: TypedCheck): Impossible | undefined {
  const field = fieldOf(left) ?? '';
  const isNever = (value: unknown): value is string =>
    typeof value === 'string' && !NAMES.test(value) && (operator !== 'startswith' || value.includes('/'));
  if (!PATHS.has(field) || !['=', 'in', 'startswith'].includes(operator)) return undefined;
  const [path] = constants;
  return isNever(path) && constants.every(isNever) ? { field, why: { path } } : undefined;
}

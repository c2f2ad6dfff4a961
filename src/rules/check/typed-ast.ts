/** Conditions that were checked, as trees: what back ends compile, and what all else about a condition is found out of. */

import type { FieldRef } from '../../events/field.ts';
import type { Modifier, Operator, Span } from '../language.ts';
import type { FeedItems } from '../lists/list-feed.ts';
import type { Term } from '../syntax/ast.ts';
import type { Constant } from '../values/constants.ts';
import type { TermType } from '../values/types.ts';

/** A value that a condition reads: a field, a constant, or a transformer of such. */
export type TypedTerm = TypedField | TypedConstant | TypedCall | TypedList | TypedFeed;

export interface TypedField extends TermType {
  readonly kind: 'field';
  readonly ref: FieldRef;
  /** How several values that are not a list compare (see Field.candidates). */
  readonly candidates?: 'either' | 'any' | undefined;
}

export interface TypedConstant extends TermType {
  readonly kind: 'constant';
  readonly value: string;
}

export interface TypedCall extends TermType {
  readonly kind: 'call';
  readonly name: Exclude<Extract<Term, { kind: 'transformer' }>['name'], 'val'>;
  readonly args: readonly TypedTerm[];
  readonly arg?: string | undefined;
}

/** A list in parentheses, as an argument of a transformer. */
export interface TypedList extends TermType {
  readonly kind: 'list';
  readonly items: readonly TypedTerm[];
}

/** Lists that come from elsewhere, with the constants beside them: what a check compares with, never read of an event. */
export interface TypedFeed extends TermType {
  readonly kind: 'feed';
  readonly feeds: readonly { readonly name: string; readonly items: FeedItems }[];
  readonly constants: readonly Constant[];
}

/** A condition whose fields and constants are known to be right: what back ends compile. */
export type TypedExpr = TypedJunction | { readonly kind: 'not'; readonly item: TypedExpr } | TypedCheck;

export interface TypedJunction {
  readonly kind: 'and' | 'or';
  readonly items: readonly TypedExpr[];
  /** False where no check in it says anything of the event's type: most are passed over then. */
  readonly asksType?: boolean;
}

export type TypedOperator = Exclude<Operator, '=='> | 'exists';

export interface TypedCheck {
  readonly kind: 'check';
  readonly left: TypedTerm;
  readonly operator: TypedOperator;
  readonly modifier?: Modifier | undefined;
  /** What is compared with: constants, or a term. Neither for `exists`. */
  readonly constants?: readonly Constant[];
  readonly right?: TypedTerm;
  readonly span: Span;
}

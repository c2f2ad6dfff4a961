/** The syntax tree of a condition. Every node knows the part of the text that it came from. */

import type { Literal, Modifier, Operator, Span, TransformerName } from '../language.ts';
import type { ListFeed } from '../lists/list-feed.ts';

export interface FieldTerm {
  readonly kind: 'field';
  readonly name: string;
  readonly arg?: string;
  readonly span: Span;
}

export interface TransformerTerm {
  readonly kind: 'transformer';
  readonly name: TransformerName;
  readonly args: readonly Argument[];
  readonly arg?: string;
  readonly span: Span;
}

/** A list whose items come from elsewhere, named among the items of a list. */
export interface FeedRef {
  readonly kind: 'feed';
  readonly feed: ListFeed;
  readonly span: Span;
}

export interface LiteralList {
  readonly kind: 'list';
  readonly items: readonly Literal[];
  /** Absent where there is none. */
  readonly feeds?: readonly FeedRef[];
  readonly span: Span;
}

/** A list named without parentheses: `in NAME`, `= anyof NAME`. */
export interface ListName {
  readonly kind: 'listName';
  readonly name: string;
  readonly span: Span;
}

export interface ArgumentList {
  readonly kind: 'arguments';
  readonly items: readonly (Term | Literal)[];
  readonly span: Span;
}

export type Term = FieldTerm | TransformerTerm;
export type Argument = Term | Literal | ArgumentList;
export type Right = Literal | LiteralList | ListName | Term;

export interface Junction {
  readonly kind: 'and' | 'or';
  readonly items: readonly Expr[];
  readonly span: Span;
}

export interface Not {
  readonly kind: 'not';
  readonly item: Expr;
  readonly span: Span;
}

export interface Exists {
  readonly kind: 'exists';
  readonly left: Term;
  readonly span: Span;
}

export interface Comparison {
  readonly kind: 'compare';
  readonly left: Term;
  readonly operator: Operator;
  readonly modifier?: Modifier;
  readonly right: Right;
  readonly span: Span;
}

/** The name of a macro. `macro` is set once macros are resolved. */
export interface MacroRef {
  readonly kind: 'macro';
  readonly name: string;
  readonly macro?: MacroBody;
  readonly span: Span;
}

/** What a macro stands for; `owner` says whose text the spans inside refer to. */
export interface MacroBody {
  readonly name: string;
  readonly body: Expr;
  readonly owner: unknown;
}

export type Check = Exists | Comparison;
export type Expr = Junction | Not | Check | MacroRef;

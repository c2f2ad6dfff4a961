/** What looks like the name of a list where there is none of that name: Falco compares with it as with any text. */

import { suggest } from '../../core/errors.ts';
import type { Literal, Span } from '../language.ts';
import type { ComposedText } from '../source.ts';
import type { Comparison, Expr } from '../syntax/ast.ts';

interface StrayName {
  readonly name: string;
  readonly span: Span;
}

/** Words joined by _, as lists are called and few values are; and where nothing else says so, several of something. */
const LISTLIKE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/i;
const PLURAL = /(?:s|_list|_set)$/i;
/** Where nothing else tells a list from a value: letters by which a misspelt name may differ. */
const SLIP = 2;
/** More items than this are a list themselves. */
const MOST = 50;

/**
 * Those in a condition, not in the macros that it names.
 * @param words what was written in it before lists were put in place
 * @param lists the names of all lists
 */
export function strayNames(
  ast: Expr,
  text: ComposedText,
  words: readonly string[],
  lists: () => Iterable<string>,
): readonly StrayName[] {
  const found: StrayName[] = [];
  const visit = (expr: Expr): void => {
    if (expr.kind === 'not') visit(expr.item);
    else if (expr.kind === 'and' || expr.kind === 'or') expr.items.forEach(visit);
    else if (expr.kind === 'compare') ofComparison(expr, isStray, found);
  };
  const isStray = ({ text: name, quoted, span }: Literal, isAlone: boolean): boolean => {
    if (quoted || !LISTLIKE.test(name) || !words.includes(name)) return false;
    // What stands in a list or an exception is a value; only a name that is nearly one is said of an exception.
    const ways = text.ways(span);
    if (ways.some((way) => way.startsWith('in list'))) return false;
    return (isAlone && ways.length === 0 && PLURAL.test(name)) || suggest(name, lists(), SLIP) !== undefined;
  };
  visit(ast);
  return found;
}

function ofComparison(
  { right }: Comparison,
  isStray: (literal: Literal, isAlone: boolean) => boolean,
  found: StrayName[],
): void {
  // Without parentheses nothing else is meant.
  if (right.kind === 'listName') found.push(right);
  if (right.kind !== 'list' || right.items.length > MOST) return;
  const isAlone = right.items.length === 1 && right.feeds === undefined;
  for (const item of right.items) if (isStray(item, isAlone)) found.push({ name: item.text, span: item.span });
}

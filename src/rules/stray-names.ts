/** What looks like the name of a list where there is none of that name: Falco compares with it as with any text. */

import { suggest } from '../core/errors.ts';
import type { Comparison, Expr, Span } from './ast.ts';
import type { ComposedText } from './source.ts';

interface StrayName {
  readonly name: string;
  readonly span: Span;
}

/** Words joined by _, as lists are called and few values are; and where nothing else says so, several of something. */
const LISTLIKE = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/i;
/** More items than this are a list themselves. */
const MOST = 50;
const PLURAL = /(?:s|_list|_set)$/i;

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
  const own = new Set(words);
  const found: StrayName[] = [];
  const visit = (expr: Expr): void => {
    if (expr.kind === 'not') visit(expr.item);
    else if (expr.kind === 'and' || expr.kind === 'or') expr.items.forEach(visit);
    else if (expr.kind === 'compare') found.push(...ofComparison(expr, text, own, lists));
  };
  visit(ast);
  return found;
}

function ofComparison(
  { right }: Comparison,
  text: ComposedText,
  own: ReadonlySet<string>,
  lists: () => Iterable<string>,
): readonly StrayName[] {
  // Without parentheses nothing else is meant.
  if (right.kind === 'listName') return [right];
  if (right.kind !== 'list' || right.items.length > MOST) return [];
  const { items, feeds } = right;
  const isAlone = items.length === 1 && feeds === undefined;
  return items.flatMap(({ text: name, quoted, span }) => {
    if (quoted || !own.has(name) || !LISTLIKE.test(name)) return [];
    // What stands in a list or an exception is a value; only a name that is nearly one is said of an exception.
    const { via } = text.locate(span);
    if (via?.startsWith('in list')) return [];
    return (isAlone && PLURAL.test(name) && via === undefined) || suggest(name, lists()) !== undefined
      ? [{ name, span }]
      : [];
  });
}

/** Advice for conditions that do not parse: what people write who know another language. */

import type { Scanner } from './scanner.ts';

const keyword = /^(?:AND|OR|NOT|And|Or|Not)$/;

/** Advice on what stands where something else was expected; undefined when there is none. */
export function hintAfter({ text, position, lastToken }: Scanner): string | undefined {
  const next = /^[^\s()]+/.exec(text.slice(position))?.[0] ?? '';
  if (keyword.test(next) || keyword.test(lastToken)) return 'Keywords are written in lower case: and, or, not.';
  if (next.startsWith('#')) return 'A condition cannot hold comments.';
  if (next.startsWith('&&') || next.startsWith('||')) return 'Checks are joined by and, or.';
  if (/^(?:oneof|anyof|allof)$/i.test(lastToken)) {
    return 'A modifier is written in lower case, with a blank before and after it: = anyof (a, b).';
  }
  if (/^[^\s()]+$/.test(next) && /^[a-zA-Z]/.test(next) && !/^[=<>!]/.test(next)) {
    return 'A value that holds a blank, a comma, a parenthesis or = stands in quotes.';
  }
  return undefined;
}

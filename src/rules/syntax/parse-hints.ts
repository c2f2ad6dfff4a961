/** Advice for conditions that do not parse: what people write who know another language. */

import { suggest } from '../../core/errors.ts';
import { listOperators, orderingOperators, textOperators } from '../language.ts';
import { type Priority, parsePriority, priorities } from '../priority.ts';
import type { Scanner } from './scanner.ts';

const keyword = /^(?:AND|OR|NOT|And|Or|Not)$/;
const operators: readonly string[] = ['exists', ...orderingOperators, ...textOperators, ...listOperators];

const PATTERNS = 'Patterns are compared by glob or regex.';

/** What stands at a place: the word there, or "" at the end. */
function wordAt({ text, position }: Scanner): string {
  return /^[^\s()]+/.exec(text.slice(position, position + 80))?.[0] ?? '';
}

/** Advice wherever something else was expected: nothing follows, or what looks like a blank is none. */
function hintAnywhere({ text, position, lastToken }: Scanner): string | undefined {
  if (text.slice(position).trim() === '') return lastToken === '' ? undefined : `Nothing follows '${lastToken}'.`;
  const char = text.slice(position, position + 1);
  if (!/[\u00a0\u1680\u2000-\u200d\u2028-\u202f\u205f\u2060\u3000\ufeff]/.test(char)) return undefined;
  const code = char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  return `Here is a character that looks like a blank and is none (U+${code}): write a blank.`;
}

/** Advice on what stands where something else was expected; undefined when there is none. */
export function hintAfter(scanner: Scanner): string | undefined {
  const { lastToken } = scanner;
  const next = wordAt(scanner);
  if (keyword.test(next) || keyword.test(lastToken)) return 'Keywords are written in lower case: and, or, not.';
  if (/^(?:and|or)$/.test(lastToken) && next !== '') return `A check is missing before '${lastToken}'.`;
  if (next.startsWith('#')) return 'A condition cannot hold comments.';
  if (next.startsWith('&&') || next.startsWith('||')) return 'Checks are joined by and, or.';
  if (/^(?:oneof|anyof|allof)$/i.test(lastToken)) {
    return 'A modifier is written in lower case, with a blank before and after it: = anyof (a, b).';
  }
  if (lastToken.startsWith('~')) return PATTERNS;
  if (next.startsWith('-') && /^[a-z]\w*$/i.test(lastToken)) return 'Names of macros have letters, digits and _ alone.';
  if (/^[<>]$/.test(lastToken)) return 'Write >= or <=.';
  if (/^[+-]?\d+$/.test(lastToken) && /^(?:ns|us|ms|s|m|h|d)\b/.test(next)) {
    return 'Durations are numbers of nanoseconds: a second is 1000000000.';
  }
  if (/^[^\s()]+$/.test(next) && /^[a-zA-Z]/.test(next) && !/^[=<>!]/.test(next)) {
    return 'A value that holds a blank, a comma, a parenthesis or = stands in quotes.';
  }
  return hintAnywhere(scanner);
}

/** Advice where an operator was expected. */
export function operatorHint(scanner: Scanner): string | undefined {
  const next = wordAt(scanner);
  const lower = next.toLowerCase();
  if (lower === 'not') return 'not stands before the field: not proc.name in (a, b).';
  if (lower !== next && operators.includes(lower)) return `Operators are written in lower case: ${lower}.`;
  if (/^=?~/.test(next) || lower === 'like' || lower === 'matches') return PATTERNS;
  const word = /^[a-z]+/.exec(next)?.[0] ?? '';
  if (operators.includes(word)) return `A blank and a value follow ${word}.`;
  const meant = /^[a-z]/.test(next) ? suggest(next, operators) : undefined;
  return meant === undefined ? hintAnywhere(scanner) : `Did you mean ${meant}?`;
}

/** Advice where a value was expected. */
export function valueHint(scanner: Scanner): string | undefined {
  const char = scanner.text[scanner.position] ?? '';
  if (char === '"' || char === "'") return 'This quote is never closed; one behind a backslash does not close it.';
  if (char === '(') return 'A list stands behind in, intersects and pmatch, or a modifier: = anyof (a, b).';
  if (char === '=') return 'Equality is = or ==.';
  return hintAnywhere(scanner);
}

/** Advice where a number was expected. */
export function numberHint(scanner: Scanner): string | undefined {
  const meant = prioritiesMeant(scanner);
  if (meant !== undefined) return `Priorities have names, no numbers: priority in (${meant.join(', ')}).`;
  const char = scanner.text[scanner.position] ?? '';
  if (char === '>' && scanner.lastToken === '<') return 'Inequality is !=.';
  if (char === '=') return 'Write <= or >=.';
  if (char === '"' || char === "'") return 'Only numbers have an order, and they stand without quotes.';
  return /[a-zA-Z/]/.test(char) ? 'Only numbers have an order.' : hintAnywhere(scanner);
}

/** What `priority >= Critical` means of alerts: as severe, or more. */
function prioritiesMeant({ text, position }: Scanner): readonly Priority[] | undefined {
  const operator = /\bpriority\s*([<>]=?)\s*$/.exec(text.slice(Math.max(0, position - 40), position))?.[1];
  const limit = parsePriority(/^["']?(\w+)/.exec(text.slice(position, position + 20))?.[1] ?? '');
  if (operator === undefined || limit === undefined) return undefined;
  const at = priorities.indexOf(limit);
  const self = operator.endsWith('=') ? 1 : 0;
  const meant = operator.startsWith('>') ? priorities.slice(0, at + self) : priorities.slice(at + 1 - self);
  return meant.length > 0 ? meant : undefined;
}

/** Advice in a list that neither goes on nor ends. */
export const ITEMS =
  'Items are separated by commas; one that holds a blank, a comma, a parenthesis or = stands in quotes.';

/** Whether a list is left without its end: the condition goes on, or is over. */
export function isUnclosed(scanner: Scanner): boolean {
  return scanner.atEnd || /^(?:and|or)$/i.test(wordAt(scanner));
}

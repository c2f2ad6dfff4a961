/** Writes a syntax tree as text: the canonical form that Falco shows as `condition_compiled`, and one that parses again. */

import type { Argument, Expr, Literal, Right, Term } from './ast.ts';

/** How constants are written. */
type Quote = (text: string) => string;

/** The condition as Falco prints it, macros in place. It need not parse again: an empty constant prints as nothing. */
export function printFalco(expr: Expr): string {
  return print(expr, falcoQuote);
}

/** The condition so that parsing it gives the same tree; macros that are resolved stand in parentheses. */
export function printExpr(expr: Expr): string {
  return print(expr, exactQuote);
}

/** A field or transformer as Falco names it: `toupper(t.s)`, `join(-,(t.s,t.path))`, `proc.aname[2]`. */
export function printTerm(term: Term): string {
  return writeTerm(term, falcoQuote);
}

function print(expr: Expr, quote: Quote): string {
  switch (expr.kind) {
    case 'and':
    case 'or':
      return `(${expr.items.map((item) => print(item, quote)).join(` ${expr.kind} `)})`;
    case 'not':
      return quote === exactQuote ? `not(${print(expr.item, quote)})` : `not ${print(expr.item, quote)}`;
    case 'macro':
      return expr.macro === undefined ? expr.name : print(expr.macro.body, quote);
    case 'exists':
      return `${writeTerm(expr.left, quote)} exists`;
    case 'compare': {
      const modifier = expr.modifier === undefined ? '' : ` ${expr.modifier}`;
      return `${writeTerm(expr.left, quote)} ${expr.operator}${modifier} ${writeRight(expr.right, quote)}`;
    }
  }
}

function writeRight(right: Right, quote: Quote): string {
  switch (right.kind) {
    case 'literal':
      return writeLiteral(right, quote);
    case 'list':
      return `(${[...right.items.map((item) => writeLiteral(item, quote)), ...(right.feeds ?? []).map(({ feed }) => feed.name)].join(', ')})`;
    case 'listName':
      return right.name;
    default:
      return writeTerm(right, quote);
  }
}

function writeTerm(term: Term, quote: Quote): string {
  const arg = term.arg === undefined ? '' : `[${term.arg === '' ? '""' : quote(term.arg)}]`;
  if (term.kind === 'field') return term.name + arg;
  return `${term.name}(${term.args.map((each) => writeArgument(each, quote)).join(',')})${arg}`;
}

function writeArgument(argument: Argument, quote: Quote): string {
  if (argument.kind === 'literal') {
    if (!argument.quoted) return argument.text;
    return quote === exactQuote ? quoted(argument) : writeLiteral(argument, quote);
  }
  if (argument.kind === 'arguments') return `(${argument.items.map((item) => writeArgument(item, quote)).join(',')})`;
  return writeTerm(argument, quote);
}

function writeLiteral(literal: Literal, quote: Quote): string {
  return quote === exactQuote && literal.bytes !== undefined ? quoted(literal) : quote(literal.text);
}

/** The constant in quotes, escaped so that it reads back as it is. */
function quoted({ text, bytes }: Literal): string {
  return bytes === undefined ? quoteExactly(text) : `"${[...bytes].map(hexEscape).join('')}"`;
}

function hexEscape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

const escapes: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
  '"': '\\"',
};

function escapeText(text: string): string {
  return text.replace(/[\b\f\n\r\t\\"]/g, (char) => escapes[char] ?? char);
}

/** Falco quotes only what holds a blank, a quote, a backslash or `=`. */
function falcoQuote(text: string): string {
  return /[\b\f\n\r\t \\"'=]/.test(text) ? `"${escapeText(text)}"` : text;
}

function exactQuote(text: string): string {
  const bare = /^[^\][()"'\s=,]+$/.test(text) && !/^(oneof|anyof|allof)$/.test(text);
  return bare ? text : quoteExactly(text);
}

function quoteExactly(text: string): string {
  // A backslash just before the closing quote would hide it, and a NUL has no escape of its own.
  const inner = escapeText(text).replace(/\\\\$/, '\\x5c').replaceAll('\0', '\\x00');
  return `"${inner}"`;
}

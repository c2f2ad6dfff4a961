/** Writes a syntax tree so that parsing it gives the same tree; macros that are resolved stand in parentheses. */

import type { Literal } from '../../src/rules/language.ts';
import type { Argument, Expr, Right, Term } from '../../src/rules/syntax/ast.ts';

export function exactText(expr: Expr): string {
  switch (expr.kind) {
    case 'and':
    case 'or':
      return `(${expr.items.map(exactText).join(` ${expr.kind} `)})`;
    case 'not':
      return `not(${exactText(expr.item)})`;
    case 'macro':
      return expr.macro === undefined ? expr.name : exactText(expr.macro.body);
    case 'exists':
      return `${termText(expr.left)} exists`;
    case 'compare': {
      const modifier = expr.modifier === undefined ? '' : ` ${expr.modifier}`;
      return `${termText(expr.left)} ${expr.operator}${modifier} ${rightText(expr.right)}`;
    }
  }
}

function rightText(right: Right): string {
  switch (right.kind) {
    case 'literal':
      return literalText(right);
    case 'list':
      return `(${[...right.items.map(literalText), ...(right.feeds ?? []).map(({ feed }) => feed.name)].join(', ')})`;
    case 'listName':
      return right.name;
    default:
      return termText(right);
  }
}

function termText(term: Term): string {
  const arg = term.arg === undefined ? '' : `[${bare(term.arg) ?? quoted(term.arg)}]`;
  if (term.kind === 'field') return term.name + arg;
  return `${term.name}(${term.args.map(argumentText).join(',')})${arg}`;
}

function argumentText(argument: Argument): string {
  if (argument.kind === 'literal') return argument.quoted ? quotedLiteral(argument) : argument.text;
  if (argument.kind === 'arguments') return `(${argument.items.map(argumentText).join(',')})`;
  return termText(argument);
}

function literalText(literal: Literal): string {
  return (literal.bytes === undefined ? bare(literal.text) : undefined) ?? quotedLiteral(literal);
}

function quotedLiteral({ text, bytes }: Literal): string {
  return bytes === undefined ? quoted(text) : `"${[...bytes].map(hexEscape).join('')}"`;
}

function bare(text: string): string | undefined {
  return /^[^\][()"'\s=,]+$/.test(text) && !/^(oneof|anyof|allof)$/.test(text) ? text : undefined;
}

function quoted(text: string): string {
  const inner = text
    .replace(/[\b\f\n\r\t\\"]/g, (char) => (char === '"' ? '\\"' : JSON.stringify(char).slice(1, -1)))
    // A backslash just before the closing quote would hide it, and a NUL has no escape of its own.
    .replace(/\\\\$/, '\\x5c')
    .replaceAll('\0', '\\x00');
  return `"${inner}"`;
}

function hexEscape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** Writes a syntax tree as Falco shows it: conditions as `condition_compiled`, which need not parse again, and terms. */

import type { Argument, Expr, Right, Term } from './ast.ts';

/** The condition as Falco prints it, macros in place. It need not parse again: an empty constant prints as nothing. */
export function printFalco(expr: Expr): string {
  switch (expr.kind) {
    case 'and':
    case 'or':
      return `(${expr.items.map(printFalco).join(` ${expr.kind} `)})`;
    case 'not':
      return `not ${printFalco(expr.item)}`;
    case 'macro':
      return expr.macro === undefined ? expr.name : printFalco(expr.macro.body);
    case 'exists':
      return `${printTerm(expr.left)} exists`;
    case 'compare': {
      const modifier = expr.modifier === undefined ? '' : ` ${expr.modifier}`;
      return `${printTerm(expr.left)} ${expr.operator}${modifier} ${printRight(expr.right)}`;
    }
  }
}

/** A field or transformer as Falco names it: `toupper(t.s)`, `join(-,(t.s,t.path))`, `proc.aname[2]`. */
export function printTerm(term: Term): string {
  const arg = term.arg === undefined ? '' : `[${term.arg === '' ? '""' : quote(term.arg)}]`;
  if (term.kind === 'field') return term.name + arg;
  return `${term.name}(${term.args.map(printArgument).join(',')})${arg}`;
}

function printRight(right: Right): string {
  switch (right.kind) {
    case 'literal':
      return quote(right.text);
    case 'list':
      return `(${[...right.items.map(({ text }) => quote(text)), ...(right.feeds ?? []).map(({ feed }) => feed.name)].join(', ')})`;
    case 'listName':
      return right.name;
    default:
      return printTerm(right);
  }
}

function printArgument(argument: Argument): string {
  if (argument.kind === 'literal') return argument.quoted ? quote(argument.text) : argument.text;
  if (argument.kind === 'arguments') return `(${argument.items.map(printArgument).join(',')})`;
  return printTerm(argument);
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

/** Falco quotes only what holds a blank, a quote, a backslash or `=`. */
function quote(text: string): string {
  if (!/[\b\f\n\r\t \\"'=]/.test(text)) return text;
  return `"${text.replace(/[\b\f\n\r\t\\"]/g, (char) => escapes[char] ?? char)}"`;
}

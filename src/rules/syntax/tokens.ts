/** The words of the language (spec/falco-engine.md §2.1), as sticky patterns, and what the parser says when one is missing. */

import { listOperators, modifiers, orderingOperators, textOperators, transformerNames } from '../language.ts';

export const fieldName = /[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+/y;
/** A field, or a name without a dot: of a macro, a transformer, a field of the event source `alert`. */
export const fieldOrName = /[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)*/y;
export const fieldArgument = /[^\]["' \t\n\v\f\r]+/y;
export const identifier = /[a-zA-Z]+[a-zA-Z0-9_]*/y;
/** What a value may be made by. */
export const transformers: ReadonlySet<string> = new Set(transformerNames);
export const rightTransformerStart = /(?:val|tolower|toupper|b64|basename|len|join|concat|getopt)\(/y;
export const number = /0[xX][0-9a-fA-F]+|[+-]?[0-9]+[.]?[0-9]*(?:[eE][+-][0-9]+)?/y;
export const wordOperator = /[a-z]+(?=[ \t\b\r\n])/y;
export const modifierWord = new RegExp(`(?:${modifiers.join('|')})(?=[ \\t\\b\\r\\n])`, 'y');
export const operatorAhead =
  /[ \t\b\r\n]*(?:[=!<>]|(?:exists|in|intersects|pmatch|i?glob|[ib]?contains|b?startswith|endswith|regex)\b)/y;

const transformerWords = transformerNames.map((name) => `'${name}'`).join(', ');
export const valueError = `or a field with a valid transformer: ${transformerWords}`;
export const operatorError =
  'expected a valid check operator: one of ' +
  ['exists', ...orderingOperators, ...textOperators, ...listOperators].map((name) => `'${name}'`).join(', ');
export const argumentError =
  'expected field transformer argument: field, transformer, quoted string, number, or transformer list';
export const elementError = 'expected transformer list argument: field, transformer, quoted string, or number';

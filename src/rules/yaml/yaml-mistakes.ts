/** What people get wrong in YAML, said so that they see it: the yaml library says what it expected, where it noticed. */

import { type Document, isCollection, isScalar, type Node, visit, type YAMLParseError } from 'yaml';

export interface YamlMistake {
  readonly message: string;
  /** Offsets in the text. */
  readonly range: readonly [start: number, end: number];
  readonly hint?: string | undefined;
}

/** What an error of a document is about. */
export function yamlMistake(text: string, document: Document, { pos, message }: YAMLParseError): YamlMistake {
  const at = Math.min(pos[0], text.length);
  const tab = leadingTab(text, at);
  if (tab !== undefined) {
    return { message: 'A tab indents this line', range: [tab, tab + 1], hint: 'YAML is indented with blanks.' };
  }
  const blank = blankThatIsNone(text, at);
  if (blank !== undefined) {
    const code = text.charCodeAt(blank).toString(16).toUpperCase().padStart(4, '0');
    const found = `Here is a character that looks like a blank and is none (U+${code})`;
    return { message: found, range: [blank, blank + 1], hint: 'Write a blank.' };
  }
  const unclosed = message.startsWith('Missing closing') ? lastQuote(document, at) : undefined;
  if (unclosed !== undefined) return { message: 'This quote is never closed', range: [unclosed, unclosed + 1] };
  const bracket = /^Flow .* end with a (.)/.exec(message);
  const opened = bracket === null ? undefined : lastBracket(document, at);
  if (opened !== undefined) {
    const hint = `It ends with ${bracket?.[1]}.`;
    return { message: `This ${text[opened]} is never closed`, range: [opened, opened + 1], hint };
  }
  const word = /^ *(?=\S)/.exec(text.slice(at))?.[0].length ?? 0;
  return { message, range: [at + word, Math.max(pos[1], at + word + 1)], hint: hintOf(message) };
}

const hints: readonly (readonly [message: RegExp, hint: string])[] = [
  [/^Implicit (?:map )?keys? need/, 'A key is written `key: value`, with a blank behind the colon.'],
  [
    /^Nested mappings/,
    'A value that holds a colon and a blank stands in quotes; what belongs to one item begins in the same column.',
  ],
  [/^Plain value cannot start/, 'Put the value in quotes.'],
  [/^Invalid escape/, 'A backslash is doubled in double quotes; single quotes take it as it is.'],
  [/^Missing , /, 'Commas separate what stands in brackets.'],
  [/same column|without - indicator|less indented/, 'What belongs to one item begins in the same column.'],
];

function hintOf(message: string): string | undefined {
  return hints.find(([pattern]) => pattern.test(message))?.[1];
}

/** The first tab among the blanks that the line of an offset begins with. */
function leadingTab(text: string, at: number): number | undefined {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const found = /^ *\t/.exec(text.slice(start, text.indexOf('\n', start) + 1 || undefined));
  return found === null ? undefined : start + found[0].length - 1;
}

/** Pasted from a web page: before or behind a key, in the line of the mistake. */
function blankThatIsNone(text: string, at: number): number | undefined {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const found = /^(?: *|[^#\n]*?[:-])[\u00a0\u2000-\u200d\u202f\u2060\u3000]/.exec(text.slice(start));
  return found === null ? undefined : start + found[0].length - 1;
}

/** What is never closed swallows the rest: it is the last that begins. */
function lastQuote(document: Document, before: number): number | undefined {
  return last(document, before, (node) => isScalar(node) && /^QUOTE/.test(node.type ?? ''));
}

function lastBracket(document: Document, before: number): number | undefined {
  return last(document, before, (node) => isCollection(node) && node.flow === true);
}

function last(document: Document, before: number, is: (node: Node) => boolean): number | undefined {
  let found: number | undefined;
  visit(document, {
    Node(_, node) {
      const start = (node as Node).range?.[0];
      if (start !== undefined && start < before && is(node as Node)) found = start;
    },
  });
  return found;
}

/** Rules as text for people. */

import type { describeRule, Rule } from '../../rules/index.ts';

/** Its name and place, and what it is. */
export function head({ name, place, priority, source, enabled, tags }: Rule): string {
  const facts = [priority, `source ${source}`, enabled ? 'enabled' : 'disabled'];
  if (tags.length > 0) facts.push(`tags ${tags.join(', ')}`);
  return `${name}\n${place.file}:${place.line} · ${facts.join(' · ')}`;
}

/** What a rule consists of. */
export function ruleText(rule: Rule, { info, details }: ReturnType<typeof describeRule>): string {
  const paragraphs: (readonly [title: string, text: string])[] = [
    ['Description', folded(info.description)],
    ['Condition', folded(info.condition)],
    ['Output', folded(info.output)],
    ['Event types', list(details.events)],
    ['Fields of the condition', list(details.condition_fields)],
    ['Fields of the output', list(details.output_fields)],
    ['Macros', list(details.macros)],
    ['Lists', list(details.lists)],
    ['Exceptions', list(details.exception_names)],
    ['Condition with macros, lists and exceptions in place', details.condition_compiled],
  ];
  const shown = paragraphs.filter(([, text]) => text !== '').map(([title, text]) => `${title}\n${indented(text)}`);
  return `${[head(rule), ...shown].join('\n\n')}\n`;
}

/** Names with commas between them. */
export function list(names: readonly string[]): string {
  return names.join(', ');
}

/** A text of at most so many characters, its middle left out. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = most - 3;
  const end = Math.floor(kept / 3);
  return `${text.slice(0, kept - end)} … ${text.slice(text.length - end)}`;
}

function folded(text: string): string {
  return text.trim().replaceAll(/[ \t]+\n/g, '\n');
}

const WIDTH = 100;

/** Lines of a paragraph, broken at blanks, each indented. */
export function indented(text: string): string {
  return text
    .split('\n')
    .flatMap(broken)
    .map((line) => `  ${line}`)
    .join('\n');
}

function broken(line: string): readonly string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > WIDTH) {
    const blank = rest.lastIndexOf(' ', WIDTH);
    if (blank <= 0) break;
    lines.push(rest.slice(0, blank));
    rest = rest.slice(blank + 1);
  }
  return [...lines, rest];
}

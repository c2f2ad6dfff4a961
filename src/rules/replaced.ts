/** Definitions that take the place of others of their name: what Falco does without a word, and people do by mistake. */

import type { ListDefinition, MacroDefinition, RuleDefinition } from './definitions.ts';
import type { Context } from './issue.ts';
import { placeIn } from './source.ts';

export interface Replaced {
  readonly kind: 'list' | 'macro' | 'rule';
  readonly name: string;
  readonly before: Context;
  readonly by: Context;
}

/** As a line for people: `b.yaml:7:3: note: rule "X" replaces that of a.yaml:3`. */
export function replacedText({ kind, name, before, by }: Replaced): string {
  const [old, own] = [placeOf(before), placeOf(by)];
  return `${own.file}:${own.line}:${own.column}: note: ${kind} "${name}" replaces that of ${old.file}:${old.line}`;
}

/** Whether a list is defined as it was. */
export function isSameList(a: ListDefinition, b: ListDefinition): boolean {
  if (a.feed !== undefined || b.feed !== undefined || a.items.length !== b.items.length) return false;
  return a.items.every(({ text }, index) => text === b.items[index]?.text);
}

/** Whether a macro is defined as it was: files that are made to be loaded alone repeat each other's. */
export function isSameMacro(a: MacroDefinition, b: MacroDefinition): boolean {
  return isSameText(a.condition.text, b.condition.text);
}

/** Whether a rule is defined as it was, as far as its condition and output go. */
export function isSameRule(a: RuleDefinition, b: RuleDefinition): boolean {
  const plain = a.exceptions.length === 0 && b.exceptions.length === 0 && a.priority === b.priority;
  return plain && isSameText(a.condition.text, b.condition.text) && isSameText(a.output.text, b.output.text);
}

function isSameText(a: string, b: string): boolean {
  return a === b || a.split(/\s+/).join(' ').trim() === b.split(/\s+/).join(' ').trim();
}

function placeOf({ file, start, end }: Context) {
  return placeIn(file.name, file.content, { start, end });
}

/** Definitions that take the place of others of their name: what Falco does without a word, and people do by mistake. */

import { placeText } from '../../core/errors.ts';
import type { Context } from '../yaml/issue.ts';
import {
  type Entry,
  isEntryList,
  type ListDefinition,
  type MacroDefinition,
  type RuleDefinition,
} from './definitions.ts';

export interface Replaced {
  readonly kind: 'list' | 'macro' | 'rule';
  readonly name: string;
  readonly before: Context;
  readonly by: Context;
}

/** As a line for people: `b.yaml:7:3: note: rule "X" replaces that of a.yaml:3`. */
export function replacedText({ kind, name, before, by }: Replaced): string {
  const { file, line } = before.place;
  return `${placeText(by.place)}: note: ${kind} "${name}" replaces that of ${file}:${line}`;
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

/**
 * Whether a rule is defined as it was: all of it that acts, where exceptions may have been added, for those who repeat a
 * rule to add some lose nothing. A description is for people.
 */
export function isSameRule(a: RuleDefinition, b: RuleDefinition): boolean {
  const sameTexts = isSameText(a.condition.text, b.condition.text) && isSameText(a.output.text, b.output.text);
  return sameTexts && sameTags(a, b) && ACTING.every((key) => a[key] === b[key]) && hasExceptions(b, a);
}

const ACTING = ['source', 'priority', 'enabled', 'capture', 'captureDuration', 'skipIfUnknownFilter'] as const;

function sameTags({ tags }: RuleDefinition, other: RuleDefinition): boolean {
  return new Set(tags).symmetricDifference(new Set(other.tags)).size === 0;
}

/** Whether a rule excepts all that the other does, whatever its exceptions are called. */
function hasExceptions(rule: RuleDefinition, other: RuleDefinition): boolean {
  return excepted(other).isSubsetOf(excepted(rule));
}

function excepted({ exceptions }: RuleDefinition): Set<string> {
  return new Set(
    exceptions.flatMap(({ fields, comps, values }) =>
      values.map((value) => JSON.stringify([fields, comps, value].map((each) => each && textsOf(each)))),
    ),
  );
}

type Texts = string | readonly Texts[];

function textsOf(entry: Entry): Texts {
  return isEntryList(entry) ? entry.map(textsOf) : entry.text;
}

function isSameText(a: string, b: string): boolean {
  return a === b || a.split(/\s+/).join(' ').trim() === b.split(/\s+/).join(' ').trim();
}

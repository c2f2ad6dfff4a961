/** Macros and lists that nothing refers to, and the misspelt name in a condition that may have been meant to. */

import { suggest } from '../../core/errors.ts';
import { type Context, type Issue, type IssueCode, makeIssue } from '../yaml/issue.ts';
import type { Definitions, MacroDefinition, RuleDefinition } from './definitions.ts';
import { inOrder, type ResolvedLists } from './substitute-lists.ts';

/** So many unused lists are looked for among misspelt names: more are a library. */
const FEW = 20;

/** A macro or rule, and what it names. */
export interface Naming {
  readonly definition: RuleDefinition | MacroDefinition;
  /** The words of its condition. */
  readonly words: readonly string[];
  /** The names of the macros in it, and of the lists that were put in place. */
  readonly macros: ReadonlySet<string>;
  readonly lists: ReadonlySet<string>;
}

/** All of them, and the lists with those that they name. */
export interface Uses {
  readonly definitions: Definitions;
  readonly macros: ReadonlyMap<string, Naming>;
  readonly rules: ReadonlyMap<string, Naming>;
  readonly lists: ResolvedLists;
}

/** Warnings, in the order of definition: macros, then lists. */
export function unusedWarnings(uses: Uses): readonly Issue[] {
  const { lists, macros } = uses.definitions;
  const used = usedNames(uses);
  const unusedMacros = inOrder(macros.values()).filter(({ name }) => !used.macros.has(name));
  const unusedLists = inOrder(lists.values()).filter(({ name }) => !used.lists.has(name));
  const strays = unusedLists.length > 0 && unusedLists.length <= FEW ? strayWords(uses) : new Map<string, string>();
  return [
    ...unusedMacros.map(({ context }) =>
      warning('LOAD_UNUSED_MACRO', 'Macro not referred to by any other rule/macro', context),
    ),
    ...unusedLists.map(({ name, context }) => {
      const word = suggest(name, strays.keys());
      const hint = word === undefined ? undefined : `'${word}' in ${strays.get(word)} may be meant to be it.`;
      return warning('LOAD_UNUSED_LIST', 'List not referred to by any other rule/macro', context, hint);
    }),
  ];
}

function usedNames({ macros, rules, lists }: Uses): { macros: ReadonlySet<string>; lists: ReadonlySet<string> } {
  const used = { macros: new Set<string>(), lists: new Set<string>() };
  for (const naming of [...macros.values(), ...rules.values()]) {
    for (const name of naming.macros) used.macros.add(name);
    for (const name of naming.lists) used.lists.add(name);
  }
  for (const { uses } of lists.all) for (const name of uses) used.lists.add(name);
  return used;
}

/** Words of conditions that name nothing, and where they are: a misspelt name of a list is a value like any other. */
function strayWords({ definitions, macros, rules }: Uses): ReadonlyMap<string, string> {
  const strays = new Map<string, string>();
  const collect = (namings: ReadonlyMap<string, Naming>, what: string) => {
    for (const { definition, words } of namings.values()) {
      for (const word of words) {
        if (word.length < 4 || word.includes('.')) continue;
        if (!definitions.lists.has(word) && !definitions.macros.has(word))
          strays.set(word, `${what} '${definition.name}'`);
      }
    }
  };
  collect(macros, 'macro');
  collect(rules, 'rule');
  return strays;
}

function warning(code: IssueCode, message: string, context: Context, hint?: string): Issue {
  return makeIssue('warning', code, message, context, hint === undefined ? {} : { diagnostic: { hint } });
}

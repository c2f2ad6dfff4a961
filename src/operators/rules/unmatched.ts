/** Entries of the configuration that choose rules and choose none: misspelt, they leave on what somebody meant to be off. */

import { suggest } from '../../core/errors.ts';
import { type AppendOutput, isMeant, type SelectionEntry } from '../../rules/index.ts';

interface Rule {
  readonly name: string;
  readonly source: string;
  readonly tags: readonly string[];
}

/** An entry that chooses none of the rules: why, what was probably meant, and where it stands in the configuration. */
export interface Unmatched {
  readonly message: string;
  readonly hint?: string;
  readonly path: readonly (string | number)[];
}

/** Those of `select` and `append_output`; `rules` are all that the files define, enabled or not. */
export function unmatched(
  rules: readonly Rule[],
  selection: readonly SelectionEntry[],
  additions: readonly AppendOutput[],
): Unmatched[] {
  const names = rules.map(({ name }) => name);
  const tags = new Set(rules.flatMap((rule) => rule.tags));
  const sources = new Set(rules.map(({ source }) => source));
  const found: Unmatched[] = [];
  const expect = (is: boolean, message: string, word: string, known: Iterable<string>, path: Unmatched['path']) => {
    if (is) return;
    const near = suggest(word, known);
    found.push({ message: `${message} "${word}"`, ...(near && { hint: `Did you mean "${near}"?` }), path });
  };
  for (const [index, { op, rule, tag }] of selection.entries()) {
    const at = ['select', index, op];
    const isCalled = rules.some((each) => isMeant(each, { op, ...(rule !== undefined && { rule }) }));
    if (rule !== undefined) expect(isCalled, 'No rule is called', rule, names, [...at, 'rule']);
    if (tag !== undefined) expect(tags.has(tag), 'No rule has the tag', tag, tags, [...at, 'tag']);
  }
  for (const [index, { match = {} }] of additions.entries()) {
    const at = ['append_output', index, 'match'];
    const { rule, source } = match;
    if (rule !== undefined) expect(names.includes(rule), 'No rule is called', rule, names, [...at, 'rule']);
    if (source !== undefined) expect(sources.has(source), 'No rule is for', source, sources, [...at, 'source']);
    for (const [number, tag] of (match.tags ?? []).entries())
      expect(tags.has(tag), 'No rule has the tag', tag, tags, [...at, 'tags', number]);
  }
  return found;
}

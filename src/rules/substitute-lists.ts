/** Puts lists in place: their names in conditions are text that is replaced (spec/falco-engine.md §1.3). */

import type { ListDefinition } from './definitions.ts';
import { quoteIfBlank } from './exceptions.ts';
import type { ComposedText, Piece, ScalarSource } from './source.ts';
import { placeIn } from './source.ts';

/** A list with the lists that it names in place, as text for conditions. */
export class ResolvedList {
  readonly name: string;
  /** Some of its items come from elsewhere: its name stays among them. */
  readonly isFed: boolean;
  readonly items: readonly Piece[];
  #written: Written | undefined;

  constructor(name: string, isFed: boolean, items: readonly Piece[]) {
    this.name = name;
    this.isFed = isFed;
    this.items = items;
  }

  /** What stands in a condition for its name. */
  get written(): Written {
    return (this.#written ??= this.#write());
  }

  #write(): Written {
    const all = this.isFed ? [{ text: this.name }, ...this.items] : this.items;
    const pieces = all.flatMap((piece, index) => (index === 0 ? [piece] : [COMMA, piece]));
    const text = pieces.map((piece) => piece.text).join('');
    return { pieces, text, words: wordsOf(text) };
  }
}

interface Written {
  readonly pieces: readonly Piece[];
  readonly text: string;
  /** The words in it, which may be names of lists. */
  readonly words: readonly string[];
}

/** Lists in the order in which they are put in place. */
export class ResolvedLists {
  readonly all: readonly ResolvedList[];
  readonly #places: ReadonlyMap<string, number>;
  /** Those whose names are not one word, as they should be: only a search finds them. */
  readonly #odd: readonly number[];

  constructor(all: readonly ResolvedList[]) {
    this.all = all;
    this.#places = new Map(all.map(({ name }, place) => [name, place]));
    this.#odd = [...all.keys()].filter((place) => boundary.test((all[place] as ResolvedList).name));
  }

  /** The places of those that may be among words, of those behind place `after`. */
  among(words: readonly string[], after: number): readonly number[] {
    const found = new Set(after < 0 ? this.#odd : []);
    for (const word of words) {
      const place = this.#places.get(word);
      if (place !== undefined && place > after) found.add(place);
    }
    return [...found];
  }
}

const COMMA: Piece = { text: ', ' };

/**
 * Resolves lists among themselves: an item that names an earlier list stands for that list's items as they are written.
 * The names of lists that are used are added to `used`.
 */
export function resolveLists(lists: ReadonlyMap<string, ListDefinition>, used: Set<string>): ResolvedLists {
  const all = inOrder(lists.values()).map(({ name, items, feed, visibility }) => {
    const resolved = items.flatMap(({ text, from }) => {
      const inner = lists.get(text);
      if (inner === undefined || inner.index >= visibility || inner.name === name)
        return [item(text, from, viaOf(lists, name))];
      used.add(text);
      const own = inner.items.map((each) => item(each.text, each.from, viaOf(lists, text)));
      // What comes from elsewhere is no text: its name stays.
      return inner.feed === undefined ? own : [item(text, from, viaOf(lists, text)), ...own];
    });
    return new ResolvedList(name, feed !== undefined, resolved);
  });
  return new ResolvedLists(all);
}

function item(text: string, from: ScalarSource, via: () => string): Piece {
  return { text: quoteIfBlank(text), from, whole: true, via };
}

function viaOf(lists: ReadonlyMap<string, ListDefinition>, name: string): () => string {
  return () => {
    const context = lists.get(name)?.context;
    if (context === undefined) return `in list ${name}`;
    const { file, line, column } = placeIn(context.file.name, context.file.content, context);
    return `in list ${name}, defined at ${file}:${line}:${column}`;
  };
}

/** Definitions in the order in which they were first given. */
export function inOrder<T extends { readonly index: number }>(definitions: Iterable<T>): readonly T[] {
  return [...definitions].sort((a, b) => a.index - b.index);
}

/** The names of lists that are not what they were, and of those in whose items such a name is. */
export function changedNames(
  before: ReadonlyMap<string, ListDefinition>,
  now: ReadonlyMap<string, ListDefinition>,
): readonly string[] {
  const changed = new Set([...now.values()].filter((list) => before.get(list.name) !== list).map(({ name }) => name));
  for (let size = -1; size !== changed.size; ) {
    size = changed.size;
    const names = [...changed];
    for (const { name, items } of now.values()) {
      if (!changed.has(name) && items.some(({ text }) => mentions(text, names))) changed.add(name);
    }
  }
  return [...changed];
}

/** Whether any of some names stands somewhere in a text. */
export function mentions(text: string, names: readonly string[]): boolean {
  return names.some((name) => text.includes(name));
}

/** Replaces the names of lists in a condition by their items. */
export function substituteLists(condition: ComposedText, lists: ResolvedLists, used: Set<string>): ComposedText {
  let text = condition;
  // To look for a word in a text is dear: most lists are in no condition.
  const places = new Set(lists.among(wordsOf(text.text), -1));
  for (let place = -1; places.size > 0; ) {
    place = Math.min(...places);
    places.delete(place);
    const list = lists.all[place] as ResolvedList;
    const { written, items, name, isFed } = list;
    for (let at = findWord(text.text, name, 0); at >= 0; ) {
      used.add(name);
      if (isFed && items.length === 0) break;
      const end = at + name.length;
      const [from, to] = items.length === 0 ? withComma(text.text, at, end) : [at, end];
      text = text.replace(from, to, written.pieces, written.text);
      for (const other of lists.among(written.words, place)) places.add(other);
      at = findWord(text.text, name, from + written.text.length);
    }
  }
  return text;
}

function wordsOf(text: string): readonly string[] {
  return text.split(boundaries);
}

const boundaries = /[\s(),=]+/;
const boundary = /[\s(),=]/;

/** Where a name stands as a word of its own. */
function findWord(text: string, name: string, from: number): number {
  for (let at = text.indexOf(name, from); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = at === 0 || boundary.test(text[at - 1] ?? '');
    const after = at + name.length >= text.length || boundary.test(text[at + name.length] ?? '');
    if (before && after) return at;
  }
  return -1;
}

/** The name of an empty list goes with one of the commas beside it. */
function withComma(text: string, start: number, end: number): [start: number, end: number] {
  const after = /^\s*,\s*/.exec(text.slice(end));
  if (after !== null) return [start, end + after[0].length];
  const before = /\s*,\s*$/.exec(text.slice(0, start));
  return before === null ? [start, end] : [start - before[0].length, end];
}

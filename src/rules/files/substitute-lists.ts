/** Puts lists in place: their names in conditions are text that is replaced (spec/falco-engine.md §1.3). */

import { placeText } from '../../core/errors.ts';
import type { ComposedText, Piece, ScalarSource } from '../source.ts';
import type { ListDefinition } from './definitions.ts';
import { quoteIfBlank } from './exceptions.ts';

/** A list with the lists that it names in place, as text for conditions. */
export class ResolvedList {
  readonly name: string;
  /** Some of its items come from elsewhere: its name stays among them. */
  readonly isFed: boolean;
  readonly items: readonly Piece[];
  /** The names of the lists that are in place in it. */
  readonly uses: readonly string[];
  #written: Piece | undefined;

  constructor(name: string, isFed: boolean, items: readonly Piece[], uses: readonly string[]) {
    this.name = name;
    this.isFed = isFed;
    this.items = items;
    this.uses = uses;
  }

  /** What stands in a condition for its name. Lists have hundreds of items: together they are one piece. */
  get written(): Piece {
    return (this.#written ??= this.#write());
  }

  #write(): Piece {
    const all = this.isFed ? [{ text: this.name }, ...this.items] : this.items;
    const parts: Piece[] = [];
    let text = '';
    for (let index = 0; index < all.length; index++) {
      const piece = all[index] as Piece;
      if (index > 0) {
        parts.push(COMMA);
        text += COMMA.text;
      }
      parts.push(piece);
      text += piece.text;
    }
    return { text, parts };
  }
}

/** Lists in the order in which they are put in place. */
export class ResolvedLists {
  readonly all: readonly ResolvedList[];
  readonly #places: ReadonlyMap<string, number>;
  /** Those whose names are not one word, as they should be: only a search finds them. */
  readonly #odd: readonly number[];
  /** By place: those behind it whose names may be in its text. */
  readonly #inner: (readonly number[] | undefined)[] = [];

  constructor(all: readonly ResolvedList[]) {
    this.all = all;
    this.#places = new Map(all.map(({ name }, place) => [name, place]));
    this.#odd = [...all.keys()].filter((place) => boundary.test((all[place] as ResolvedList).name));
  }

  find(name: string): ResolvedList | undefined {
    return this.all[this.#places.get(name) ?? -1];
  }

  /** The places of those that may be in a text of these words. */
  among(words: readonly string[]): readonly number[] {
    const found = [...this.#odd];
    // An iterator would make an object a word.
    for (let index = 0; index < words.length; index++) {
      const place = this.#places.get(words[index] as string);
      if (place !== undefined) found.push(place);
    }
    return found;
  }

  /** The places behind `place` of those that may be in the text that stands for the list there. */
  within(place: number): readonly number[] {
    return (this.#inner[place] ??= this.#behind(place));
  }

  #behind(place: number): readonly number[] {
    const words = wordsOf((this.all[place] as ResolvedList).written.text);
    return this.among(words).filter((other) => other > place);
  }
}

const COMMA: Piece = { text: ', ' };
const BLANK: Piece = { text: ' ' };

/**
 * Resolves lists among themselves: an item that names an earlier list stands for that list's items as they are written.
 * What was made before stays where it is not among the names that changed.
 */
export function resolveLists(
  lists: ReadonlyMap<string, ListDefinition>,
  before: ResolvedLists,
  changed: ListNames,
): ResolvedLists {
  return new ResolvedLists(
    inOrder(lists.values()).map((list) => {
      const old = changed.has(list.name) ? undefined : before.find(list.name);
      return old ?? resolveList(list, lists);
    }),
  );
}

function resolveList(
  { name, items, feed, visibility }: ListDefinition,
  lists: ReadonlyMap<string, ListDefinition>,
): ResolvedList {
  const uses: string[] = [];
  const via = viaOf(lists, name);
  const resolved = items.flatMap(({ text, from }) => {
    const inner = lists.get(text);
    if (inner === undefined || inner.index >= visibility || inner.name === name) return item(text, from, via);
    uses.push(text);
    const viaInner = viaOf(lists, text);
    const own = inner.items.map((each) => item(each.text, each.from, viaInner));
    // What comes from elsewhere is no text: its name stays.
    return inner.feed === undefined ? own : [item(text, from, viaInner), ...own];
  });
  return new ResolvedList(name, feed !== undefined, resolved, uses);
}

function item(text: string, from: ScalarSource, via: () => string): Piece {
  return { text: quoteIfBlank(text), from, whole: true, via };
}

function viaOf(lists: ReadonlyMap<string, ListDefinition>, name: string): () => string {
  return () => {
    const context = lists.get(name)?.context;
    return context === undefined ? `in list ${name}` : `in list ${name}, defined at ${placeText(context.place)}`;
  };
}

/** Definitions in the order in which they were first given. */
export function inOrder<T extends { readonly index: number }>(definitions: Iterable<T>): readonly T[] {
  return [...definitions].sort((a, b) => a.index - b.index);
}

/** Names of lists that are looked for in texts. */
export class ListNames {
  readonly #names: ReadonlySet<string>;
  readonly #odd: readonly string[];

  constructor(names: Iterable<string> = []) {
    this.#names = new Set(names);
    this.#odd = [...this.#names].filter((name) => boundary.test(name));
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Whether one of them stands in a text; `words`: those of it. */
  areIn(text: string, words: readonly string[]): boolean {
    const names = this.#names;
    if (names.size === 0) return false;
    for (let index = 0; index < words.length; index++) if (names.has(words[index] as string)) return true;
    return this.#odd.some((name) => text.includes(name));
  }
}

/** The names of lists that are not what they were, and of those in whose items such a name is. */
export function changedNames(
  before: ReadonlyMap<string, ListDefinition>,
  now: ReadonlyMap<string, ListDefinition>,
): ListNames {
  const changed = new Set([...now.values()].filter((list) => before.get(list.name) !== list).map(({ name }) => name));
  for (let size = -1; size !== changed.size; ) {
    size = changed.size;
    const names = new ListNames(changed);
    for (const { name, items } of now.values()) {
      if (!changed.has(name) && items.some(({ text }) => names.areIn(text, wordsOf(text)))) changed.add(name);
    }
  }
  return new ListNames(changed);
}

/** Replaces the names of lists in a condition of these words by their items. */
export function substituteLists(
  condition: ComposedText,
  words: readonly string[],
  lists: ResolvedLists,
  used: Set<string>,
): ComposedText {
  // To look for a word in a text is dear: most lists are in no condition.
  const found = lists.among(words);
  if (found.length === 0) return condition;
  let text = condition;
  const places = new Set(found);
  while (places.size > 0) {
    const place = Math.min(...places);
    places.delete(place);
    const { written, items, name, isFed } = lists.all[place] as ResolvedList;
    for (let at = findWord(text.text, name, 0); at >= 0; ) {
      used.add(name);
      if (isFed && items.length === 0) break;
      const end = at + name.length;
      const { from, to } = stretched(text.text, at, end, items.length === 0);
      text = text.replace(from, to, from > 0 ? [BLANK, written, BLANK] : [written, BLANK]);
      for (const other of lists.within(place)) places.add(other);
      at = findWord(text.text, name, from + (from > 0 ? 1 : 0) + written.text.length + 1);
    }
  }
  return text;
}

/** What may be names of lists in a text. */
export function wordsOf(text: string): readonly string[] {
  return boundary.test(text) ? text.split(boundaries) : [text];
}

const boundaries = /[ \t\n\r(),=]+/;
const boundary = /[ \t\n\r(),=]/;

/** Where a name stands as a word of its own, from an offset on; -1: nowhere. */
export function findWord(text: string, name: string, from: number): number {
  for (let at = text.indexOf(name, from); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = at === 0 || boundary.test(text[at - 1] ?? '');
    const after = at + name.length >= text.length || boundary.test(text[at + name.length] ?? '');
    if (before && after) return at;
  }
  return -1;
}

/**
 * What is replaced: the name and the blanks around it, for which there will be one on each side: Falco's places in a
 * condition count them. The name of an empty list goes with one of the commas beside it.
 */
function stretched(text: string, start: number, end: number, isEmpty: boolean): { from: number; to: number } {
  let from = start;
  let to = end;
  while (isBlank(text[from - 1])) from--;
  while (isBlank(text[to])) to++;
  if (isEmpty && text[from - 1] === ',') from--;
  else if (isEmpty && text[to] === ',') to++;
  return { from, to };
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

/** Where the parts of a text came from: through folded YAML scalars, appended conditions, lists and exceptions. */

import { isScalar, type Scalar } from 'yaml';
import type { Place } from '../core/errors.ts';
import { listOperators, modifiers, type Span, textOperators } from './language.ts';

/** The place of a span in a text: line and column from 1. */
export function placeIn(file: string, text: string, { start, end }: Span): Place {
  const starts = lineStarts(text);
  let line = 0;
  // Binary search for the last line that begins at or before the place.
  for (let low = 0, high = starts.length - 1; low <= high; ) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= start) {
      line = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  const lineEnd = (starts[line + 1] ?? text.length + 1) - 1;
  const length = Math.max(1, Math.min(end, lineEnd) - start);
  return { file, line: line + 1, column: start - (starts[line] ?? 0) + 1, length };
}

// Files are asked about again and again.
const known = new Map<string, readonly number[]>();
const KNOWN_TEXTS = 64;

function lineStarts(text: string): readonly number[] {
  const found = known.get(text);
  if (found !== undefined) return found;
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  if (known.size >= KNOWN_TEXTS) known.clear();
  known.set(text, starts);
  return starts;
}

/** A YAML scalar in its file. */
export interface ScalarSource {
  readonly file: string;
  readonly content: string;
  readonly node: Scalar;
}

/** The place in the file of a part of a scalar's value. */
export function placeInScalar({ file, content, node }: ScalarSource, { start, end }: Span): Place {
  const offsets = scalarOffsets(content, node);
  // What is missing at the end belongs behind the last word, not on the line below.
  const last = scalarValue(node).trimEnd().length;
  const from = offsets[Math.min(start, last)] ?? 0;
  const to = (offsets[Math.min(Math.max(end - 1, start), offsets.length - 1)] ?? from) + 1;
  return placeIn(file, content, { start: from, end: Math.max(to, from + 1) });
}

/** For each character of a scalar's value, and for its end, the offset in the file. */
function scalarOffsets(content: string, node: Scalar): readonly number[] {
  const [start, end] = node.range ?? [0, 0, 0];
  const value = scalarValue(node);
  const offsets =
    node.type === 'QUOTE_DOUBLE' ? escapedOffsets(content, start + 1, end - 1) : plainOffsets(content, node, value);
  while (offsets.length < value.length) offsets.push(end);
  offsets.length = value.length;
  offsets.push(Math.min(offsets.at(-1) === undefined ? start : (offsets.at(-1) as number) + 1, end));
  return offsets;
}

function scalarValue(node: Scalar): string {
  return String(node.source ?? node.value);
}

/** Folding only changes blanks, so that other characters follow each other in the file as in the value. */
function plainOffsets(content: string, node: Scalar, value: string): number[] {
  const [start, end] = node.range ?? [0, 0, 0];
  const block = node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL';
  const single = node.type === 'QUOTE_SINGLE';
  let at = block ? content.indexOf('\n', start) + 1 : start + (single ? 1 : 0);
  const offsets: number[] = [];
  for (const [index, char] of value.split('').entries()) {
    if (!isBlank(char)) at = skipBlanks(content, at, end);
    offsets.push(at);
    if (isBlank(char)) {
      if (isBlank(content[at])) at = isBlank(value[index + 1]) ? at + 1 : skipBlanks(content, at, end);
    } else {
      at += single && char === "'" ? 2 : 1;
    }
  }
  return offsets;
}

/** Double quotes: escapes are longer than what they mean, a backslash at the end of a line joins it to the next. */
function escapedOffsets(content: string, start: number, end: number): number[] {
  const offsets: number[] = [];
  for (let at = start; at < end; ) {
    const rest = content.slice(at, end);
    const joined = /^\\\r?\n[ \t]*/.exec(rest);
    const fold = joined ?? /^[ \t]*(?:\r?\n[ \t]*)+/.exec(rest);
    if (fold !== null) {
      // One line break is a blank, each further one a line break; a joined line adds nothing.
      const breaks = joined === null ? fold[0].split('\n').length - 1 : 0;
      for (let n = 0; n < Math.max(Math.min(breaks, 1), breaks - 1); n++) offsets.push(at);
      at += fold[0].length;
      continue;
    }
    offsets.push(at);
    if (content[at] !== '\\') {
      at++;
      continue;
    }
    if (content[at + 1] === 'U' && Number.parseInt(content.slice(at + 2, at + 10), 16) > 0xffff) offsets.push(at);
    at += escapeLengths[content[at + 1] ?? ''] ?? 2;
  }
  return offsets;
}

const escapeLengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

function isBlank(char: string | undefined): boolean {
  return char !== undefined && /\s/.test(char);
}

function skipBlanks(content: string, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(content[at])) at++;
  return at;
}

/** A function that finds parts of a scalar in its file, for `compileCondition(text, catalogue, { place })`. */
export function scalarPlace(file: string, content: string, node: unknown): (span: Span) => Place {
  if (!isScalar(node)) return (span) => placeIn(file, content, span);
  return (span) => placeInScalar({ file, content, node: node as Scalar }, span);
}

/** One piece of a composed text, and where it came from. */
export interface Piece {
  readonly text: string;
  /** The scalar that it was part of, from this offset of its value; absent: it was written by the loader. */
  readonly from?: ScalarSource | undefined;
  readonly offset?: number | undefined;
  /** Set when the whole piece stands for that scalar, whose text it need not equal. */
  readonly whole?: boolean | undefined;
  /** How it got here: "in list l, defined at …". */
  readonly via?: (() => string) | undefined;
  /** The pieces that it is made of, which are made of no others: then nothing else is set. */
  readonly parts?: readonly Piece[] | undefined;
}

const words = [...listOperators, ...textOperators, ...modifiers].filter((each) => /^\w/.test(each)).join('|');
const operatorAtEnd = new RegExp(`(?:(?<![\\w.])(?:${words})|[=!]=|=)\\s*$`);

/** A text made of pieces, each of which remembers where it came from. */
export class ComposedText {
  readonly #pieces: readonly Piece[];
  readonly text: string;

  /** `text`: of all pieces together. */
  constructor(pieces: readonly Piece[], text = pieces.map((piece) => piece.text).join('')) {
    this.#pieces = pieces;
    this.text = text;
  }

  static of(text: string, from?: ScalarSource): ComposedText {
    return new ComposedText([{ text, from, offset: 0 }], text);
  }

  /** The texts with a separator between them. */
  static join(texts: readonly ComposedText[], separator: string): ComposedText {
    return new ComposedText(
      texts.flatMap((text, index) => (index === 0 ? text.#pieces : [{ text: separator }, ...text.#pieces])),
    );
  }

  concat(...others: readonly (ComposedText | string)[]): ComposedText {
    const pieces = others.flatMap((other) => (typeof other === 'string' ? [{ text: other }] : other.#pieces));
    return new ComposedText([...this.#pieces, ...pieces]);
  }

  /** The text with a part replaced by others. */
  replace(start: number, end: number, by: readonly Piece[]): ComposedText {
    const pieces: Piece[] = [];
    let written = '';
    cut(this.#pieces, 0, start, pieces);
    for (let index = 0; index < by.length; index++) {
      const piece = by[index] as Piece;
      if (piece.text === '') continue;
      pieces.push(piece);
      written += piece.text;
    }
    cut(this.#pieces, end, this.text.length, pieces);
    return new ComposedText(pieces, this.text.slice(0, start) + written + this.text.slice(end));
  }

  get #leaves(): readonly Piece[] {
    return this.#pieces.flatMap((piece) => piece.parts ?? [piece]);
  }

  /** How the parts of a span got here, each way once. */
  ways({ start, end }: Span): readonly string[] {
    const ways = new Set<string>();
    let at = 0;
    for (const { text, via } of this.#leaves) {
      if (via !== undefined && at < end && at + text.length > start) ways.add(via());
      at += text.length;
    }
    return [...ways];
  }

  /** The operator before a list that is put in place at an offset without parentheses; undefined where that is not so. */
  operatorOfBareList(
    offset: number,
  ): { readonly operator: string; readonly span: Span; readonly list: string } | undefined {
    let start = 0;
    for (const { text, parts } of this.#pieces) {
      if (offset < start + text.length) {
        const list = parts
          ?.map(({ via }) => /^in list ([^\s,]+)/.exec(via?.() ?? '')?.[1])
          .find((name) => name !== undefined);
        if (list === undefined) return undefined;
        const before = operatorAtEnd.exec(this.text.slice(0, start));
        if (before === null) return undefined;
        const operator = before[0].trimEnd();
        return { operator, span: { start: before.index, end: before.index + operator.length }, list };
      }
      start += text.length;
    }
    return undefined;
  }

  /** Where a span came from: the place of its first character that someone wrote, and how it got here. */
  locate({ start, end }: Span): { readonly place?: Place; readonly via?: string } {
    let at = 0;
    let last: { place: Place; via?: string } | undefined;
    for (const part of this.#pieces) {
      // What follows a list does not belong where its items are written.
      const isBehind = part.parts !== undefined && start >= at + part.text.length;
      for (const piece of part.parts ?? [part]) {
        const from = Math.max(start - at, 0);
        const written = piece.text.trimEnd().length;
        if (piece.from !== undefined && at < Math.max(end, start + 1) && from < written) {
          return located(piece, from, end - at);
        }
        // What is missing at the end of a text belongs behind its last word, not on the line below.
        if (piece.from !== undefined && !isBehind) last = located(piece, written, written + 1);
        at += piece.text.length;
        if (at > start && last !== undefined) return last;
      }
    }
    return last ?? {};
  }
}

/** Adds the pieces of a part of the text that some pieces make to others. */
function cut(pieces: readonly Piece[], start: number, end: number, to: Piece[]): void {
  let at = 0;
  // An iterator would make an object a piece.
  for (let index = 0; index < pieces.length && at < end; index++) {
    const piece = pieces[index] as Piece;
    const { length } = piece.text;
    const first = Math.max(start - at, 0);
    const last = Math.min(end - at, length);
    if (first === 0 && last === length) {
      if (length > 0) to.push(piece);
    } else if (first < last) {
      if (piece.parts === undefined) to.push(sliced(piece, first, last));
      else cut(piece.parts, first, last, to);
    }
    at += length;
  }
}

function sliced(piece: Piece, from: number, to: number): Piece {
  return { ...piece, text: piece.text.slice(from, to), offset: piece.whole ? 0 : (piece.offset ?? 0) + from };
}

function located(piece: Piece, from: number, to: number): { place: Place; via?: string } {
  const source = piece.from as ScalarSource;
  const offset = piece.offset ?? 0;
  const span = piece.whole
    ? { start: 0, end: scalarValue(source.node).length }
    : { start: offset + from, end: offset + Math.max(from + 1, Math.min(to, piece.text.length)) };
  return { place: placeInScalar(source, span), ...(piece.via === undefined ? {} : { via: piece.via() }) };
}

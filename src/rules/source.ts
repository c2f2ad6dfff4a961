/** Where the parts of a text came from: through folded YAML scalars, appended conditions, lists and exceptions. */

import type { Scalar } from 'yaml';
import { isScalar } from 'yaml';
import type { Place } from '../core/errors.ts';
import type { Span } from './ast.ts';

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
  const from = offsets[Math.min(start, offsets.length - 1)] ?? 0;
  const to = (offsets[Math.min(Math.max(end - 1, start), offsets.length - 1)] ?? from) + 1;
  return placeIn(file, content, { start: from, end: Math.max(to, from + 1) });
}

/**
 * For each character of a scalar's value, and for its end, the offset in the file. Folding only changes blanks, so that
 * other characters follow each other in the file as in the value; escapes of quoted scalars are longer than what they mean.
 */
export function scalarOffsets(content: string, node: Scalar): readonly number[] {
  const [start, end] = node.range ?? [0, 0, 0];
  const value = String(node.source ?? node.value);
  const offsets: number[] = [];
  let at = start;
  if (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE') at++;
  if (node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL') at = content.indexOf('\n', start) + 1;
  for (let index = 0; index < value.length; index++) {
    const char = value[index] ?? '';
    if (/\s/.test(char)) {
      offsets.push(at);
      if (/\s/.test(content[at] ?? '') && !/\s/.test(value[index + 1] ?? 'x')) at = skipBlanks(content, at, end);
      else if (/\s/.test(content[at] ?? '')) at++;
      else if (content[at] === '\\') at += escapeLength(content, at);
      continue;
    }
    at = skipBlanks(content, at, end);
    if (node.type === 'QUOTE_DOUBLE')
      while (/^\\\r?\n/.test(content.slice(at, at + 3))) at = skipBlanks(content, at + 1, end);
    offsets.push(at);
    if (node.type === 'QUOTE_DOUBLE' && content[at] === '\\') at += escapeLength(content, at);
    else if (node.type === 'QUOTE_SINGLE' && char === "'" && content[at + 1] === "'") at += 2;
    else at++;
  }
  offsets.push(Math.min(at, end));
  return offsets;
}

function skipBlanks(content: string, from: number, end: number): number {
  let at = from;
  while (at < end && /\s/.test(content[at] ?? '')) at++;
  return at;
}

function escapeLength(content: string, at: number): number {
  switch (content[at + 1]) {
    case 'x':
      return 4;
    case 'u':
      return 6;
    case 'U':
      return 10;
    default:
      return 2;
  }
}

/** A function that finds parts of a scalar in its file, for `compileCondition(text, catalogue, { place })`. */
export function scalarPlace(file: string, content: string, node: unknown): (span: Span) => Place {
  if (!isScalar(node)) return (span) => placeIn(file, content, span);
  return (span) => placeInScalar({ file, content, node: node as Scalar }, span);
}

/** One piece of a composed text, and where it came from. */
interface Piece {
  readonly text: string;
  /** The scalar that it was part of, from this offset of its value; absent: it was written by the loader. */
  readonly from?: ScalarSource | undefined;
  readonly offset?: number | undefined;
  /** Set when the whole piece stands for that scalar, whose text it need not equal. */
  readonly whole?: boolean | undefined;
  /** How it got here: "in list l, defined at …". */
  readonly via?: (() => string) | undefined;
}

/** A text made of pieces, each of which remembers where it came from. */
export class ComposedText {
  readonly #pieces: readonly Piece[];
  readonly text: string;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.text = pieces.map((piece) => piece.text).join('');
  }

  static of(text: string, from?: ScalarSource): ComposedText {
    return new ComposedText([{ text, from, offset: 0 }]);
  }

  concat(...others: readonly (ComposedText | string)[]): ComposedText {
    const pieces = others.flatMap((other) => (typeof other === 'string' ? [{ text: other }] : other.#pieces));
    return new ComposedText([...this.#pieces, ...pieces]);
  }

  /** The text with a part replaced by others. */
  replace(start: number, end: number, by: readonly Piece[]): ComposedText {
    return new ComposedText([...this.#slice(0, start), ...by, ...this.#slice(end, this.text.length)]);
  }

  #slice(start: number, end: number): Piece[] {
    const result: Piece[] = [];
    let at = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, piece.text.length);
      if (from < to) {
        result.push({
          ...piece,
          text: piece.text.slice(from, to),
          offset: piece.whole ? 0 : (piece.offset ?? 0) + from,
        });
      }
      at += piece.text.length;
    }
    return result;
  }

  /** Where a span came from: the place of its first character that someone wrote, and how it got here. */
  locate({ start, end }: Span): { readonly place?: Place; readonly via?: string } {
    let at = 0;
    let last: { place: Place; via?: string } | undefined;
    for (const piece of this.#pieces) {
      const from = Math.max(start - at, 0);
      if (piece.from !== undefined && at < Math.max(end, start + 1) && from < piece.text.length) {
        return located(piece, from, end - at);
      }
      if (piece.from !== undefined) last = located(piece, piece.text.length, piece.text.length + 1);
      at += piece.text.length;
      if (at > start && last !== undefined) return last;
    }
    return last ?? {};
  }
}

function located(piece: Piece, from: number, to: number): { place: Place; via?: string } {
  const source = piece.from as ScalarSource;
  const offset = piece.offset ?? 0;
  const span = piece.whole
    ? { start: 0, end: String(source.node.source ?? source.node.value).length }
    : { start: offset + from, end: offset + Math.max(from + 1, Math.min(to, piece.text.length)) };
  return { place: placeInScalar(source, span), ...(piece.via === undefined ? {} : { via: piece.via() }) };
}

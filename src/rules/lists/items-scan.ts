/** Finds the items in a text: one a line, or one column of a table. */

import { clipped } from '../values/constants.ts';
import { MOST_LINES } from './items-bounds.ts';
import type { ItemsFrom } from './items-from.ts';

/** UTF-16 units, in bytes where all are ASCII. */
export type Units = Uint8Array | Uint16Array;

/** What is to be an item: the units from `start` to `end`. It is readable until the next one is looked for. */
export interface FoundItem {
  readonly units: Units;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** A text that does not have the form that it should. */
export class ScanError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

export const LINE_FEED = 10;
const QUOTE = 34;
const HASH = 35;
const COMMA = 44;
const SPACE = 32;
const LAST_PRINTABLE = 126;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** Lines between two chances to do something else. */
const STEP = 8192;

/** Bytes that a line has at most: paths have 4,096, and what is no list often has no lines. */
export const LONGEST_LINE = 64 * 1024;

/** How many lines there are at most. @throws ScanError for one that is too long, and when there are too many */
export function* countLines(bytes: Buffer): Generator<void, number> {
  let count = 1;
  for (let start = 0; ; ) {
    const feed = bytes.indexOf(LINE_FEED, start);
    if ((feed < 0 ? bytes.length : feed) - start > LONGEST_LINE) {
      throw new ScanError(`the line has more than ${LONGEST_LINE / 1024} KiB: it is no list`, count);
    }
    if (feed < 0) return count;
    start = feed + 1;
    count++;
    if (count > MOST_LINES && start < bytes.length) {
      throw new ScanError(`it has more than ${MOST_LINES / 1e6} million lines`, count);
    }
    if (count % STEP === 0) yield;
  }
}

/** Finds items in order. Empty lines and those that begin with # hold none. */
export class ItemScanner implements FoundItem {
  units: Units;
  start = 0;
  end = 0;
  line = 0;
  #text: string | undefined;
  readonly #bytes: Buffer;
  readonly #column: string | number | undefined;
  /** The place of the column in a row, from 0; not known before its name is found in the first one. */
  #place: number;
  /** Where the line that was read last ends, and where in it is the first byte that is not printable ASCII. */
  #lineEnd = -1;
  #firstOdd = 0;
  #hasQuotes = false;
  /** The line that the next one is. */
  #nextLine = 1;

  constructor(bytes: Buffer, { format, column = 1 }: Pick<ItemsFrom, 'format' | 'column'>) {
    this.#bytes = bytes;
    this.units = bytes;
    this.#column = format === 'csv' ? column : undefined;
    this.#place = typeof column === 'number' ? column - 1 : -1;
    if (bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) this.#lineEnd = BYTE_ORDER_MARK.length - 1;
  }

  get text(): string {
    return (this.#text ??= this.#bytes.toString('latin1', this.start, this.end));
  }

  /** Goes to the next item, if there is one. @throws ScanError */
  next(): boolean {
    for (;;) {
      const start = this.#lineEnd + 1;
      if (start >= this.#bytes.length) return false;
      if (this.#column === undefined) this.#readLine(start);
      else this.#readRow(start);
      if (this.#bytes[start] === HASH) continue;
      if (this.#column === undefined) this.#take(start, this.#lineEnd);
      else if (this.#place < 0) this.#readNames(start, this.#column);
      else this.#takeCell(start, this.#place);
      if (this.start < this.end && !(this.#column === undefined && this.units[this.start] === HASH)) return true;
    }
  }

  #readLine(start: number): void {
    const bytes = this.#bytes;
    this.line = this.#nextLine++;
    let firstOdd = bytes.length;
    let at = start;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === LINE_FEED) break;
      if ((byte < SPACE || byte > LAST_PRINTABLE) && at < firstOdd) firstOdd = at;
    }
    this.#lineEnd = at;
    this.#firstOdd = firstOdd;
  }

  /** Cells in double quotes may hold commas, line ends and doubled quotes (RFC 4180). */
  #readRow(start: number): void {
    const bytes = this.#bytes;
    const line = this.#nextLine;
    this.#readLine(start);
    this.#hasQuotes = false;
    for (let at = start, isOpen = false; ; at++) {
      if (at === this.#lineEnd) {
        if (!isOpen) break;
        if (at >= bytes.length) throw new ScanError('a cell in quotes does not end', line);
        this.#readLine(at + 1);
      } else if (bytes[at] === QUOTE) {
        isOpen = !isOpen;
        this.#hasQuotes = true;
      }
    }
    this.line = line;
  }

  #readNames(start: number, column: string | number): void {
    const row = this.#bytes.toString('utf8', start, this.#lineEnd);
    this.end = this.start;
    if (row.trim() === '') return;
    const cells = cellsOf(row.replace(/\r$/, ''));
    this.#place = cells.findIndex((cell) => cell.trim() === column);
    if (this.#place < 0) {
      throw new ScanError(`the table has no column '${column}'; it has ${clipped(cells.join(', '))}`, this.line);
    }
  }

  #takeCell(start: number, place: number): void {
    const bytes = this.#bytes;
    if (this.#hasQuotes) {
      this.#takeText(cellsOf(bytes.toString('utf8', start, this.#lineEnd).replace(/\r$/, ''))[place] ?? '');
      return;
    }
    let from = start;
    for (let before = 0, at = start; before < place; at++) {
      // A row that is too short has no such cell.
      if (at >= this.#lineEnd) from = this.#lineEnd;
      else if (bytes[at] !== COMMA) continue;
      else from = at + 1;
      before++;
    }
    let to = from;
    while (to < this.#lineEnd && bytes[to] !== COMMA) to++;
    this.#take(from, to);
  }

  /** Takes what stands from `start` to `end`, without the blanks around it. */
  #take(start: number, end: number): void {
    const bytes = this.#bytes;
    let from = start;
    let to = end;
    while (from < to && isBlank(bytes[from] as number)) from++;
    while (to > from && isBlank(bytes[to - 1] as number)) to--;
    if (this.#firstOdd < to) {
      this.#takeText(bytes.toString('utf8', from, to));
      return;
    }
    this.units = bytes;
    this.start = from;
    this.end = to;
    this.#text = undefined;
  }

  #takeText(text: string): void {
    this.#text = text.trim();
    this.units = unitsOf(this.#text);
    this.start = 0;
    this.end = this.units.length;
  }
}

/** The UTF-16 units of a text. */
export function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) units[at] = text.charCodeAt(at);
  return units;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13);
}

function cellsOf(row: string): readonly string[] {
  if (!row.includes('"')) return row.split(',');
  const cell = /\s*"((?:[^"]|"")*)"\s*(?:,|$)|([^,]*)(?:,|$)/gy;
  const cells: string[] = [];
  while (cell.lastIndex < row.length) {
    const found = cell.exec(row);
    if (found === null) break;
    cells.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
  }
  return cells;
}

/** The text of some units. */
export function textOf(units: Uint16Array, start: number, end: number): string {
  return Buffer.from(units.buffer, units.byteOffset + start * 2, (end - start) * 2).toString('utf16le');
}

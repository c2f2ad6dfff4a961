/** Finds the items in a text: one a line, or one column of a table. */

import type { ItemsFrom } from './items-from.ts';

export interface FoundItem {
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

/** How many lines there are at most. */
export function countLines(bytes: Buffer): number {
  let count = 1;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

/** The items in order. Empty lines and those that begin with # hold none. @throws ScanError */
export function* scanItems(bytes: Buffer, { format, column }: Pick<ItemsFrom, 'format' | 'column'>) {
  if (format === 'csv') yield* scanColumn(bytes, column ?? 1);
  else yield* scanLines(bytes);
}

function* scanLines(bytes: Buffer): Generator<FoundItem, void> {
  let line = 0;
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(10, start);
    const end = found < 0 ? bytes.length : found;
    line++;
    const text = bytes.toString('utf8', start, end).trim();
    start = end + 1;
    if (text !== '' && !text.startsWith('#')) yield { text: line === 1 ? text.replace(/^\uFEFF/, '') : text, line };
  }
}

function* scanColumn(bytes: Buffer, column: string | number): Generator<FoundItem, void> {
  let index = typeof column === 'number' ? column - 1 : -1;
  for (const { cells, line } of scanRows(bytes)) {
    if (index < 0) {
      index = cells.findIndex((cell) => cell.trim() === column);
      if (index < 0) throw new ScanError(`the table has no column '${column}'; it has ${cells.join(', ')}`, line);
      continue;
    }
    const text = cells[index]?.trim() ?? '';
    if (text !== '') yield { text, line };
  }
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

/** The rows of a table (RFC 4180): cells in double quotes may hold commas, line ends and doubled quotes. */
function* scanRows(bytes: Buffer): Generator<Row, void> {
  let line = 1;
  for (let start = 0; start < bytes.length; ) {
    const end = rowEnd(bytes, start, line);
    const text = bytes.toString('utf8', start, end).replace(/\r$/, '');
    const row = line === 1 ? text.replace(/^\uFEFF/, '') : text;
    if (row.trim() !== '' && !row.startsWith('#')) yield { cells: cellsOf(row), line };
    line += row.split('\n').length;
    start = end + 1;
  }
}

const LINE_FEED = 10;
const QUOTE = 34;

function rowEnd(bytes: Buffer, start: number, line: number): number {
  let isOpen = false;
  for (let at = start; at < bytes.length; at++) {
    if (bytes[at] === QUOTE) isOpen = !isOpen;
    else if (bytes[at] === LINE_FEED && !isOpen) return at;
  }
  if (isOpen) throw new ScanError('a cell in quotes does not end', line);
  return bytes.length;
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

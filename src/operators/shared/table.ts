/** Tables to look things up in: CSV (RFC 4180) with a line of names, or JSON. */

import type { Edge } from '../../core/component.ts';
import { suggest } from '../../core/errors.ts';

/** The fields to add, by the value of the key. */
export type Table = ReadonlyMap<string, Readonly<Record<string, string>>>;

export class TableError extends Error {
  /** The column that is not there. */
  readonly wanted: string | undefined;
  readonly columns: readonly string[];
  readonly line: number | undefined;

  constructor(message: string, about: { wanted?: string; columns?: readonly string[]; line?: number } = {}) {
    super(message);
    this.wanted = about.wanted;
    this.columns = about.columns ?? [];
    this.line = about.line;
  }
}

export interface TableOptions {
  /** The path of its file. */
  readonly table: string;
  /** The column of the key. Default: the first. */
  readonly column?: string | undefined;
  /** As for readTable. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** Reads a table that the configuration names at `at`. What is wrong with it is reported there; then it is empty. */
export function tableOn(
  edge: Pick<Edge, 'read' | 'report'>,
  { table: path, column, fields = {} }: TableOptions,
  at: readonly (string | number)[],
): Table {
  const text = edge.read(path, at);
  if (text === undefined) return new Map();
  try {
    return readTable(text, path, column, fields);
  } catch (error) {
    if (!(error instanceof TableError)) throw error;
    const { message, wanted, columns, line } = error;
    const near = wanted === undefined ? undefined : suggest(wanted, columns);
    const hint = near ? `Did you mean "${near}"?` : columns.length > 0 ? `It has ${columns.join(', ')}.` : undefined;
    const place = line === undefined ? {} : { at: { file: path, line, column: 1 } };
    edge.report(
      { severity: 'error', code: 'CONFIG_TABLE', message: `${path}: ${message}`, ...(hint ? { hint } : {}), ...place },
      at,
    );
    return new Map();
  }
}

interface Rows {
  /** The column of the key where none is named. */
  readonly first: string;
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/**
 * Reads a table. `fields` has, by the field to add, the column that it comes from; empty cells add nothing, and of two rows
 * with the same key the last counts. The name of the file decides: `.json`, else CSV. Throws a TableError.
 */
export function readTable(
  text: string,
  name: string,
  keyColumn: string | undefined,
  fields: Readonly<Record<string, string>>,
): Table {
  const { first, columns, rows } = name.endsWith('.json') ? fromJson(text) : fromCsv(text);
  const key = keyColumn ?? first;
  for (const column of [key, ...Object.values(fields)]) {
    if (!columns.includes(column)) throw new TableError(`there is no column "${column}"`, { wanted: column, columns });
  }
  const wanted = Object.entries(fields);
  const table = new Map<string, Record<string, string>>();
  for (const row of rows) {
    const value = row[key];
    if (value === undefined || value === '') continue;
    const cells = wanted.map(([field, column]) => [field, row[column] ?? ''] as const);
    table.set(value, Object.fromEntries(cells.filter(([, cell]) => cell !== '')));
  }
  return table;
}

/** The key of a JSON object of objects. */
const KEY = '(key)';

function fromJson(text: string): Rows {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TableError(`no JSON: ${(error as Error).message}`);
  }
  const isObject = (each: unknown): each is Record<string, unknown> =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  const items = Array.isArray(value)
    ? value
    : isObject(value)
      ? Object.entries(value).map(([name, row]) => (isObject(row) ? { [KEY]: name, ...row } : row))
      : [];
  if (items.length === 0)
    throw new TableError('no rows: it must be an array of objects, or an object of objects by key');
  const rows = items.map((item, index) => {
    if (!isObject(item)) throw new TableError(`row ${index + 1} is no object`);
    const cells = Object.entries(item).filter(([, cell]) => cell !== null && cell !== undefined);
    return Object.fromEntries(
      cells.map(([column, cell]) => [column, typeof cell === 'object' ? JSON.stringify(cell) : String(cell)]),
    );
  });
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { first: columns[0] ?? '', columns, rows };
}

function fromCsv(text: string): Rows {
  const [head, ...lines] = cellsOf(text.replace(/^\ufeff/, ''));
  if (!head) throw new TableError('it is empty: the first line names the columns');
  const columns = head.cells.map((cell) => cell.trim());
  const rows = lines.map(({ cells, line }) => {
    if (cells.length === columns.length)
      return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']));
    throw new TableError(`a line of ${cells.length} cells, where the first has ${columns.length}`, { line });
  });
  return { first: columns[0] ?? '', columns, rows };
}

interface Line {
  readonly cells: string[];
  /** Where it begins, from 1. */
  readonly line: number;
}

// A cell in quotes may hold commas, line ends, and quotes written twice.
function cellsOf(text: string): Line[] {
  const lines: Line[] = [];
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  let line = 1;
  let began = 1;
  const endLine = () => {
    cells.push(cell);
    if (cells.length > 1 || cell !== '') lines.push({ cells, line: began });
    cells = [];
    cell = '';
    began = line + 1;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quoted && char === '"' && text[at + 1] === '"') {
      cell += '"';
      at++;
    } else if (char === '"' && (quoted || cell === '')) quoted = !quoted;
    else if (char === '\n' && !quoted) {
      endLine();
      line++;
    } else {
      if (char === '\n') line++;
      if (quoted || (char !== ',' && char !== '\r')) cell += char;
      else if (char === ',') {
        cells.push(cell);
        cell = '';
      }
    }
  }
  if (quoted) throw new TableError('a quote that is not closed', { line: began });
  endLine();
  return lines;
}

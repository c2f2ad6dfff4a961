/** What is wrong, where, and what to do: the one shape of every error that a user can cause. */

import { visible, visibleLine } from './visible.ts';

/** A text that positions refer to. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** A place in a text. `line` and `column` start at 1; `column` counts UTF-16 units; `length` is how much the caret underlines. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length?: number;
}

/** FILE:LINE:COLUMN. */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** A stable name such as `CONFIG_UNKNOWN_KEY` or `LOAD_ERR_COMPILE_CONDITION`. */
  readonly code: string;
  readonly message: string;
  readonly at?: Place;
  /** The line at the place is not to be shown. */
  readonly hidden?: true;
  /** It may pass by itself: another try may go well, with nothing changed here. */
  readonly temporary?: true;
  /** What to do about it, or what was probably meant. */
  readonly hint?: string;
  /** How the place was reached, innermost first: "in macro m, defined at FILE:LINE:COLUMN". */
  readonly via?: readonly string[];
}

/** sysexits(3), as far as this program uses them. */
export const exitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  unavailable: 69,
  software: 70,
  temporary: 75,
  noPermission: 77,
  config: 78,
} as const;

/** With what a program ends that cannot begin because of these errors. */
export function exitFor(diagnostics: readonly Diagnostic[]): number {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return errors.length > 0 && errors.every(({ temporary }) => temporary) ? exitCode.temporary : exitCode.config;
}

/** An error whose message is for the user: printed without a stack, and the process exits with `exit`. */
export class UserError extends Error {
  readonly exit: number;
  readonly diagnostics: readonly Diagnostic[];
  /** What the diagnostics can quote. */
  readonly texts: readonly SourceText[];
  constructor(message: string, options: UserErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.exit = options.exit ?? exitCode.failure;
    this.diagnostics = options.diagnostics ?? [];
    this.texts = options.texts ?? [];
  }
}

/**
 * Ends one source for good, and nothing else: access was refused, a stream is not there. No other try can succeed until
 * its configuration or its rights change; a reload opens it again. The run is not ready meanwhile.
 */
export class SourceError extends UserError {
  override readonly name = 'SourceError';
}

/** What was asked for does not happen, for the run stops: nothing is wrong. */
export class Stopping extends UserError {
  override readonly name = 'Stopping';
}

export interface UserErrorOptions {
  readonly exit?: number;
  readonly diagnostics?: readonly Diagnostic[];
  readonly texts?: readonly SourceText[];
  readonly cause?: unknown;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const WIDTH = 100;

/**
 * Renders a diagnostic as `FILE:LINE:COLUMN: severity: message`, the line with a caret under the place, the chain and the
 * hint. `texts` finds the line; without the text only the first line is printed. What cannot be seen is escaped.
 */
export function renderDiagnostic(diagnostic: Diagnostic, texts: readonly SourceText[] = []): string {
  const { at, severity, message, via = [], hint } = diagnostic;
  const lines: string[] = [];
  lines.push(`${at ? `${placeText(at)}: ` : ''}${severity}: ${message}`);
  const text = diagnostic.hidden ? undefined : texts.find(({ name }) => name === at?.file)?.text;
  const line = at && text?.split(/\r?\n/)[at.line - 1];
  if (at && line !== undefined) {
    // A long line (a folded condition) is cut around the place, so that the caret stays on the screen.
    const from = line.length <= WIDTH ? 0 : Math.max(0, at.column - 1 - WIDTH / 2);
    const shown = (start: number, end: number) =>
      visibleLine(line.slice(start, Math.min(end, from + WIDTH)).replaceAll('\t', ' '));
    const begin = at.column - 1;
    const end = begin + (at.length ?? 1);
    const before = `${from > 0 ? '…' : ''}${shown(from, begin)}`;
    const meant = shown(begin, end);
    lines.push(`  ${before}${meant}${shown(end, line.length)}`);
    lines.push(`  ${' '.repeat(before.length)}${'^'.repeat(Math.max(1, meant.length))}`);
  }
  for (const step of via) lines.push(`  ${step}`);
  if (hint) lines.push(`  ${hint}`);
  return visible(lines.join('\n'));
}

/**
 * The candidate that `name` was probably meant to be, or undefined when none is near: at most a third of the letters
 * differ (Damerau-Levenshtein, case ignored), and at most `most`.
 */
export function suggest(
  name: string,
  candidates: Iterable<string>,
  most = Number.POSITIVE_INFINITY,
): string | undefined {
  let best: string | undefined;
  let least = Math.min(most, Math.max(1, Math.floor(name.length / 3))) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length] ?? 0;
}

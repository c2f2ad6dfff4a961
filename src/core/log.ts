/** Logs go to stderr: plain sentences on a terminal, JSON lines elsewhere. Nothing is logged per event. */

import { isatty } from 'node:tty';
import { pino } from 'pino';
import { counted } from './counted.ts';
import { toStandardError } from './log-output.ts';
import { visible } from './visible.ts';

interface Say {
  (message: string): void;
  (fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What components log with: pino's, as far as they need it. */
export interface Logger {
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export interface LogOptions {
  readonly level?: string;
  /** Force sentences or JSON; default: sentences when stderr is a terminal. */
  readonly style?: 'text' | 'json';
  /** Default: to the standard error. `note` gives the line that says that so many were lost. */
  readonly write?: (line: string, note: (lost: number) => string) => void;
}

/** The program's logger; a component gets a child of it that carries its id. */
export function createLogger(options: LogOptions = {}): Logger {
  const { level = process.env.FALCO_PIPE_LOG_LEVEL ?? 'info', write = toStandardError } = options;
  const style = options.style ?? (isatty(2) ? 'text' : 'json');
  // What a service answered stands in it; JSON stays the same.
  const form = (line: string) => visible(style === 'json' ? line : sentence(line));
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(settings, { write: (line) => write(form(line), (lost) => form(lostLine(lost))) });
}

function lostLine(lost: number): string {
  const msg = `${counted(lost, 'line')} of this log ${lost === 1 ? 'was' : 'were'} lost: the standard error could not be written`;
  return `${JSON.stringify({ level: pino.levels.values.error, time: new Date().toISOString(), lost, msg })}\n`;
}

function sentence(line: string): string {
  const { level, msg, id, err } = JSON.parse(line) as {
    level: number;
    msg?: string;
    id?: string;
    err?: { message: string };
  };
  const label = pino.levels.labels[level] ?? 'info';
  const cause = err && !msg?.includes(err.message) ? `: ${err.message}` : '';
  return `${label === 'info' ? '' : `${label}: `}${id ? `${id}: ` : ''}${msg ?? ''}${cause}\n`;
}

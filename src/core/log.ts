/** Logs go to stderr: plain sentences on a terminal, JSON lines elsewhere. Nothing is logged per event. */

import { pino } from 'pino';

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
  readonly write?: (line: string) => void;
}

/** The program's logger; a component gets a child of it that carries its id. */
export function createLogger(options: LogOptions = {}): Logger {
  const { level = process.env.FALCO_PIPE_LOG_LEVEL ?? 'info', write = (line) => process.stderr.write(line) } = options;
  const style = options.style ?? (process.stderr.isTTY ? 'text' : 'json');
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(settings, { write: style === 'json' ? write : (line) => write(sentence(line)) });
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

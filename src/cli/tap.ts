/** `falco-pipe tap`: a live sample of what leaves a component of a running program, or reaches a sink. */

import { resolve } from 'node:path';
import { exitCode, UserError } from '../core/errors.ts';
import { controlFor } from './control.ts';
import { say } from './say.ts';

export interface TapOptions {
  readonly pipeline?: string;
  readonly rate: string;
  readonly limit?: string;
}

/** Prints events as lines of JSON until a signal, the end of the program, or so many. */
export async function tap(id: string, options: TapOptions): Promise<void> {
  const rate = number('--rate', options.rate);
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : number('--limit', options.limit);
  const control = await controlFor(options.pipeline, resolve);
  const enough = new AbortController();
  let left = limit;
  const print = (line: string) => {
    if (left-- > 0) say(`${line}\n`);
    if (left <= 0) enough.abort();
  };
  process.stdout.on('error', () => enough.abort()); // `… | head`
  const path = `/tap?id=${encodeURIComponent(id)}&rate=${rate}`;
  try {
    await control.lines(path, print, enough.signal);
    if (!enough.signal.aborted) process.stderr.write(`program ${control.status.pid} has ended\n`);
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UserError(`${option} must be a whole number above 0, not "${text}"`, { exit: exitCode.usage });
}

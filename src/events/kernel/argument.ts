/** One parameter of an event, and what the readers of parameters share. */

import type { Scalar } from '../field.ts';
import { flagNames } from '../syscall/flags.ts';
import { errnoName } from './errno.ts';
import type { KernelEvent } from './event.ts';

export interface Argument {
  readonly name: string;
  readonly raw: (event: KernelEvent) => Scalar | undefined;
  /** The value as text; default: as it is. */
  readonly print?: (value: Scalar) => string;
  /** What it stands for; undefined when it stands for nothing else. */
  readonly means?: (event: KernelEvent, value: Scalar) => string | undefined;
}

export const AT_FDCWD = -100;

export const hex = (value: Scalar) => value.toString(16).toUpperCase();
export const octal = (value: Scalar) => (value === 0 ? '0' : `0${(value as number).toString(8)}`);

/** Bytes as text, with a dot for each that does not print; Falco's word where there are none. */
export const bytesText = (value: Scalar) =>
  (value instanceof Uint8Array &&
    Buffer.from(value)
      .toString('latin1')
      .replace(/[^ -~]/g, '.')) ||
  'NULL';

/** The name of an error that a call returned. */
export const error = (_: KernelEvent, value: Scalar) => (Number(value) < 0 ? errnoName(-Number(value)) : undefined);

export const directory = (_: KernelEvent, value: Scalar) => (value === AT_FDCWD ? 'AT_FDCWD' : undefined);

/** Few sets of flags are in use; their names are put together once. */
export function flags(set: Parameters<typeof flagNames>[0]) {
  const known = new Map<Scalar, string | undefined>();
  return (_: KernelEvent, value: Scalar): string | undefined => {
    if (!known.has(value)) {
      if (known.size > 4096) known.clear();
      known.set(value, flagNames(set, Number(value)));
    }
    return known.get(value);
  };
}

/** Signals whose names rules and people look for; signal(7), x86 and arm64. */
const SIGNALS =
  `HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU
URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS`.split(/\s+/);

/** `SIGKILL` for 9 (signal(7)); undefined for real-time signals and for what is none. */
export function signalName(signal: number): string | undefined {
  const name = SIGNALS[signal - 1];
  return name === undefined ? undefined : `SIG${name}`;
}

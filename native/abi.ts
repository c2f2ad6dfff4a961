/** The system calls that a machine has: its own, and those of 32-bit programs. */

import type { Call } from './calls.ts';

/** The numbers of a call, of which a machine may have several, or none. */
export interface Numbers {
  readonly own: readonly number[];
  readonly compat: readonly number[];
}

/** The numbers that a call has on this machine. */
export function numbersHere({ numbers: [x64 = [], ia32 = [], arm64 = [], arm = []] }: Pick<Call, 'numbers'>): Numbers {
  return process.arch === 'arm64' ? { own: arm64, compat: arm } : { own: x64, compat: ia32 };
}

/** Flags of system calls in Falco's numbers, where those are not the kernel's (spec/falco-engine.md §3.6). */

import type { FlagSet } from '../syscall/flag-table.ts';
import { flagSet } from '../syscall/flags.ts';
import { falcoCloneFlags } from './open-flags.ts';

type Bits = readonly (readonly [linux: number, name: string])[];

/** Sets of bits whose numbers differ. (Pairs, because the formatter rewrites octal keys of objects to other numbers.) */
const BITS: Readonly<Partial<Record<FlagSet, Bits>>> = {
  fchownat_flags: [
    [0x100, 'AT_SYMLINK_NOFOLLOW'],
    [0x1000, 'AT_EMPTY_PATH'],
  ],
  delete_module_flags: [
    [0o4000, 'O_NONBLOCK'],
    [0o1000, 'O_TRUNC'],
  ],
  pidfd_open_flags: [[0o4000, 'PIDFD_NONBLOCK']],
  io_uring_setup_flags: [
    [1, 'IORING_SETUP_IOPOLL'],
    [2, 'IORING_SETUP_SQPOLL'],
    [4, 'IORING_SETUP_SQ_AFF'],
    [8, 'IORING_SETUP_CQSIZE'],
    [16, 'IORING_SETUP_CLAMP'],
    [32, 'IORING_SETUP_ATTACH_RW'],
    [64, 'IORING_SETUP_R_DISABLED'],
  ],
  // Of calls that do not open: sockets, userfaultfd, dup3.
  file_flags: [
    [0o4000, 'O_NONBLOCK'],
    [0o2000000, 'O_CLOEXEC'],
  ],
};

/** ptrace(2), sys/ptrace.h. */
const PTRACE: Readonly<Record<number, string>> = {
  0: 'PTRACE_TRACEME',
  1: 'PTRACE_PEEKTEXT',
  2: 'PTRACE_PEEKDATA',
  3: 'PTRACE_PEEKUSR',
  4: 'PTRACE_POKETEXT',
  5: 'PTRACE_POKEDATA',
  6: 'PTRACE_POKEUSR',
  7: 'PTRACE_CONT',
  8: 'PTRACE_KILL',
  9: 'PTRACE_SINGLESTEP',
  12: 'PTRACE_GETREGS',
  13: 'PTRACE_SETREGS',
  14: 'PTRACE_GETFPREGS',
  15: 'PTRACE_SETFPREGS',
  16: 'PTRACE_ATTACH',
  17: 'PTRACE_DETACH',
  18: 'PTRACE_GETFPXREGS',
  19: 'PTRACE_SETFPXREGS',
  21: 'PTRACE_OLDSETOPTIONS',
  24: 'PTRACE_SYSCALL',
  25: 'PTRACE_GET_THREAD_AREA',
  26: 'PTRACE_SET_THREAD_AREA',
  30: 'PTRACE_ARCH_PRCTL',
  31: 'PTRACE_SYSEMU',
  32: 'PTRACE_SYSEMU_SINGLESTEP',
  33: 'PTRACE_SINGLEBLOCK',
  16896: 'PTRACE_SETOPTIONS',
  16897: 'PTRACE_GETEVENTMSG',
  16898: 'PTRACE_GETSIGINFO',
  16899: 'PTRACE_SETSIGINFO',
  16900: 'PTRACE_GETREGSET',
  16901: 'PTRACE_SETREGSET',
  16902: 'PTRACE_SEIZE',
  16903: 'PTRACE_INTERRUPT',
  16904: 'PTRACE_LISTEN',
  16905: 'PTRACE_PEEKSIGINFO',
  16906: 'PTRACE_GETSIGMASK',
  16907: 'PTRACE_SETSIGMASK',
};

/** Translates the kernel's number to Falco's, for one set of flags. */
export function falcoFlags(set: FlagSet): (value: number) => number {
  const numbers = new Map(flagSet(set));
  if (set === 'clone_flags') return (value) => falcoCloneFlags(value, false);
  if (set === 'ptrace_requests') return (value) => numbers.get(PTRACE[value] ?? '') ?? 0;
  const bits = BITS[set];
  if (bits === undefined) return (value) => value;
  const table = bits.map(([linux, name]) => [linux, numbers.get(name) ?? 0] as const);
  return (value) => table.reduce((sum, [linux, falco]) => ((value & linux) !== 0 ? sum | falco : sum), 0);
}

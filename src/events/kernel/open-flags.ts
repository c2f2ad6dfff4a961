/** The flags of open(2) and clone(2) in Falco's numbers (spec/falco-engine.md §6.4, flag table). */

import type { FlagSet } from '../syscall/flag-table.ts';
import { flagSet } from '../syscall/flags.ts';

const arm = process.arch === 'arm64';

/** open(2) on this machine. */
const O = {
  WRONLY: 0o1,
  RDWR: 0o2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  DIRECT: arm ? 0o200000 : 0o40000,
  LARGEFILE: arm ? 0o400000 : 0o100000,
  DIRECTORY: arm ? 0o40000 : 0o200000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  TMPFILE: 0o20000000 | (arm ? 0o40000 : 0o200000),
} as const;

/** Falco's numbers by name, of a flag set. */
function numbers(set: FlagSet): Readonly<Record<string, number>> {
  return Object.fromEntries(flagSet(set));
}

type Translation = readonly (readonly [linux: number, falco: number])[];

let openFlags: Translation | undefined;
let cloneFlags: Translation | undefined;

const SINGLE = [
  'CREAT',
  'APPEND',
  'DSYNC',
  'EXCL',
  'NONBLOCK',
  'SYNC',
  'TRUNC',
  'DIRECT',
  'LARGEFILE',
  'CLOEXEC',
] as const;

/** O_F_CREATED: the call made the file. */
const CREATED = 16384;

/** By the layer of overlayfs that the file lies in (OPEN.layer): none, upper, lower. */
const LAYERS = [0, 32768, 65536];

/** The flags argument of an open as `evt.rawarg.flags` has it, with what is known of the file. */
export function falcoOpenFlags(flags: number, created: boolean, layer = 0): number {
  if (openFlags === undefined) {
    const falco = numbers('file_flags');
    openFlags = SINGLE.map((name) => [O[name], falco[`O_${name}`] ?? 0] as const);
  }
  let result = LAYERS[layer] ?? 0;
  result |= (flags & O.RDWR) !== 0 ? 3 : (flags & O.WRONLY) !== 0 ? 2 : 1;
  for (const [linux, falco] of openFlags) if ((flags & linux) === linux) result |= falco;
  // O_TMPFILE contains O_DIRECTORY, but opens no directory.
  if (makesTemporary(flags)) result |= 8192;
  else if (opensDirectory(flags)) result |= 1024;
  return created ? result | CREATED : result;
}

export const reads = (flags: number) => (flags & O.WRONLY) === 0;
export const writes = (flags: number) => (flags & (O.WRONLY | O.RDWR)) !== 0;
export const creates = (flags: number) => (flags & O.CREAT) !== 0;
export const makesTemporary = (flags: number) => (flags & O.TMPFILE) === O.TMPFILE;
export const opensDirectory = (flags: number) => (flags & O.TMPFILE) === O.DIRECTORY;
/** What creat(2) is short for. */
export const CREAT_FLAGS = O.CREAT | O.WRONLY | O.TRUNC;

/** clone(2): every bit that has a name in Falco. */
const CLONE: Readonly<Record<string, number>> = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PTRACE: 0x2000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x1_0000,
  NEWNS: 0x2_0000,
  SYSVSEM: 0x4_0000,
  SETTLS: 0x8_0000,
  PARENT_SETTID: 0x10_0000,
  CHILD_CLEARTID: 0x20_0000,
  UNTRACED: 0x80_0000,
  CHILD_SETTID: 0x100_0000,
  NEWCGROUP: 0x200_0000,
  NEWUTS: 0x400_0000,
  NEWIPC: 0x800_0000,
  NEWUSER: 0x1000_0000,
  NEWPID: 0x2000_0000,
  NEWNET: 0x4000_0000,
  IO: 0x8000_0000,
};
const IN_PIDNS = 'CLONE_CHILD_IN_PIDNS';

/** The flags of a clone as `evt.rawarg.flags` has them; `inNamespace`: the child has another id in its pid namespace. */
export function falcoCloneFlags(flags: number, inNamespace: boolean): number {
  const falco = numbers('clone_flags');
  cloneFlags ??= Object.entries(CLONE).map(([name, linux]) => [linux, falco[`CLONE_${name}`] ?? 0] as const);
  let result = inNamespace ? (falco[IN_PIDNS] ?? 0) : 0;
  for (const [linux, bit] of cloneFlags) if ((flags & linux) !== 0) result |= bit;
  return result >>> 0;
}

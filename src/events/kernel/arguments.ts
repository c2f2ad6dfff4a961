/** `evt.arg.*`, `evt.rawarg.*` and `evt.args`: the parameters of Falco's events, as far as the records tell them. */

import { CALLS } from '../../../native/calls.ts';
import type { Scalar } from '../field.ts';
import { joinPath } from '../paths.ts';
import { eventType } from '../syscall/event-types.ts';
import { dateTime } from '../time.ts';
import { type Argument, directory, error, flags, hex, octal, signalName } from './argument.ts';
import { argumentsOfCall, callArguments } from './call-arguments.ts';
import { joinedPath, rawText } from './call-paths.ts';
import { callNumbers, NR, RET } from './calls.ts';
import { enteredDirectory } from './entered.ts';
import type { KernelEvent } from './event.ts';
import type { Program } from './image.ts';
import { CHDIR, EXEC, EXIT, FORK, HEADER, OPEN } from './layout.ts';
import { groupNameAt, loginNameAt, userAt } from './names.ts';
import { linuxFlags, makesFile, NR_OPENAT2, openName, opensADirectory, rawPath, succeeded } from './open-fields.ts';
import { falcoCloneFlags, falcoOpenFlags } from './open-flags.ts';
import { byKind } from './records.ts';
import { UNSET } from './user-fields.ts';

export type { Argument } from './argument.ts';

/** Lists of texts that each end in NUL print with a dot for whatever does not print. */
const dots = (value: Scalar) =>
  value === '' ? 'NULL' : String(value).replace(/[^\x20-\x7e]/gu, (char) => '.'.repeat(Buffer.byteLength(char)));
const terminated = (list: readonly string[]) => list.map((text) => `${text}\0`).join('');

const self = (event: KernelEvent) => event.comm;
const ofProgram = (read: (program: Program) => Scalar | undefined) => (event: KernelEvent) =>
  event.image.data.program && read(event.image.data.program);
const nameOf = (event: KernelEvent, tgid: number) => event.find(tgid)?.data.comm;
const user = (event: KernelEvent, uid: Scalar) => userAt(event, Number(uid))?.name;
const login = (event: KernelEvent, uid: Scalar) => loginNameAt(event, Number(uid));
const group = (event: KernelEvent, gid: Scalar) => groupNameAt(event, Number(gid));

const time = (value: Scalar) => dateTime(BigInt(value as number));
const loginuid = (event: KernelEvent) => event.u32(HEADER.loginuid);

const created = (event: KernelEvent) => event.u16(OPEN.created) !== 0;
const descriptor: Argument = {
  name: 'fd',
  raw: (event) => event.i64(OPEN.ret),
  means: (event, value) =>
    succeeded(event) ? `<${opensADirectory(event) ? 'd' : 'f'}>${openName(event) ?? ''}` : error(event, value),
};
const dirfd: Argument = {
  name: 'dirfd',
  raw: (event) => event.i32(OPEN.dirfd),
  means: directory,
};
const path: Argument = {
  name: 'name',
  raw: (event) => (event.has('unread') ? undefined : rawPath(event)),
  means: openName,
};
const openFlags: Argument = {
  name: 'flags',
  raw: (event) => falcoOpenFlags(linuxFlags(event), created(event), event.u16(OPEN.layer)),
  means: flags('file_flags'),
};
const mode: Argument = {
  name: 'mode',
  raw: (event) => (makesFile(event) ? event.u32(OPEN.mode) & 0o7777 : 0),
  print: octal,
};
const resolve: Argument = { name: 'resolve', raw: falcoResolve, means: flags('openat2_flags') };
const device: Argument = { name: 'dev', raw: (event) => event.u32(OPEN.dev), print: hex };
const inode: Argument = { name: 'ino', raw: (event) => event.u64(OPEN.ino) };

/** RESOLVE_* bits of openat2(2), in order: NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, BENEATH, IN_ROOT, CACHED. */
const RESOLVE = [16, 4, 8, 1, 2, 32];

function falcoResolve(event: KernelEvent): number {
  const bits = event.u32(OPEN.resolve);
  return RESOLVE.reduce((sum, falco, bit) => ((bits >>> bit) & 1 ? sum | falco : sum), 0);
}

const OPEN_BY_HANDLE_ARGUMENTS: readonly Argument[] = [
  descriptor,
  { ...dirfd, name: 'mountfd' },
  openFlags,
  { name: 'path', raw: openName },
  device,
  inode,
];
const OPEN_ARGUMENTS = [descriptor, path, openFlags, mode, device, inode];
const OPENAT_ARGUMENTS = [descriptor, dirfd, path, openFlags, mode, device, inode];
const OPENAT2_ARGUMENTS = [descriptor, dirfd, path, openFlags, mode, resolve, device, inode];
const CREAT_ARGUMENTS = [
  descriptor,
  path,
  mode,
  device,
  inode,
  { name: 'creat_flags', raw: (event: KernelEvent) => event.u16(OPEN.layer), means: flags('creat_flags') },
];

/** By the number of the call. */
const OPENS: Readonly<Record<number, readonly Argument[]>> = {
  2: OPEN_ARGUMENTS,
  85: CREAT_ARGUMENTS,
  304: OPEN_BY_HANDLE_ARGUMENTS,
  [NR_OPENAT2]: OPENAT2_ARGUMENTS,
};

const comm: Argument = { name: 'comm', raw: self };
const uid: Argument = { name: 'uid', raw: (event) => event.u32(HEADER.euid), means: user };
const gid: Argument = { name: 'gid', raw: (event) => event.u32(HEADER.egid), means: group };
const ids: readonly Argument[] = [
  { name: 'tid', raw: (event) => event.u32(HEADER.tid), means: self },
  { name: 'pid', raw: (event) => event.u32(HEADER.tgid), means: self },
  { name: 'ptid', raw: (event) => event.u32(HEADER.ppid), means: (event) => event.parent?.data.comm },
];

/** What clone and execve tell of the process: `of` says where its usage stands in the record. */
const processAt = (of: typeof FORK | typeof EXEC): readonly Argument[] => [
  { name: 'exe', raw: ofProgram((program) => program.exe) },
  { name: 'args', raw: ofProgram((program) => terminated(program.args)), print: dots },
  ...ids,
  { name: 'fdlimit', raw: (event) => event.u64(of.fdlimit) },
  { name: 'pgft_maj', raw: (event) => event.u64(of.pgft_maj) },
  { name: 'pgft_min', raw: (event) => event.u64(of.pgft_min) },
  { name: 'vm_size', raw: (event) => event.u32(of.vm_size) },
  { name: 'vm_rss', raw: (event) => event.u32(of.vm_rss) },
  { name: 'vm_swap', raw: (event) => event.u32(of.vm_swap) },
  comm,
  {
    name: 'cgroups',
    raw: ({ image }) => image.data.cgroupPath && terminated([`memory=${image.data.cgroupPath}`]),
    print: dots,
  },
];
const result: Argument = { name: 'res', raw: () => 0 };

const CLONE_ARGUMENTS: readonly Argument[] = [
  result,
  ...processAt(FORK),
  {
    name: 'flags',
    raw: (event) => falcoCloneFlags(event.u32(FORK.clone_flags), event.u32(FORK.vpid) !== event.u32(HEADER.tgid)),
    means: flags('clone_flags'),
  },
  { name: 'uid', raw: (event) => event.u32(HEADER.euid) },
  { name: 'gid', raw: (event) => event.u32(HEADER.egid) },
  { name: 'vtid', raw: (event) => event.u32(FORK.vtid), means: self },
  { name: 'vpid', raw: (event) => event.u32(FORK.vpid), means: self },
  { name: 'pidns_init_start_ts', raw: (event) => event.u64(FORK.pidns_start) },
];

const EXE_FLAGS = 15;
const groupLeader = (event: KernelEvent) => nameOf(event, event.u32(EXEC.pgid));

const EXEC_ARGUMENTS: readonly Argument[] = [
  result,
  ...processAt(EXEC),
  { name: 'env', raw: ofProgram(({ environment }) => environment && terminated(environment.list)), print: dots },
  { name: 'tty', raw: (event) => event.u32(EXEC.tty) },
  { name: 'vpgid', raw: (event) => event.u32(EXEC.vpgid), means: groupLeader },
  { name: 'loginuid', raw: (event) => (loginuid(event) === UNSET ? -1 : loginuid(event)), means: login },
  { name: 'flags', raw: (event) => event.u32(EXEC.exe_flags) & EXE_FLAGS, means: flags('execve_flags') },
  { name: 'cap_inheritable', raw: (event) => event.u64(EXEC.cap_inheritable), print: hex },
  { name: 'cap_permitted', raw: (event) => event.u64(EXEC.cap_permitted), print: hex },
  { name: 'cap_effective', raw: (event) => event.u64(HEADER.cap_effective), print: hex },
  { name: 'exe_ino', raw: (event) => event.u64(EXEC.exe_ino) },
  { name: 'exe_ino_ctime', raw: (event) => event.u64(EXEC.exe_ctime), print: time },
  { name: 'exe_ino_mtime', raw: (event) => event.u64(EXEC.exe_mtime), print: time },
  uid,
  { name: 'trusted_exepath', raw: ofProgram((program) => program.exePath) },
  { name: 'pgid', raw: (event) => event.u32(EXEC.pgid), means: groupLeader },
  gid,
];
const EXECVE_ARGUMENTS: readonly Argument[] = [
  ...EXEC_ARGUMENTS,
  {
    name: 'filename',
    raw: ofProgram((program) => program.filename),
    means: (event, value) => joinPath(event.image.data.cwd ?? '', String(value)),
  },
];

/** Of an execution that failed: the process is still what it was. */
const FAILED_ARGUMENTS: readonly Argument[] = [
  { name: 'res', raw: (event) => event.i64(RET), means: error },
  ...ids,
  comm,
  uid,
  gid,
  { name: 'filename', raw: (event) => rawText(event, 0), means: (event) => joinedPath(event, 0) },
];

/** wait(2): the signal in the low seven bits, then whether a core was written, then the status. */
const exitCode = (event: KernelEvent) => event.u32(EXIT.exit_code);
const EXIT_ARGUMENTS: readonly Argument[] = [
  { name: 'status', raw: exitCode },
  { name: 'ret', raw: (event) => (exitCode(event) >>> 8) & 0xff },
  { name: 'sig', raw: (event) => exitCode(event) & 0x7f, means: (_, value) => signalName(Number(value)) },
  { name: 'core', raw: (event) => (exitCode(event) >>> 7) & 1 },
  {
    name: 'reaper_tid',
    raw: (event) => event.u32(EXIT.reaper),
    means: (event, value) => nameOf(event, Number(value)),
  },
];

const CHDIR_ARGUMENTS: readonly Argument[] = [
  { name: 'res', raw: (event) => event.i64(RET) },
  { name: 'path', raw: enteredDirectory },
];
const FCHDIR_ARGUMENTS: readonly Argument[] = [
  ...CHDIR_ARGUMENTS.slice(0, 1),
  {
    name: 'fd',
    raw: (event) => event.i32(CHDIR.fd),
    means: (event) => `<d>${enteredDirectory(event) ?? ''}`,
  },
];

const NO_ARGUMENTS: readonly Argument[] = [];
const EXECUTIONS: ReadonlySet<number> = new Set([59, 322]);

const lists = byKind<(event: KernelEvent) => readonly Argument[]>({
  fork: () => CLONE_ARGUMENTS,
  exec: (event) => (event.type === 'execveat' ? EXEC_ARGUMENTS : EXECVE_ARGUMENTS),
  exit: () => EXIT_ARGUMENTS,
  open: (event) => OPENS[event.u32(OPEN.nr)] ?? OPENAT_ARGUMENTS,
  socket: callArguments,
  chdir: (event) => (event.type === 'fchdir' ? FCHDIR_ARGUMENTS : CHDIR_ARGUMENTS),
  call: (event) => (EXECUTIONS.has(event.u32(NR)) ? FAILED_ARGUMENTS : callArguments(event)),
  scan: () => NO_ARGUMENTS,
  cgroup: () => NO_ARGUMENTS,
});

let names: ReadonlySet<string> | undefined;

/** Whether some record has an argument of that name. */
export function isArgument(name: string): boolean {
  const opens = [OPENAT2_ARGUMENTS, CREAT_ARGUMENTS, OPEN_BY_HANDLE_ARGUMENTS];
  const lists = () => [CLONE_ARGUMENTS, EXECVE_ARGUMENTS, EXIT_ARGUMENTS, ...opens];
  names ??= new Set([...lists(), ...callNumbers.map(argumentsOfCall)].flat().map((argument) => argument.name));
  return names.has(name);
}

/** Whether events of a type may have it: as Falco has it there, or the call does. */
export function hasArgument(type: string, name: string): boolean {
  const isNamed = (argument: { readonly name: string }) => argument.name === name;
  const call = CALLS[type];
  return eventType(type)?.params.some(isNamed) === true || (!!call && argumentsOfCall(call.id).some(isNamed));
}

/** The parameters that this event has, in Falco's order. */
export function argumentsOf(event: KernelEvent): readonly Argument[] {
  return lists[event.kind]?.(event) ?? NO_ARGUMENTS;
}

/** Finds the argument of that name in an event. */
export function argumentFinder(name: string): (event: KernelEvent) => Argument | undefined {
  const found = new Map<readonly Argument[], Argument | undefined>();
  return (event) => {
    const list = argumentsOf(event);
    if (!found.has(list))
      found.set(
        list,
        list.find((argument) => argument.name === name),
      );
    return found.get(list);
  };
}

const printed = ({ print = String }: Argument, value: Scalar) => print(value);

/** The text of an argument: what it stands for, else its value. */
export function argumentText(argument: Argument, event: KernelEvent): string | undefined {
  const value = argument.raw(event);
  return value === undefined ? undefined : (argument.means?.(event, value) ?? printed(argument, value));
}

/** `name=value(meaning)` of every argument that is known, blanks between. */
export function argumentsText(event: KernelEvent): string {
  const texts: string[] = [];
  for (const argument of argumentsOf(event)) {
    const value = argument.raw(event);
    if (value === undefined) continue;
    const text = printed(argument, value);
    const meaning = argument.means?.(event, value);
    texts.push(`${argument.name}=${text}${meaning === undefined || meaning === text ? '' : `(${meaning})`}`);
  }
  return texts.join(' ');
}

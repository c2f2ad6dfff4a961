/** Readers of `proc.*` and `thread.*` (spec/falco-engine.md §6.2). */

import type { Value } from '../field.ts';
import { capabilityNames } from './capabilities.ts';
import type { KernelEvent } from './event.ts';
import { EXE, type ImageData, type ProcessImage, type Program } from './image.ts';
import { FORK, HEADER, KIND, STATE } from './layout.ts';
import { big, difference, exact } from './numbers.ts';
import { given, type KernelReader, plain, type ReaderMaker } from './readers.ts';
import { descriptorTarget, descriptorWord, ofState } from './state.ts';
import { isCut } from './strings.ts';

/** What can be told of a process at an event: of the process itself, or of a relative of it. */
type Read = (image: ProcessImage, event: KernelEvent) => Value | undefined;

const ofProgram =
  (read: (program: Program) => Value | undefined): Read =>
  ({ data }) =>
    given(data.program, read);
const ofData =
  (read: (data: ImageData) => Value | undefined): Read =>
  ({ data }) =>
    read(data);

const exe = ofProgram((program) => program.exe);
const exePath = ofProgram((program) => program.exePath);
const args = ofProgram((program) => program.argsText);
const pid: Read = ({ process }) => process.tgid;
/** A relative's name is what it was when its image was made; the process's own comes with the event. */
const commOf = ({ data }: ProcessImage, event: KernelEvent) => (data === event.image.data ? event.comm : data.comm);
const comm: Read = commOf;
const commandLine: Read = (image, event) =>
  given(image.data.program, (program) => program.commandLine(commOf(image, event)));
const exeLine = ofProgram(({ exe: first, args: rest, argsText }) =>
  rest.length === 0 ? first : `${first} ${argsText}`,
);

const own =
  (read: Read): KernelReader =>
  (event) =>
    read(event.image, event);
const ofParent =
  (read: Read): KernelReader =>
  (event) =>
    given(event.parent, (image) => read(image, event));

/** `field[n]`: of ancestor n, 0 the process itself; without an argument of all of them, nearest first. */
function ofAncestors(read: Read): ReaderMaker {
  return (arg) => {
    if (arg === undefined) return (event) => allAncestors(event, read);
    const level = Number(arg);
    if (level === 0) return own(read);
    if (level === 1) return ofParent(read);
    return (event) => given(event.ancestor(level), (image) => read(image, event));
  };
}

function allAncestors(event: KernelEvent, read: Read): Value | undefined {
  const values = [];
  for (const image of event.ancestors) {
    const value = read(image, event);
    if (value !== undefined) values.push(value as string | number);
  }
  return values.length > 0 ? values : undefined;
}

/** `field[n]`: argument n, empty beyond the last; unknown when it may have been cut off. */
function withIndex(arg: string | undefined): KernelReader {
  if (arg === undefined) return own(args);
  const index = Number(arg);
  return own(ofProgram(({ args: all, argv }) => (index + 1 < argv.first ? (all[index] ?? '') : undefined)));
}

const allVariables = ofProgram(({ environment: all }) => all?.list.join(' '));

function variable({ environment: all }: Program, name: string): string | undefined {
  if (all === undefined) return undefined;
  const found = all.list.find((entry) => entry.startsWith(name) && entry[name.length] === '=');
  return found?.slice(name.length + 1) ?? (isCut(all) ? undefined : '');
}

/** How long the arguments are together: what is known of them, when they were cut. */
function argumentsLength({ args: all, argv }: Program): number {
  const mark = all.some((arg) => arg.includes(argv.mark)) ? argv.mark.length : 0;
  return all.reduce((sum, arg) => sum + Buffer.byteLength(arg), 0) - mark;
}

/** `field[NAME]`: the variable's value, empty when it is not set. */
function environment(arg: string | undefined): KernelReader {
  if (arg === undefined) return own(allVariables);
  return own(ofProgram((program) => variable(program, arg)));
}

/** `field[NAME]`: of the nearest ancestor that has it; `field[n]`: all of ancestor n. */
function ancestorEnvironment(arg: string | undefined): KernelReader {
  if (arg === undefined || /^\d+$/.test(arg)) {
    return ofAncestors(allVariables)(arg) as KernelReader;
  }
  return (event) => {
    for (const { data } of event.ancestors) {
      const value = given(data.program, (program) => variable(program, arg));
      if (value !== undefined && value !== '') return value;
    }
    return undefined;
  };
}

/** The leader of a session or group: the process of that id, else the highest ancestor that is a member too. */
function leader(event: KernelEvent, id: 'sid' | 'pgid'): ProcessImage | undefined {
  const wanted = event.image.data[id];
  if (wanted === undefined) return undefined;
  const found = event.find(wanted);
  if (found !== undefined) return found;
  let highest = event.image;
  for (const image of event.ancestors) {
    if (image.data[id] !== wanted) break;
    highest = image;
  }
  return highest;
}

const ofLeader =
  (id: 'sid' | 'pgid', read: Read): KernelReader =>
  (event) =>
    given(leader(event, id), (image) => read(image, event));

/** ns since boot to ns since the epoch. */
function wall(event: KernelEvent, high: number, low: number): bigint {
  return big(high, low) + event.slab.context.bootOffset;
}

const started: Read = ({ process }, event) => exact(wall(event, process.startHigh, process.startLow));
const age: Read = ({ process }, event) =>
  difference(event.u32(HEADER.time + 4), event.u32(HEADER.time), process.startHigh, process.startLow);

/** Negative when the file was changed after the process had started. */
const sinceExeChange: Read = (image, event) =>
  given(image.data.program, ({ exeCtime }) =>
    exact(wall(event, image.process.startHigh, image.process.startLow) - BigInt(exeCtime)),
  );

/** How long after the start of its pid namespace the executable changed; absent when it was before. */
const exeChangeInNamespace: Read = ({ data }, event) => {
  const { program, pidnsStartHigh, pidnsStartLow } = data;
  if (program === undefined || (pidnsStartHigh === 0 && pidnsStartLow === 0)) return undefined;
  const after = BigInt(program.exeCtime) - wall(event, pidnsStartHigh, pidnsStartLow);
  return after > 0n ? exact(after) : undefined;
};

const namespaceStart: Read = ({ data }, event) =>
  data.program === undefined ? undefined : exact(wall(event, data.pidnsStartHigh, data.pidnsStartLow));

const exeFlag = (flag: number) => ofProgram(({ exeFlags }) => (exeFlags & flag) !== 0);

/** The oldest of the process and its ancestors whose name ends in `sh`. */
function loginShell(event: KernelEvent): number | undefined {
  let found = event.comm.endsWith('sh') ? event.image.process.tgid : undefined;
  for (const { data, process } of event.ancestors) if (data.comm.endsWith('sh')) found = process.tgid;
  return found;
}

const workingDirectory = ofData(({ cwd }) => (cwd === undefined || cwd.endsWith('/') ? cwd : `${cwd}/`));

/** Thread id in its own pid namespace: only a fork tells it for others than the main thread. */
function virtualThread(event: KernelEvent): number | undefined {
  if (event.kind === KIND.fork) return event.u32(FORK.vtid);
  return event.u32(HEADER.tid) === event.u32(HEADER.tgid) ? event.image.data.vpid : undefined;
}

const same = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a === b;

/** In kB, or bytes; absent when the process has given its memory back. */
const memory = (field: number, unit: number) =>
  ofState((event, at) => (event.u32(at + STATE.vm_size) === 0 ? undefined : event.u32(at + field) * unit));

/** The same, counted at the first thread only: other threads share it. */
function ofFirstThread(reader: KernelReader): KernelReader {
  return (event) => given(reader(event), (value) => (event.u32(HEADER.tid) === event.u32(HEADER.tgid) ? value : 0));
}

const firstVmSize = (unit: number) => ofFirstThread(memory(STATE.vm_size, unit));
const firstVmRss = (unit: number) => ofFirstThread(memory(STATE.vm_rss, unit));

const openDescriptors = ofState((event, at) => {
  const count = event.i32(at + STATE.fd_open);
  return count < 0 ? undefined : count;
});
const descriptorLimit = ofState((event, at) => event.i64(at + STATE.fdlimit));

/** Absent without a limit. */
const descriptorUsage: KernelReader = (event) =>
  given(openDescriptors(event), (open) =>
    given(descriptorLimit(event), (limit) => (Number(limit) > 0 ? (100 * Number(open)) / Number(limit) : undefined)),
  );

const threads = ofState((event, at) => event.u32(at + STATE.threads));
const threadsBesideFirst = ofState((event, at) =>
  event.u32(at + STATE.leader_ended) === 0 ? event.u32(at + STATE.threads) - 1 : event.u32(at + STATE.threads),
);

/** The controller whose path the kernel programs read. */
const CGROUP = 'memory';

export const processReaders: Readonly<Record<string, ReaderMaker>> = {
  ...plain({
    'proc.exe': own(exe),
    'proc.pexe': ofParent(exe),
    'proc.exepath': own(exePath),
    'proc.pexepath': ofParent(exePath),
    'proc.name': (event) => event.comm,
    'proc.pname': ofParent(comm),
    'proc.cmdline': own(commandLine),
    'proc.pcmdline': ofParent(commandLine),
    'proc.cmdnargs': own(ofProgram((program) => program.args.length)),
    'proc.cmdlenargs': own(ofProgram(argumentsLength)),
    'proc.args.cut': own(ofProgram(({ argv }) => isCut(argv))),
    'proc.args.total': own(ofProgram(({ argv }) => argv.total)),
    'proc.env.cut': own(ofProgram(({ environment: all }) => given(all, isCut))),
    'proc.env.total': own(ofProgram(({ environment: all }) => all?.total)),
    'proc.exeline': own(exeLine),
    'proc.cwd': own(workingDirectory),
    'proc.loginshellid': loginShell,
    'proc.tty': own(ofData((data) => data.tty)),
    'proc.pid': (event) => event.u32(HEADER.tgid),
    'proc.ppid': (event) => event.u32(HEADER.ppid),
    'proc.vpid': own(ofData((data) => data.vpid)),
    'proc.pvpid': ofParent(ofData((data) => data.vpid)),
    'proc.sid': own(ofData((data) => data.sid)),
    'proc.sname': ofLeader('sid', comm),
    'proc.sid.exe': ofLeader('sid', exe),
    'proc.sid.exepath': ofLeader('sid', exePath),
    // The group's number on the host finds its leader, whatever number it has in the namespace.
    'proc.vpgid': own(ofData((data) => data.vpgid)),
    'proc.vpgid.name': ofLeader('pgid', comm),
    'proc.vpgid.exe': ofLeader('pgid', exe),
    'proc.vpgid.exepath': ofLeader('pgid', exePath),
    'proc.pgid': own(ofData((data) => data.pgid)),
    'proc.pgid.name': ofLeader('pgid', comm),
    'proc.pgid.exe': ofLeader('pgid', exe),
    'proc.pgid.exepath': ofLeader('pgid', exePath),
    'proc.duration': own(age),
    'proc.ppid.duration': ofParent(age),
    'proc.pid.ts': own(started),
    'proc.ppid.ts': ofParent(started),
    'proc.is_exe_writable': own(exeFlag(EXE.writable)),
    'proc.is_exe_upper_layer': own(exeFlag(EXE.upper)),
    'proc.is_exe_lower_layer': own(exeFlag(EXE.lower)),
    'proc.is_exe_from_memfd': own(exeFlag(EXE.memfd)),
    // Session and group are numbers of the host here, so they compare with the process id of the host.
    'proc.is_sid_leader': own(({ data, process }) => same(data.sid, process.tgid)),
    'proc.is_vpgid_leader': own(ofData((data) => same(data.vpgid, data.vpid))),
    'proc.is_pgid_leader': own(({ data, process }) => same(data.pgid, process.tgid)),
    'proc.exe_ino': own(ofProgram((program) => program.exeIno)),
    'proc.exe_ino.ctime': own(ofProgram((program) => program.exeCtime)),
    'proc.exe_ino.mtime': own(ofProgram((program) => program.exeMtime)),
    'proc.exe_ino.ctime_duration_proc_start': own(sinceExeChange),
    'proc.exe_ino.ctime_duration_pidns_start': own(exeChangeInNamespace),
    'proc.pidns_init_start_ts': own(namespaceStart),
    'thread.cap_permitted': own(ofData((data) => given(data.permitted, capabilityNames))),
    'thread.cap_inheritable': own(ofData((data) => given(data.inheritable, capabilityNames))),
    'thread.cap_effective': (event) => capabilityNames(event.u64(HEADER.cap_effective)),
    'thread.tid': (event) => event.u32(HEADER.tid),
    'thread.vtid': virtualThread,
    'thread.nametid': (event) => `${event.comm}${event.u32(HEADER.tid)}`,
    'thread.ismain': (event) => event.u32(HEADER.tid) === event.u32(HEADER.tgid),
    'proc.stdin.type': descriptorWord(0),
    'proc.stdin.name': descriptorTarget(0),
    'proc.stdout.type': descriptorWord(1),
    'proc.stdout.name': descriptorTarget(1),
    'proc.stderr.type': descriptorWord(2),
    'proc.stderr.name': descriptorTarget(2),
    'proc.fdopencount': openDescriptors,
    'proc.fdlimit': descriptorLimit,
    'proc.fdusage': descriptorUsage,
    'proc.nthreads': threads,
    'proc.nchilds': threadsBesideFirst,
    'proc.vmsize': memory(STATE.vm_size, 1),
    'proc.vmrss': memory(STATE.vm_rss, 1),
    'proc.vmswap': memory(STATE.vm_swap, 1),
    'thread.vmsize': firstVmSize(1),
    'thread.vmrss': firstVmRss(1),
    'thread.vmsize.b': firstVmSize(1024),
    'thread.vmrss.b': firstVmRss(1024),
    'thread.pfmajor': ofState((event, at) => event.u64(at + STATE.pgft_maj)),
    'thread.pfminor': ofState((event, at) => event.u64(at + STATE.pgft_min)),
    'thread.cgroups': own(ofData(({ cgroupPath }) => given(cgroupPath, (path) => `${CGROUP}=${path}`))),
  }),
  'proc.aexe': ofAncestors(exe),
  'proc.aexepath': ofAncestors(exePath),
  'proc.aname': ofAncestors(comm),
  'proc.acmdline': ofAncestors(commandLine),
  'proc.aargs': ofAncestors(args),
  'proc.apid': ofAncestors(pid),
  'proc.args': withIndex,
  'proc.env': environment,
  'proc.aenv': ancestorEnvironment,
  'thread.cgroup': (arg) => (arg === CGROUP ? own(ofData((data) => data.cgroupPath)) : undefined),
};

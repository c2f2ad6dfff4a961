/** What only exec and fork know of a process: immutable, shared by whoever has the same. */

import type { ContainerEntry } from '../containers/container.ts';
import type { ContainerTable } from '../containers/table.ts';
import { EXEC, EXEC_TAILS, EXEC_TEXTS, FLAGS, HEADER } from './layout.ts';
import { unsigned } from './numbers.ts';
import type { ProcessLook } from './process-slots.ts';
import { flagsOf, textLength, textStart } from './records.ts';
import { type Block, cutStrings, type LongerBlock, type Strings, wholeStrings } from './strings.ts';
import { type Bytes, nameAt, textAt } from './text.ts';

/** Bits of EXEC.exe_flags (native/records.yaml). */
export const EXE = { writable: 1, upper: 2, memfd: 4, lower: 8, deleted: 16, partial: 32 } as const;

/** What an exec fixes until the next one; forks share it. */
export class Program {
  readonly exePath: string;
  readonly argv: Strings;
  /** argv[0]. */
  readonly exe: string;
  /** argv without argv[0]. */
  readonly args: readonly string[];
  /** Undefined when it was not collected. */
  readonly environment: Strings | undefined;
  /** What execve was given; empty for what already ran. */
  readonly filename: string;
  /** Bits of EXE. */
  readonly exeFlags: number;
  readonly exeIno: number | bigint;
  /** ns since the epoch. */
  readonly exeCtime: number | bigint;
  readonly exeMtime: number | bigint;
  #argsText: string | undefined;
  #comm = '';
  #commandLine: string | undefined;

  constructor(data: ProgramData) {
    this.exePath = data.exePath;
    this.argv = data.argv;
    [this.exe = '', ...this.args] = data.argv.list;
    this.environment = data.environment;
    this.filename = data.filename;
    this.exeFlags = data.exeFlags;
    this.exeIno = data.exeIno;
    this.exeCtime = data.exeCtime;
    this.exeMtime = data.exeMtime;
  }

  /** The arguments, blanks between. */
  get argsText(): string {
    return (this.#argsText ??= this.args.join(' '));
  }

  /** `comm` and the arguments; no blank where there are none. */
  commandLine(comm: string): string {
    if (this.#commandLine === undefined || this.#comm !== comm) {
      this.#comm = comm;
      this.#commandLine = this.args.length === 0 ? comm : `${comm} ${this.argsText}`;
    }
    return this.#commandLine;
  }
}

type ProgramData = Omit<Program, 'exe' | 'args' | 'argsText' | 'commandLine'>;

/** What an image has beside its program. */
export interface ImageData {
  readonly execId: number;
  /** Undefined when the record that told it was missed and nothing else could tell it. */
  readonly program: Program | undefined;
  /** The name of the main thread when the image was made. */
  readonly comm: string;
  readonly cwd: string | undefined;
  readonly vpid: number | undefined;
  readonly sid: number | undefined;
  readonly pgid: number | undefined;
  readonly vpgid: number | undefined;
  readonly tty: number | undefined;
  readonly permitted: number | bigint | undefined;
  readonly inheritable: number | bigint | undefined;
  readonly cgroupPath: string | undefined;
  /** The lower half of the id of the v2 cgroup: another one says that the process was moved. */
  readonly cgroup: number;
  /** Undefined when the cgroup is not known. */
  readonly container: ContainerEntry | undefined;
  /** Start of the pid namespace's first process: halves of ns since boot. */
  readonly pidnsStartHigh: number;
  readonly pidnsStartLow: number;
  /** The parent's process id when the image was made. */
  readonly ppid: number;
}

const NO_LOOKS: readonly ProcessLook[] = [];

/** An image: the state of one process between two events that change it. */
export class ProcessImage {
  readonly process: Process;
  readonly data: ImageData;
  readonly execId: number;
  readonly ppid: number;
  readonly cgroup: number;
  /** The parent when the image was made; it may have died since (see ProcessImages.parentOf). */
  readonly parent: Process | undefined;
  /** The place in the order of records from which it holds. */
  readonly since: number;
  /** The one before, as long as a batch may still ask for it. */
  previous: ProcessImage | undefined;
  /** Its ancestors as they were last looked for; see ProcessImages.ancestors. */
  lineage: Lineage | undefined = undefined;
  /** Where verdicts on it are kept (process-slots.ts). */
  looks: readonly ProcessLook[] = NO_LOOKS;

  constructor(process: Process, data: ImageData, parent: Process | undefined, since: number) {
    this.process = process;
    this.data = data;
    this.execId = data.execId;
    this.ppid = data.ppid;
    this.cgroup = data.cgroup;
    this.parent = parent;
    this.since = since;
  }
}

/** The ancestors of an image, nearest first, and in which places of the order of records they are these. */
export interface Lineage {
  readonly images: readonly ProcessImage[];
  readonly from: number;
  /** The first place where one of them is another. */
  readonly until: number;
  /** Unless ancestors have changed since: as ProcessImages counts their changes. */
  readonly changes: number;
}

/** A process from fork to exit: its process id and start together name one, however often ids are reused. */
export class Process {
  readonly tgid: number;
  /** Halves of start_boottime in ns. */
  readonly startHigh: number;
  readonly startLow: number;
  /** Undefined only after its exit has passed. */
  image: ProcessImage | undefined = undefined;
  /** The place in the order of records where it was first seen, and where it exited. */
  readonly born: number;
  exited = Number.POSITIVE_INFINITY;
  /** Who inherited its children. */
  heir: Process | undefined = undefined;
  /** The process that had this id before, as long as a batch may still ask for it. */
  replaced: Process | undefined = undefined;
  /** Whether it is in a lineage that is kept: a change of it has to be noticed. */
  watched = false;

  constructor(tgid: number, startHigh: number, startLow: number, born: number) {
    this.tgid = tgid;
    this.startHigh = startHigh;
    this.startLow = startLow;
    this.born = born;
  }
}

/** The image that an exec or scan record tells; `longer` of what is cut in it. */
export function imageOfExec(bytes: Bytes, offset: number, containers: ContainerTable, longer?: LongerBlock): ImageData {
  const { words } = bytes;
  const u32 = (field: number) => words[(offset + field) >>> 2] as number;
  const u64 = (field: number) => unsigned(u32(field + 4), u32(field));
  const cgroupPath = text(bytes, offset, EXEC_TEXTS.cgroup_path);
  const flags = flagsOf(bytes, offset);
  return {
    execId: u32(HEADER.exec_id),
    program: programOf(bytes, offset, longer),
    comm: nameAt(bytes, offset + HEADER.comm),
    // Of one that is not whole there is its end, which would pass for another one.
    cwd: flags & FLAGS.base_partial ? undefined : text(bytes, offset, EXEC_TEXTS.cwd),
    vpid: u32(EXEC.vpid),
    sid: u32(EXEC.sid),
    pgid: u32(EXEC.pgid),
    vpgid: u32(EXEC.vpgid),
    tty: u32(EXEC.tty),
    permitted: u64(EXEC.cap_permitted),
    inheritable: u64(EXEC.cap_inheritable),
    cgroupPath,
    cgroup: u32(HEADER.cgroup),
    container: containers.at(cgroupPath),
    pidnsStartHigh: u32(EXEC.pidns_start + 4),
    pidnsStartLow: u32(EXEC.pidns_start),
    ppid: u32(HEADER.ppid),
  };
}

/** What can be said of a process whose records were missed: what every event says. */
export function unknownImage(bytes: Bytes, offset: number): ImageData {
  const { words } = bytes;
  return {
    execId: words[(offset + HEADER.exec_id) >>> 2] as number,
    program: undefined,
    comm: nameAt(bytes, offset + HEADER.comm),
    cwd: undefined,
    vpid: undefined,
    sid: undefined,
    pgid: undefined,
    vpgid: undefined,
    tty: undefined,
    permitted: undefined,
    inheritable: undefined,
    cgroupPath: undefined,
    cgroup: words[(offset + HEADER.cgroup) >>> 2] as number,
    container: undefined,
    pidnsStartHigh: 0,
    pidnsStartLow: 0,
    ppid: words[(offset + HEADER.ppid) >>> 2] as number,
  };
}

function text(bytes: Bytes, offset: number, index: number): string {
  return textAt(bytes, textStart(bytes, offset, EXEC_TEXTS, index), textLength(bytes, offset, EXEC_TEXTS, index));
}

function programOf(bytes: Bytes, offset: number, longer: LongerBlock | undefined): Program {
  const u32 = (field: number) => bytes.words[(offset + field) >>> 2] as number;
  const u64 = (field: number) => unsigned(u32(field + 4), u32(field));
  const strings = (index: number, total: number, tail: number, block: Block) => {
    const length = textLength(bytes, offset, EXEC_TEXTS, index);
    if (length >= total) return wholeStrings(text(bytes, offset, index), total);
    const start = textStart(bytes, offset, EXEC_TEXTS, index);
    const kept = bytes.buffer.subarray(start, start + length);
    const more = longer?.(u32(HEADER.tgid), block, kept, total) ?? kept;
    return more.length < total ? cutStrings(more, total, tail) : wholeStrings(more.toString(), total);
  };
  const envTotal = u32(EXEC.env_total);
  const collected = envTotal === 0 || textLength(bytes, offset, EXEC_TEXTS, EXEC_TEXTS.env) > 0;
  return new Program({
    exePath: text(bytes, offset, EXEC_TEXTS.exe_path),
    argv: strings(EXEC_TEXTS.args, u32(EXEC.args_total), EXEC_TAILS.args, 'cmdline'),
    environment: collected ? strings(EXEC_TEXTS.env, envTotal, EXEC_TAILS.env, 'environ') : undefined,
    filename: text(bytes, offset, EXEC_TEXTS.filename),
    exeFlags: u32(EXEC.exe_flags),
    exeIno: u64(EXEC.exe_ino),
    exeCtime: u64(EXEC.exe_ctime),
    exeMtime: u64(EXEC.exe_mtime),
  });
}

/**
 * Which image each event belongs to, in the order of events. An image is found by (process id, start, exec id), so neither
 * a reused id nor an exec in the same batch can confuse two programs; a key that is not there proves that a record was
 * missed (spec/kernel-fields.md §1).
 */

import { ContainerTable } from '../containers/table.ts';
import { type ImageData, imageOfExec, Process, ProcessImage, unknownImage } from './image.ts';
import { CGROUP_TEXTS, CHANGES_PROCESS, CHDIR_TEXTS, EXIT, FLAGS, FORK, HEADER, KIND } from './layout.ts';
import { ProcessTable } from './process-table.ts';
import { eachRecord, flagsOf, textLength, textStart } from './records.ts';
import { isCut, type LongerBlock } from './strings.ts';
import { type Bytes, nameAt, textAt } from './text.ts';

/** Missed processes that are scanned in one batch; the rest is tried again at the next event of theirs. */
const RESCANS = 32;
/** Cgroups whose paths are remembered. */
const CGROUPS = 16_384;

/** What the table counts; each proves that something was lost or given up, none is ever hidden. */
export interface ImageCounts {
  /** Events whose process, or the program it ran, was not in the table. */
  missed: number;
  /** Scans of single processes that this led to. */
  rescans: number;
  /** Events whose process nothing could tell any more. */
  unknown: number;
  /** Processes that gave way because the table was full. */
  evicted: number;
  /** Programs whose arguments, or whose environment, could not be kept whole. */
  args_cut: number;
  env_cut: number;
}

export interface ProcessImagesOptions {
  /** Processes that are kept; default 262,144, Falco's thread_table_size. */
  readonly limit?: number;
  /** Records of kind scan of one process, framed as in the ring; empty when it is gone. */
  readonly rescan?: (tgid: number) => Bytes | undefined;
  /** The path of the cgroup that a process is in now; undefined when it is gone. */
  readonly cgroupPath?: (tgid: number) => string | undefined;
  /** Of running processes, whose scan records have little room; default: what is in these. */
  readonly longer?: LongerBlock;
  /** Default: one of its own, in which nothing is looked up. */
  readonly containers?: ContainerTable;
}

export class ProcessImages {
  readonly counts: ImageCounts = { missed: 0, rescans: 0, unknown: 0, evicted: 0, args_cut: 0, env_cut: 0 };
  readonly #rescan: (tgid: number) => Bytes | undefined;
  readonly #cgroupPath: (tgid: number) => string | undefined;
  readonly #longer: LongerBlock | undefined;
  readonly #containers: ContainerTable;
  /** Paths of cgroups by their v2 ids, as records told them; undefined where v1 hierarchies have several for one. */
  readonly #cgroups = new Map<number, string | undefined>();
  readonly #table: ProcessTable;
  #rescansLeft = RESCANS;
  #base = 0;
  /** The image of the last record, where that record changed nothing. */
  #steady: ProcessImage | undefined;

  constructor(options: ProcessImagesOptions = {}) {
    const { limit = 262_144, rescan = () => undefined, cgroupPath = () => undefined } = options;
    this.#table = new ProcessTable(limit, () => this.counts.evicted++);
    this.#rescan = rescan;
    this.#cgroupPath = cgroupPath;
    this.#longer = options.longer;
    this.#containers = options.containers ?? new ContainerTable();
  }

  get size(): number {
    return this.#table.size;
  }

  /** Takes over what a scan of all processes found. `place`: in the order of records, as for `apply`. */
  load(bytes: Bytes, place: number): void {
    const found: Process[] = [];
    eachRecord(bytes, bytes.buffer.length, (offset, kind) => {
      if (kind === KIND.scan) found.push(this.#scanned(bytes, offset, place));
    });
    // A parent may come after its child; now all are there.
    for (const process of found) {
      const { image } = process;
      if (image?.parent !== undefined || image === undefined) continue;
      this.#table.put(process, image.data, this.#table.parent(image.ppid, process, place), image.since);
    }
  }

  /** After records of processes' lives were lost: takes over a new scan, and ends whoever is not in it. */
  reconcile(bytes: Bytes, place: number): void {
    const running = new Set<Process>();
    this.load(bytes, place);
    eachRecord(bytes, bytes.buffer.length, (offset) => {
      const process = this.#table.known(bytes, offset);
      if (process !== undefined) running.add(process);
    });
    for (const process of this.#table.values()) {
      if (!running.has(process) && process.exited === Number.POSITIVE_INFINITY)
        this.#table.end(process, place, undefined);
    }
  }

  /** Called before the records of a batch are applied. `base`: the place of its first byte in the order of records. */
  begin(base: number): void {
    this.#base = base;
    this.#steady = undefined;
    this.#rescansLeft = RESCANS;
  }

  /**
   * Applies the record of that kind at `offset` and returns the image of its process: of a fork the child's, of an exec
   * the new one. The place of a record is the batch's and its offset, so it rises with every record. `again`: it says of
   * its process what the record before did, and neither has a kind that changes it.
   */
  apply(bytes: Bytes, offset: number, kind: number, again = false): ProcessImage {
    if (again && this.#steady !== undefined) return this.#steady;
    const process = this.#table.known(bytes, offset);
    const image = process?.image;
    // Nearly all records: of a process and program that are known, and change nothing.
    if (
      ((CHANGES_PROCESS >>> kind) & 1) === 0 &&
      image !== undefined &&
      image.execId === u32(bytes, offset, HEADER.exec_id) &&
      image.ppid === u32(bytes, offset, HEADER.ppid) &&
      image.cgroup === u32(bytes, offset, HEADER.cgroup)
    ) {
      this.#steady = image;
      return image;
    }
    this.#steady = undefined;
    return this.#change(bytes, offset, kind, this.#base + offset);
  }

  #change(bytes: Bytes, offset: number, kind: number, place: number): ProcessImage {
    switch (kind) {
      case KIND.fork:
        return this.#forked(bytes, offset, place);
      case KIND.exec:
        return this.#executed(bytes, offset, place);
      case KIND.exit:
        return this.#exited(bytes, offset, place);
      case KIND.chdir:
        return this.#moved(bytes, offset, place);
      case KIND.cgroup:
        return this.#regrouped(bytes, offset, place);
      case KIND.scan:
        return this.#scanned(bytes, offset, place).image as ProcessImage;
      default:
        return this.#current(bytes, offset, place);
    }
  }

  /** Forgets what only batches up to now could ask for. Called when none of them is readable any more. */
  settle(): void {
    this.#table.settle();
  }

  /** The image of the process that had this id at that place. */
  find(tgid: number, place: number): ProcessImage | undefined {
    return this.#table.find(tgid, place);
  }

  /** The image of the parent at that place: when the parent has died, of who inherited its children. */
  parentOf(image: ProcessImage, place: number): ProcessImage | undefined {
    return this.#table.parentOf(image, place);
  }

  /**
   * The images of the ancestors at that place, nearest first: the same array as for the last event of the image, unless
   * one of them is another.
   */
  ancestors(image: ProcessImage, place: number): readonly ProcessImage[] {
    return this.#table.ancestors(image, place);
  }

  #current(bytes: Bytes, offset: number, place: number): ProcessImage {
    const process = this.#table.known(bytes, offset);
    const image = process?.image;
    if (image === undefined || image.execId !== u32(bytes, offset, HEADER.exec_id)) {
      return this.#missed(bytes, offset, place, process);
    }
    const ppid = u32(bytes, offset, HEADER.ppid);
    const here = ppid === image.ppid ? image : this.#adopted(image, ppid, place);
    const cgroup = u32(bytes, offset, HEADER.cgroup);
    // A thread may be in a cgroup of its own; the process is where its first thread is.
    if (cgroup === here.cgroup || u32(bytes, offset, HEADER.tid) !== here.process.tgid) return here;
    const data = this.#inCgroup(here.data, cgroup, here.process.tgid);
    return data === here.data ? here : this.#table.put(here.process, data, here.parent, place);
  }

  /** The process was moved to another cgroup, as its own record tells. */
  #regrouped(bytes: Bytes, offset: number, place: number): ProcessImage {
    const start = textStart(bytes, offset, CGROUP_TEXTS, CGROUP_TEXTS.cgroup_path);
    const path = textAt(bytes, start, textLength(bytes, offset, CGROUP_TEXTS, CGROUP_TEXTS.cgroup_path));
    this.#remember(u32(bytes, offset, HEADER.cgroup), path);
    const image = this.#current(bytes, offset, place);
    if (path === image.data.cgroupPath) return image;
    const data = { ...image.data, cgroupPath: path, container: this.#containers.at(path) };
    return this.#table.put(image.process, data, image.parent, place);
  }

  /** The process is in another cgroup than before, and nothing but its id has told so: its fork may have put it there. */
  #inCgroup(data: ImageData, cgroup: number, tgid: number): ImageData {
    let path = this.#cgroups.get(cgroup);
    if (path === undefined) {
      if (this.#rescansLeft <= 0) return data;
      this.#rescansLeft--;
      path = this.#cgroupPath(tgid);
    }
    return path === undefined
      ? { ...data, cgroup }
      : { ...data, cgroup, cgroupPath: path, container: this.#containers.at(path) };
  }

  #imageOfExec(bytes: Bytes, offset: number, longer?: LongerBlock): ImageData {
    const data = imageOfExec(bytes, offset, this.#containers, longer);
    if (data.cgroupPath !== undefined) this.#remember(data.cgroup, data.cgroupPath);
    return data;
  }

  #countCuts({ program }: ImageData): void {
    if (program !== undefined && isCut(program.argv)) this.counts.args_cut++;
    if (program?.environment !== undefined && isCut(program.environment)) this.counts.env_cut++;
  }

  #remember(cgroup: number, path: string): void {
    if (this.#cgroups.size >= CGROUPS) this.#cgroups.clear();
    const known = this.#cgroups.has(cgroup) ? this.#cgroups.get(cgroup) : path;
    this.#cgroups.set(cgroup, known === path ? path : undefined);
  }

  /** The kernel names another parent than before: the old one has died. */
  #adopted(image: ProcessImage, ppid: number, place: number): ProcessImage {
    const parent = this.#parentOrScan(ppid, image.process, place);
    return this.#table.put(image.process, { ...image.data, ppid }, parent, place);
  }

  #forked(bytes: Bytes, offset: number, place: number): ProcessImage {
    const creator = this.#creator(bytes, offset, place);
    if (creator === undefined) return this.#missed(bytes, offset, place, undefined);
    const process = this.#table.add(bytes, offset, place);
    const execId = u32(bytes, offset, HEADER.exec_id);
    // Scanned while this record waited: the scan knows more.
    if (process.image?.execId === execId && process.image.data.program !== undefined) return process.image;
    const cgroup = u32(bytes, offset, HEADER.cgroup);
    const above = cgroup === creator.cgroup ? creator.data : this.#inCgroup(creator.data, cgroup, process.tgid);
    const data: ImageData = {
      ...above,
      execId,
      comm: nameAt(bytes, offset + HEADER.comm),
      vpid: u32(bytes, offset, FORK.vpid),
      ppid: u32(bytes, offset, HEADER.ppid),
      pidnsStartHigh: u32(bytes, offset, FORK.pidns_start + 4),
      pidnsStartLow: u32(bytes, offset, FORK.pidns_start),
    };
    const parent = data.ppid === creator.process.tgid ? creator.process : this.#parentOrScan(data.ppid, process, place);
    return this.#table.put(process, data, parent, place);
  }

  /** The image of the process that forked, exactly as it was then. */
  #creator(bytes: Bytes, offset: number, place: number): ProcessImage | undefined {
    const tgid = u32(bytes, offset, FORK.parent_tgid);
    const matches = (image: ProcessImage | undefined) =>
      image !== undefined &&
      image.data.program !== undefined &&
      image.process.startLow === u32(bytes, offset, FORK.parent_start) &&
      image.process.startHigh === u32(bytes, offset, FORK.parent_start + 4) &&
      image.execId === u32(bytes, offset, FORK.parent_exec_id);
    const known = this.find(tgid, place);
    if (matches(known)) return known;
    const found = this.#scan(tgid, place)?.image;
    // Kernel threads run no file; their forks are not sent, so a new one is no loss.
    if (!matches(found) || found?.data.program?.exePath !== '') this.counts.missed++;
    return matches(found) ? found : undefined;
  }

  #executed(bytes: Bytes, offset: number, place: number): ProcessImage {
    let process = this.#table.known(bytes, offset);
    if (process === undefined) {
      this.counts.missed++;
      process = this.#table.add(bytes, offset, place);
    }
    const data = this.#imageOfExec(bytes, offset);
    this.#countCuts(data);
    const before = process.image;
    const parent =
      before?.parent !== undefined && before.ppid === data.ppid
        ? before.parent
        : this.#parentOrScan(data.ppid, process, place);
    return this.#table.put(process, data, parent, place);
  }

  #exited(bytes: Bytes, offset: number, place: number): ProcessImage {
    const process = this.#table.known(bytes, offset) ?? this.#table.add(bytes, offset, place);
    if (process.image?.execId !== u32(bytes, offset, HEADER.exec_id)) {
      // No scan can tell any more what it ran.
      this.counts.missed++;
      this.counts.unknown++;
      const unknown = unknownImage(bytes, offset);
      this.#table.put(
        process,
        unknown,
        process.image?.parent ?? this.#table.parent(unknown.ppid, process, place),
        place,
      );
    }
    this.#table.end(process, place, this.#table.at(u32(bytes, offset, EXIT.reaper), place));
    return process.image as ProcessImage;
  }

  #moved(bytes: Bytes, offset: number, place: number): ProcessImage {
    const image = this.#current(bytes, offset, place);
    const start = textStart(bytes, offset, CHDIR_TEXTS, CHDIR_TEXTS.cwd);
    const isWhole = (flagsOf(bytes, offset) & FLAGS.base_partial) === 0;
    const cwd = isWhole ? textAt(bytes, start, textLength(bytes, offset, CHDIR_TEXTS, CHDIR_TEXTS.cwd)) : undefined;
    return cwd === image.data.cwd ? image : this.#table.put(image.process, { ...image.data, cwd }, image.parent, place);
  }

  /** A scan is as good as the records that were missed, unless newer ones have passed since. */
  #scanned(bytes: Bytes, offset: number, place: number): Process {
    const known = this.#table.known(bytes, offset);
    const execId = u32(bytes, offset, HEADER.exec_id);
    const { image } = known ?? {};
    const program = image?.data.program;
    if (known !== undefined && program !== undefined && image !== undefined && image.execId >= execId) {
      // What an exec told stays; where the process is now may have been lost.
      if (image.execId === execId) this.#stands(known, image, this.#imageOfExec(bytes, offset), place);
      return known;
    }
    const process = known ?? this.#table.add(bytes, offset, place);
    const data = this.#imageOfExec(bytes, offset, this.#longer);
    this.#countCuts(data);
    this.#table.put(process, data, this.#table.parent(data.ppid, process, place), place);
    return process;
  }

  #stands(process: Process, { data, parent }: ProcessImage, now: ImageData, place: number): void {
    const { cwd, cgroup, cgroupPath, container } = now;
    if (cwd === data.cwd && cgroup === data.cgroup && cgroupPath === data.cgroupPath) return;
    this.#table.put(process, { ...data, cwd, cgroup, cgroupPath, container }, parent, place);
  }

  /** Asks the kernel about a process that should be known. */
  #scan(tgid: number, place: number): Process | undefined {
    if (this.#rescansLeft <= 0) return undefined;
    this.#rescansLeft--;
    this.counts.rescans++;
    const bytes = this.#rescan(tgid);
    let found: Process | undefined;
    if (bytes !== undefined) {
      eachRecord(bytes, bytes.buffer.length, (offset, kind) => {
        if (kind !== KIND.scan || u32(bytes, offset, HEADER.tgid) !== tgid) return;
        found = this.#scanned(bytes, offset, place);
      });
    }
    return found;
  }

  #parentOrScan(ppid: number, child: Process, place: number): Process | undefined {
    if (ppid === 0) return undefined;
    const known = this.#table.parent(ppid, child, place);
    if (known !== undefined) return known;
    this.#scan(ppid, place);
    return this.#table.parent(ppid, child, place);
  }

  #missed(bytes: Bytes, offset: number, place: number, known: Process | undefined): ProcessImage {
    const execId = u32(bytes, offset, HEADER.exec_id);
    const scanAhead = known?.image !== undefined && known.image.execId > execId;
    const unknown = unknownImage(bytes, offset);
    // What was scanned while earlier events still waited is ahead of them; the table must not go back.
    if (scanAhead) {
      this.counts.unknown++;
      return new ProcessImage(known, unknown, known.image?.parent, place);
    }
    this.counts.missed++;
    const tried = this.#rescansLeft > 0;
    const found = this.#scan(u32(bytes, offset, HEADER.tgid), place);
    const process = this.#table.known(bytes, offset);
    if (found !== undefined && found === process && found.image?.execId === execId) return found.image;
    this.counts.unknown++;
    const parent = (child: Process) => this.#table.parent(unknown.ppid, child, place);
    if (!tried) {
      const [high, low] = [u32(bytes, offset, HEADER.start + 4), u32(bytes, offset, HEADER.start)];
      const passing = known ?? new Process(u32(bytes, offset, HEADER.tgid), high, low, place);
      return new ProcessImage(passing, unknown, parent(passing), place);
    }
    const kept = process ?? this.#table.add(bytes, offset, place);
    if (kept.image !== undefined && kept.image.execId > execId)
      return new ProcessImage(kept, unknown, parent(kept), place);
    return this.#table.put(kept, unknown, parent(kept), place);
  }
}

function u32({ words }: Bytes, offset: number, field: number): number {
  return words[(offset + field) >>> 2] as number;
}

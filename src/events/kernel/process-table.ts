/**
 * The processes by their ids, with what they were before as long as a batch may ask for it: places in the order of records
 * say when.
 */

import { type ImageData, type Lineage, Process, ProcessImage } from './image.ts';
import { HEADER } from './layout.ts';
import type { Bytes } from './text.ts';

/** Longest chain of ancestors that is followed; deeper ones are made to waste time. */
const DEPTH = 256;

export class ProcessTable {
  readonly #limit: number;
  readonly #evicted: () => void;
  readonly #table = new Map<number, Process>();
  /** Images that still know the one before, and processes that have exited or replaced another. */
  #changed: ProcessImage[] = [];
  #ended: Process[] = [];
  #replacing: Process[] = [];
  #recent: Process | undefined;
  /** How often a watched process has changed: lineages that were kept before may be others now. */
  #changes = 0;

  /** `evicted` is told of each process that gives way because there are more than `limit`. */
  constructor(limit: number, evicted: () => void) {
    this.#limit = limit;
    this.#evicted = evicted;
  }

  get size(): number {
    return this.#table.size;
  }

  values(): Iterable<Process> {
    return this.#table.values();
  }

  /** Forgets what only batches up to now could ask for. Called when none of them is readable any more. */
  settle(): void {
    for (const image of this.#changed) image.previous = undefined;
    for (const process of this.#replacing) process.replaced = undefined;
    for (const process of this.#ended) {
      process.image = undefined;
      if (this.#table.get(process.tgid) === process) this.#table.delete(process.tgid);
      if (this.#recent === process) this.#recent = undefined;
    }
    if (this.#changed.length > 0) this.#changed = [];
    if (this.#replacing.length > 0) this.#replacing = [];
    if (this.#ended.length > 0) this.#ended = [];
  }

  /** The image of the process that had this id at that place. */
  find(tgid: number, place: number): ProcessImage | undefined {
    return imageAt(this.at(tgid, place), place);
  }

  /** The image of the parent at that place: when the parent has died, of who inherited its children. */
  parentOf(image: ProcessImage, place: number): ProcessImage | undefined {
    let process = image.parent;
    for (let depth = 0; process !== undefined && process.exited < place && depth < DEPTH; depth++)
      process = process.heir;
    return imageAt(process ?? this.parent(image.ppid, image.process, place), place);
  }

  /**
   * The images of the ancestors at that place, nearest first: the same array as for the last event of the image, unless
   * one of them is another.
   */
  ancestors(image: ProcessImage, place: number): readonly ProcessImage[] {
    let { lineage } = image;
    if (lineage === undefined || lineage.changes !== this.#changes || place < lineage.from || place >= lineage.until) {
      image.lineage = lineage = this.#lineage(image, place);
    }
    return lineage.images;
  }

  #lineage(image: ProcessImage, place: number): Lineage {
    const found: ProcessImage[] = [];
    let until = Number.POSITIVE_INFINITY;
    let next: ProcessImage | undefined = image;
    while (found.length < DEPTH) {
      // A parent that is looked up by its id may be found later, or be another one.
      if (isLookedUp(next, place)) until = place + 1;
      next = this.parentOf(next, place);
      if (next === undefined) break;
      found.push(next);
      next.process.watched = true;
      until = Math.min(until, endOf(next, place));
    }
    const before = image.lineage?.images;
    const images = before !== undefined && isSame(before, found) ? before : found;
    return { images, from: place, until, changes: this.#changes };
  }

  /** The process that had this id at that place. */
  at(tgid: number, place: number): Process | undefined {
    let process = this.#table.get(tgid);
    while (process !== undefined && process.born > place) process = process.replaced;
    return process !== undefined && process.exited < place ? undefined : process;
  }

  /** The process of that id, when it can be the parent: a process that was born after its child has only its parent's id. */
  parent(ppid: number, child: Process, place: number): Process | undefined {
    if (ppid === 0) return undefined;
    const parent = this.at(ppid, place);
    return parent !== undefined && parent !== child && isOlder(parent, child) ? parent : undefined;
  }

  /** The live process of this record, if it is in the table. */
  known({ words }: Bytes, offset: number): Process | undefined {
    const at = offset >>> 2;
    const tgid = words[at + HEADER.tgid / 4] as number;
    let process = this.#recent;
    if (process === undefined || process.tgid !== tgid) {
      process = this.#table.get(tgid);
      if (process === undefined) return undefined;
      this.#recent = process;
    }
    const same =
      process.startLow === words[at + HEADER.start / 4] && process.startHigh === words[at + HEADER.start / 4 + 1];
    return same ? process : undefined;
  }

  /** A new process under the id of this record. Whoever had the id before has ended, even if that was not seen. */
  add(bytes: Bytes, offset: number, place: number): Process {
    const tgid = u32(bytes, offset, HEADER.tgid);
    const [high, low] = [u32(bytes, offset, HEADER.start + 4), u32(bytes, offset, HEADER.start)];
    const before = this.#table.get(tgid);
    if (before !== undefined && before.startLow === low && before.startHigh === high) return before;
    const process = new Process(tgid, high, low, place);
    if (before !== undefined) {
      if (before.exited === Number.POSITIVE_INFINITY) this.end(before, place - 1, undefined);
      process.replaced = before;
      this.#replacing.push(process);
      // The order of insertion is the order of eviction: the id begins anew.
      this.#table.delete(tgid);
    }
    this.#table.set(tgid, process);
    this.#recent = process;
    if (this.#table.size > this.#limit) this.#evict(place);
    return process;
  }

  #evict(place: number): void {
    const oldest = this.#table.values().next().value as Process;
    this.#table.delete(oldest.tgid);
    // Its own next event has it scanned again; until then its children look for it by its id.
    if (oldest.exited === Number.POSITIVE_INFINITY) {
      this.#noteChange(oldest);
      oldest.exited = place;
      this.#ended.push(oldest);
      this.#evicted();
    }
    if (this.#recent === oldest) this.#recent = undefined;
  }

  /** The process has exited; `heir` inherits its children. */
  end(process: Process, place: number, heir: Process | undefined): void {
    this.#noteChange(process);
    process.exited = place;
    process.heir = heir === process ? undefined : heir;
    this.#ended.push(process);
  }

  #noteChange(process: Process): void {
    if (!process.watched) return;
    process.watched = false;
    this.#changes++;
  }

  /** The process is another from that place on. */
  put(process: Process, data: ImageData, parent: Process | undefined, place: number): ProcessImage {
    const image = new ProcessImage(process, data, parent, place);
    this.#noteChange(process);
    image.previous = process.image;
    process.image = image;
    if (image.previous !== undefined) this.#changed.push(image);
    return image;
  }
}

/** Whether the parent of an image is not known as a process, only by its id. */
function isLookedUp({ parent, ppid }: ProcessImage, place: number): boolean {
  let process = parent;
  for (let depth = 0; process !== undefined && process.exited < place && depth < DEPTH; depth++) process = process.heir;
  return process === undefined && ppid !== 0;
}

/** The first place where an image that was in force at `place` no longer is. */
function endOf(image: ProcessImage, place: number): number {
  const { process } = image;
  let end = process.exited + 1;
  for (let later = process.image; later !== undefined && later !== image; later = later.previous) {
    if (later.since > place) end = Math.min(end, later.since);
  }
  return end;
}

function isSame(a: readonly ProcessImage[], b: readonly ProcessImage[]): boolean {
  return a.length === b.length && a.every((image, index) => image === b[index]);
}

function imageAt(process: Process | undefined, place: number): ProcessImage | undefined {
  let image = process?.image;
  while (image !== undefined && image.since > place && image.previous !== undefined) image = image.previous;
  return image;
}

function isOlder(a: Process, b: Process): boolean {
  return a.startHigh < b.startHigh || (a.startHigh === b.startHigh && a.startLow <= b.startLow);
}

function u32({ words }: Bytes, offset: number, field: number): number {
  return words[(offset + field) >>> 2] as number;
}

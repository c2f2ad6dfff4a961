/** A batch of kernel records over one pooled buffer, borrowed: readable until it is released. */

import { indexRecords, ROW } from '../../../native/record-index.ts';
import type { EventList } from '../../core/event.ts';
import type { EventRecord } from '../record.ts';
import type { KernelContext } from './context.ts';
import { KernelEvent } from './event.ts';
import { keepEvent } from './field-readers.ts';
import { HEADER } from './layout.ts';
import { big } from './numbers.ts';
import type { ProcessImages } from './process-images.ts';
import { released } from './released.ts';
import { IMAGE, type SlabMemory, type SlabPool } from './slab-memory.ts';

export class KernelSlab implements EventList {
  readonly length: number;
  /** Records that were damaged, and are not among the events. */
  readonly damaged: number;
  readonly context: KernelContext;
  readonly processes: ProcessImages;
  readonly memory: SlabMemory;
  /** The place of the slab's first byte in the order of all records. */
  readonly place: number;
  /** The number (`evt.num`) of the event at index 0. */
  readonly firstNumber: number;
  released = false;
  readonly #pool: SlabPool;
  readonly #images: number;
  readonly #event: KernelEvent;
  readonly #timeBefore: bigint | undefined;

  private constructor(filled: Filled, pool: SlabPool, length: number, images: number, damaged: number) {
    this.memory = filled.memory;
    this.processes = filled.processes;
    this.context = filled.context;
    this.place = filled.context.place;
    this.firstNumber = filled.context.events + 1;
    this.length = length;
    this.damaged = damaged;
    this.#pool = pool;
    this.#images = images;
    this.#event = new KernelEvent(this);
    this.#timeBefore = filled.context.lastTime;
  }

  /** As `of`; the records are indexed first. */
  static fill(filled: Filled, length: number, wanted: ReadonlySet<number>, pool: SlabPool): KernelSlab {
    indexRecords(filled.memory.buffer, length, filled.memory.rows);
    return KernelSlab.of(filled, length, wanted, pool);
  }

  /**
   * Applies the records that `memory` holds, and has rows of, to the processes, in their order. Records whose kind is not
   * among `wanted` only do that; the others become events.
   */
  static of(filled: Filled, length: number, wanted: ReadonlySet<number>, pool: SlabPool): KernelSlab {
    const { memory, processes, context } = filled;
    const { rows, images } = memory;
    let kinds = 0;
    for (const kind of wanted) kinds |= 1 << kind;
    let events = 0;
    let last = -1;
    processes.begin(context.place);
    let row = 0;
    for (; rows[row + ROW.kind] !== 0; row += ROW.size) {
      const kind = rows[row + ROW.kind] as number;
      const again = rows[row + ROW.again] !== 0;
      const image = processes.apply(memory, rows[row + ROW.offset] as number, kind, again);
      if ((kinds & (1 << kind)) === 0) continue;
      const own = events++ * ROW.size;
      if (own !== row) rows.copyWithin(own, row, row + ROW.size);
      if (last < 0 || images[last] !== image) images[++last] = image;
      rows[own + IMAGE] = last;
    }
    const slab = new KernelSlab(filled, pool, events, last + 1, rows[row + ROW.damaged] as number);
    context.place += length;
    context.events += slab.length;
    context.slabs++;
    if (events > 0) {
      context.firstTime ??= boottime(memory, 0) + context.bootOffset;
      context.lastTime = boottime(memory, events - 1);
    }
    return slab;
  }

  /** The event at an index: one cursor, moved at each call. */
  at(index: number): KernelEvent | undefined {
    if (this.released) throw released();
    return index >= 0 && index < this.length ? this.#event.moveTo(index) : undefined;
  }

  /** ns between the event before this one and this one; 0 for the first of all. */
  timeSincePrevious(event: KernelEvent): bigint {
    if (this.released) throw released();
    const before = event.index > 0 ? boottime(this.memory, event.index - 1) : this.#timeBefore;
    const here = boottime(this.memory, event.index);
    return before === undefined || before > here ? 0n : here - before;
  }

  /** An event of its own with just these fields, absent ones left out. */
  keep(event: KernelEvent, fields: readonly string[]): EventRecord {
    return keepEvent(event, fields);
  }

  /** Returns the memory. Reading the slab afterwards throws. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.#pool.give(this.memory, this.#images);
    if (--this.context.slabs === 0) this.processes.settle();
  }
}

function boottime({ rows, words }: SlabMemory, index: number): bigint {
  const at = ((rows[index * ROW.size + ROW.offset] as number) + HEADER.time) >>> 2;
  return big(words[at + 1] as number, words[at] as number);
}

/** What a slab is filled with. */
export interface Filled {
  readonly memory: SlabMemory;
  readonly processes: ProcessImages;
  readonly context: KernelContext;
}

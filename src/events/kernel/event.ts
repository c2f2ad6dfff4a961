/** The cursor over a slab: one object, moved from event to event. */

import { ROW } from '../../../native/record-index.ts';
import type { Event, Value } from '../field.ts';
import { callOf, NR } from './calls.ts';
import { fieldReader } from './field-readers.ts';
import type { ProcessImage } from './image.ts';
import { FLAGS, HEADER, KIND } from './layout.ts';
import { big, signed, unsigned } from './numbers.ts';
import { type Shape, textLength, textStart } from './records.ts';
import { released } from './released.ts';
import type { KernelSlab } from './slab.ts';
import { IMAGE, type SlabMemory } from './slab-memory.ts';
import { nameAt, pathAt, textAt } from './text.ts';

export class KernelEvent implements Event {
  readonly source = 'syscall';
  readonly slab: KernelSlab;
  index = -1;
  /** What readers worked out of this event; see `memo`. */
  readonly memos: Memo[] = [];
  readonly #memory: SlabMemory;
  #offset = 0;
  #kind = 0;
  #image!: ProcessImage;

  constructor(slab: KernelSlab) {
    this.slab = slab;
    this.#memory = slab.memory;
  }

  /** Only for the slab: the cursor's next event. */
  moveTo(index: number): this {
    const { rows, images } = this.#memory;
    const row = index * ROW.size;
    this.index = index;
    this.#offset = rows[row + ROW.offset] as number;
    this.#kind = rows[row + ROW.kind] as number;
    this.#image = images[rows[row + IMAGE] as number] as ProcessImage;
    return this;
  }

  /** Number of its kind of record (layout.ts). */
  get kind(): number {
    this.#check();
    return this.#kind;
  }

  /** Its process: after a fork the child, after an exec the new program. */
  get image(): ProcessImage {
    this.#check();
    return this.#image;
  }

  get type(): string {
    switch (this.kind) {
      case KIND.exec:
        // The kernel forgets which call it was; a descriptor's name tells (spec/kernel-fields.md §9).
        return this.image.data.program?.filename.startsWith('/dev/fd/') ? 'execveat' : 'execve';
      case KIND.fork:
        return 'clone';
      case KIND.exit:
        return 'procexit';
      default:
        return callOf(this.u32(NR))?.name ?? 'syscall';
    }
  }

  get time(): bigint {
    return big(this.u32(HEADER.time + 4), this.u32(HEADER.time)) + this.slab.context.bootOffset;
  }

  get(field: string): Value | undefined {
    return fieldReader(field)?.(this);
  }

  /** The bytes of all events of the slab, and where its own begin: for whoever compares them whole. */
  get memory(): SlabMemory {
    this.#check();
    return this.#memory;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The place in the order of all records. */
  get place(): number {
    return this.slab.place + this.#offset;
  }

  get comm(): string {
    this.#check();
    return nameAt(this.#memory, this.#offset + HEADER.comm);
  }

  has(flag: keyof typeof FLAGS): boolean {
    return (this.u16(HEADER.flags) & FLAGS[flag]) !== 0;
  }

  u8(field: number): number {
    this.#check();
    return this.#memory.view.getUint8(this.#offset + field);
  }

  u16(field: number): number {
    this.#check();
    return this.#memory.view.getUint16(this.#offset + field, true);
  }

  u32(field: number): number {
    this.#check();
    return this.#memory.words[(this.#offset + field) >>> 2] as number;
  }

  i32(field: number): number {
    return this.u32(field) | 0;
  }

  u64(field: number): number | bigint {
    return unsigned(this.u32(field + 4), this.u32(field));
  }

  i64(field: number): number | bigint {
    return signed(this.u32(field + 4), this.u32(field));
  }

  /** The bytes of an array in the record; valid until the slab is released. */
  bytes(field: number, length: number): Uint8Array {
    this.#check();
    return this.#memory.buffer.subarray(this.#offset + field, this.#offset + field + length);
  }

  text(shape: Shape, index: number): string {
    this.#check();
    const start = textStart(this.#memory, this.#offset, shape, index);
    return textAt(this.#memory, start, textLength(this.#memory, this.#offset, shape, index));
  }

  /** As `text`, for texts that are kept elsewhere. */
  decode(shape: Shape, index: number): string {
    this.#check();
    const start = textStart(this.#memory, this.#offset, shape, index);
    const end = start + textLength(this.#memory, this.#offset, shape, index);
    return start === end ? '' : this.#memory.buffer.toString('utf8', start, end);
  }

  /** A text that is an absolute path, normalised. */
  path(shape: Shape, index: number): string {
    this.#check();
    const start = textStart(this.#memory, this.#offset, shape, index);
    return pathAt(this.#memory, start, textLength(this.#memory, this.#offset, shape, index));
  }

  /** The first byte of a text; 0 when it is empty. */
  firstByte(shape: Shape, index: number): number {
    this.#check();
    if (textLength(this.#memory, this.#offset, shape, index) === 0) return 0;
    return this.#memory.view.getUint8(textStart(this.#memory, this.#offset, shape, index));
  }

  textLength(shape: Shape, index: number): number {
    this.#check();
    return textLength(this.#memory, this.#offset, shape, index);
  }

  /** The image of the parent, when it is known. */
  get parent(): ProcessImage | undefined {
    return this.ancestors[0];
  }

  /** The images of the ancestors, nearest first. */
  get ancestors(): readonly ProcessImage[] {
    return this.slab.processes.ancestors(this.image, this.place);
  }

  /** The image of ancestor number `n`, 1 the parent. */
  ancestor(n: number): ProcessImage | undefined {
    return n === 0 ? this.image : this.ancestors[n - 1];
  }

  /** The image of the process that has this id now. */
  find(tgid: number): ProcessImage | undefined {
    return this.slab.processes.find(tgid, this.place);
  }

  /** What `make` returns, worked out once for each event and number. */
  memo<T>(number: number, make: (event: this) => T): T {
    this.#check();
    let memo = this.memos[number];
    if (memo === undefined) this.memos[number] = memo = { index: -1, value: undefined };
    if (memo.index !== this.index) {
      memo.value = make(this);
      memo.index = this.index;
    }
    return memo.value as T;
  }

  #check(): void {
    if (this.slab.released) throw released();
  }
}

interface Memo {
  index: number;
  value: unknown;
}

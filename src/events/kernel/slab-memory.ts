/** The memory that batches of kernel records are in: pooled, for they come and go all the time. */

import { ROW } from '../../../native/record-index.ts';
import type { ProcessImage } from './image.ts';
import { rowsFor } from './records.ts';
import type { Bytes } from './text.ts';

/** Memory for one batch: the bytes, for each event the row of its record (see `indexRecords`), and the images. */
export interface SlabMemory extends Bytes {
  readonly rows: Uint32Array;
  /** As a row's `IMAGE` counts them. */
  readonly images: (ProcessImage | undefined)[];
}

/** Where the row of an event has the place of its image. */
export const IMAGE = ROW.again;

/** Views over bytes that begin at an 8-aligned place of their buffer; copied when they do not. */
export function bytesOf(data: Uint8Array): Bytes {
  const aligned = data.byteOffset % 8 === 0 ? data : new Uint8Array(data);
  const { buffer, byteOffset, byteLength } = aligned;
  return {
    buffer: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength),
    words: new Uint32Array(buffer, byteOffset, byteLength >>> 2),
    view: new DataView(buffer, byteOffset, byteLength),
  };
}

/** Hands out memory for slabs and takes it back. */
export class SlabPool {
  /** Bytes that one slab holds. */
  readonly size: number;
  readonly #free: SlabMemory[] = [];

  constructor(size: number) {
    this.size = size;
  }

  take(): SlabMemory {
    return this.#free.pop() ?? { ...bytesOf(new Uint8Array(this.size)), rows: rowsFor(this.size), images: [] };
  }

  /** `images`: how many it held. */
  give(memory: SlabMemory, images: number): void {
    // Images are freed after the last batch that names them.
    for (let place = 0; place < images; place++) memory.images[place] = undefined;
    this.#free.push(memory);
  }
}

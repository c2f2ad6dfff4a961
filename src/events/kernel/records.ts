/** The records in bytes that came from the ring (native/records.yaml). */

import { indexRecords, ROW } from '../../../native/record-index.ts';
import { HEADER, HEADER_SIZE, KIND } from './layout.ts';
import type { Bytes } from './text.ts';

/** A record in the ring follows 8 bytes of its own: u32 length with two flags, u32 page offset (bpf ring buffer). */
export const RING_HEADER = 8;

/** Where the texts of each kind are: `lengths` u16 one after the other, the texts from `first`; by number of kind. */
export interface Shape {
  readonly count: number;
  readonly lengths: number;
  readonly first: number;
}

/** A table by number of kind. */
export function byKind<T>(table: Record<keyof typeof KIND, T>): readonly (T | undefined)[] {
  const list: (T | undefined)[] = [];
  for (const [kind, number] of Object.entries(KIND)) list[number] = table[kind as keyof typeof KIND];
  return list;
}

/** Rows for the records in that many bytes (see `indexRecords`). */
export function rowsFor(length: number): Uint32Array {
  return new Uint32Array(ROW.size * (Math.floor(length / (RING_HEADER + HEADER_SIZE)) + 1));
}

/** Calls `each` with the offset and kind of every whole record in the first `length` bytes. */
export function eachRecord({ buffer }: Bytes, length: number, each: (offset: number, kind: number) => void): void {
  const rows = rowsFor(length);
  indexRecords(buffer, length, rows);
  for (let row = 0; rows[row + ROW.kind] !== 0; row += ROW.size) {
    each(rows[row + ROW.offset] as number, rows[row + ROW.kind] as number);
  }
}

/** Where text number `index` of a record begins, as an offset in the bytes. */
export function textStart({ view }: Bytes, offset: number, shape: Shape, index: number): number {
  let start = offset + shape.first;
  for (let text = 0; text < index; text++) start += view.getUint16(offset + shape.lengths + 2 * text, true);
  return start;
}

/** The flags of a record (FLAGS). */
export function flagsOf({ view }: Bytes, offset: number): number {
  return view.getUint16(offset + HEADER.flags, true);
}

/** How long text number `index` of a record is, in bytes. */
export function textLength({ view }: Bytes, offset: number, shape: Shape, index: number): number {
  return view.getUint16(offset + shape.lengths + 2 * index, true);
}

/** Finds the records in bytes that came from the ring, and takes none for whole that is not (native/records.yaml). */

import {
  CALL_TEXTS,
  CGROUP_TEXTS,
  CHDIR_TEXTS,
  EXEC_TEXTS,
  EXIT,
  FORK,
  HEADER,
  HEADER_SIZE,
  KIND,
  OPEN_TEXTS,
  SOCKET_TEXTS,
} from './layout.ts';
import type { Bytes } from './text.ts';

/** A record in the ring follows 8 bytes of its own: u32 length with two flags, u32 page offset (bpf ring buffer). */
export const RING_HEADER = 8;
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;

/** Where the texts of each kind are: `lengths` u16 one after the other, the texts from `first`; by number of kind. */
export interface Shape {
  readonly count: number;
  readonly lengths: number;
  readonly first: number;
}

const noTexts = (end: number): Shape => ({ count: 0, lengths: end, first: end });

const shapes: readonly (Shape | undefined)[] = byKind({
  fork: noTexts(FORK.vm_swap + 4),
  exec: EXEC_TEXTS,
  exit: noTexts(EXIT.reaper + 4),
  open: OPEN_TEXTS,
  socket: SOCKET_TEXTS,
  chdir: CHDIR_TEXTS,
  call: CALL_TEXTS,
  scan: EXEC_TEXTS,
  cgroup: CGROUP_TEXTS,
});

/** A table by number of kind. */
export function byKind<T>(table: Record<keyof typeof KIND, T>): readonly (T | undefined)[] {
  const list: (T | undefined)[] = [];
  for (const [kind, number] of Object.entries(KIND)) list[number] = table[kind as keyof typeof KIND];
  return list;
}

/**
 * Calls `each` with the offset and kind of every whole record in the first `length` bytes. Returns how many were damaged:
 * unknown kinds, and sizes or lengths that point outside. Reading any field or text of a record handed on stays inside it.
 */
export function eachRecord(bytes: Bytes, length: number, each: (offset: number, kind: number) => void): number {
  const { words, view } = bytes;
  let damaged = 0;
  for (let at = 0; at + RING_HEADER <= length; ) {
    const head = words[at >>> 2] as number;
    const size = head & ~(BUSY | DISCARD);
    const offset = at + RING_HEADER;
    if (size > length - offset) return damaged + 1;
    if ((head & DISCARD) === 0) {
      const kind = size < HEADER_SIZE ? 0 : view.getUint16(offset + HEADER.kind, true);
      if (isWhole(bytes, offset, size, kind)) each(offset, kind);
      else damaged++;
    }
    at = offset + ((size + 7) & ~7);
  }
  return damaged;
}

function isWhole({ words, view }: Bytes, offset: number, room: number, kind: number): boolean {
  const shape = kind < shapes.length ? shapes[kind] : undefined;
  if (shape === undefined) return false;
  const { first, lengths, count } = shape;
  const size = words[(offset + HEADER.size) >>> 2] as number;
  if (size > room || size < first) return false;
  let end = first;
  const stop = offset + lengths + 2 * count;
  for (let at = offset + lengths; at < stop; at += 2) end += view.getUint16(at, true);
  return end <= size;
}

/** Where text number `index` of a record begins, as an offset in the bytes. */
export function textStart({ view }: Bytes, offset: number, shape: Shape, index: number): number {
  let start = offset + shape.first;
  for (let text = 0; text < index; text++) start += view.getUint16(offset + shape.lengths + 2 * text, true);
  return start;
}

/** How long text number `index` of a record is, in bytes. */
export function textLength({ view }: Bytes, offset: number, shape: Shape, index: number): number {
  return view.getUint16(offset + shape.lengths + 2 * index, true);
}

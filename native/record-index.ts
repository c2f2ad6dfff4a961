/** What is in bytes that came from the ring, told by the addon: it looks at them faster than JavaScript. */

import { type AddonRecordIndex, type AddonSensor, loadAddon } from './locate.ts';

/** Where a row of `indexRecords` has what, in numbers, and how many it has. `damaged` is of the one behind the last. */
export const ROW = { offset: 0, damaged: 0, kind: 1, text: 2, real: 3, again: 4, way: 5, wayHigh: 6, size: 7 } as const;

/** What a row says of a path: bits, and above them where the path's last name begins. */
export const PATH = { crooked: 1, hidden: 2, nameShift: 2 } as const;

let index: AddonRecordIndex | undefined;

/** One for all: it gives ways their numbers. */
function theIndex(): AddonRecordIndex {
  index ??= new (loadAddon().addon.RecordIndex)();
  return index;
}

/**
 * Finds the records in the first `length` bytes, which are 8-aligned and framed as in `Sensor.drain`. Writes a row for
 * each whole one, and one of kind 0 behind the last: its `damaged` is how many were, by an unknown kind, or a size or length
 * that points outside. Reading any field or text of a record that has a row stays inside it.
 *
 * `offset` is where the record begins, behind the ring's header; `again` is 1 where it says of its process (id, start,
 * program, parent, cgroup) what the row before says, and the kind of neither is one that makes it another.
 *
 * Of an open `text` says what its path is like as the call names it, `real` the same of the canonical one: `crooked`, which
 * means that there may be a shorter form of it, and `hidden`, a name in it begins with a dot. `way` and `wayHigh` are the
 * halves of a number for the way in which the path is opened: its texts, how it is opened, and the error. No two ways ever
 * have the same; a way that comes again mostly has the one that it had; 0 where the texts that differ are longer than 250 bytes.
 *
 * @throws {RangeError} there are not enough rows: one for each 104 bytes, and one more, are.
 */
export function indexRecords(bytes: Uint8Array, length: number, rows: Uint32Array): void {
  theIndex().index(bytes, length, rows);
}

/** As `Sensor.drain`: each record is indexed as it is copied, while the next ones come from the processor that wrote them. */
export function drainIndexed(sensor: AddonSensor, into: Uint8Array, rows: Uint32Array): number {
  return sensor.drain(into, theIndex(), rows);
}

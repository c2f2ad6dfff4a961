/** Memory that was just asked for: the system makes a page of it only when that is first written to. */

/** Bytes between two chances to do something else. */
const STEP = 1024 * 1024;

/**
 * Makes all pages of a table that is still empty, in steps: what is put into it goes anywhere, and the first few thousand
 * would wait for all of its pages together, which for tens of MB takes tens of ms.
 */
export function* touch(table: Int32Array | Uint32Array): Generator<void, void> {
  const step = STEP / table.BYTES_PER_ELEMENT;
  for (let at = 0; at < table.length; at += step) {
    table.fill(0, at, at + step);
    yield;
  }
}

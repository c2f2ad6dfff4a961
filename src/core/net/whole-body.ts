/** Bodies of requests and answers as a whole, no larger than they may be. */

import { setImmediate } from 'node:timers/promises';

/** Bytes that are copied in one turn of the event loop, about. */
const SLICE = 1024 * 1024;

/** Their pieces together. Rejects with what `tooLarge` makes once they have more than `most` bytes. */
export async function wholeBody(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  most: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const all: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > most) throw tooLarge();
    all.push(piece);
  }
  const [only] = all;
  if (only === undefined || all.length > 1) return await joined(all, length);
  return Buffer.from(only.buffer, only.byteOffset, length);
}

/** Bytes for which no more memory is asked for than they take. */
const FEW = 1024 * 1024;

/**
 * The same for bodies that may have tens of MB. Each piece is copied to its place as it comes: kept until all are there, a
 * thousand pieces would be twice the memory, and it would stay with the process, in pieces. What is asked for in their place
 * takes memory only where something was written.
 */
export async function largeBody(
  pieces: AsyncIterable<Uint8Array>,
  most: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  let whole = Buffer.allocUnsafeSlow(Math.min(FEW, most));
  let length = 0;
  for await (const piece of pieces) {
    const end = length + piece.length;
    if (end > most) throw tooLarge();
    if (end > whole.length) {
      const few = whole.subarray(0, length);
      whole = Buffer.allocUnsafeSlow(most);
      whole.set(few);
    }
    whole.set(piece, length);
    length = end;
  }
  return whole.subarray(0, length);
}

/** Copies pieces while others have their turn. */
async function joined(pieces: Iterable<Uint8Array>, length: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(length);
  let end = 0;
  let pause = SLICE;
  for (const piece of pieces) {
    whole.set(piece, end);
    end += piece.length;
    if (end < pause) continue;
    await setImmediate();
    pause = end + SLICE;
  }
  return whole;
}

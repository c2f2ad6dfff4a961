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

/** Whether bytes are compressed is seen by what they begin with: names and headers are not to be relied on. */

export interface Sniffed {
  readonly isEmpty: boolean;
  readonly isGzip: boolean;
  /** All of them, what they begin with too. */
  readonly pieces: AsyncGenerator<Uint8Array>;
}

/** Waits for the first two bytes, or the end. */
export async function sniffGzip(rest: AsyncIterator<Uint8Array>): Promise<Sniffed> {
  let start: Uint8Array = new Uint8Array();
  while (start.length < 2) {
    const { value, done } = await rest.next();
    if (done) break;
    start = start.length === 0 ? value : Buffer.concat([start, value]);
  }
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  return { isEmpty: start.length === 0, isGzip, pieces: joined(start, rest) };
}

async function* joined(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** Bodies of requests and answers as a whole, no larger than they may be. */

/** Their pieces together. Rejects with what `tooLarge` makes once they have more than `most` bytes. */
export async function wholeBody(pieces: AsyncIterable<Buffer>, most: number, tooLarge: () => Error): Promise<Buffer> {
  const all: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > most) throw tooLarge();
    all.push(piece);
  }
  const [only] = all;
  return only !== undefined && all.length === 1 ? only : Buffer.concat(all, length);
}

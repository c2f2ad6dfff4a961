/** Memory for packs, which comes back: a file of any size goes through a few pieces of it. */

/** A pack has room for so many bytes, at least. */
export const ROOM = 320 * 1024;
/** One of more bytes is not kept: a large record was in it, and few are. */
const LARGEST = 2 * ROOM;
/** So many are kept. */
const MANY = 8;

export class Rooms {
  readonly #kept: ArrayBuffer[] = [];

  /** Memory of at least so many bytes; what is in it does not matter. */
  take(least: number): Uint8Array {
    const at = this.#kept.findIndex(({ byteLength }) => byteLength >= least);
    const [room] = at < 0 ? [] : this.#kept.splice(at, 1);
    return room ? new Uint8Array(room) : new Uint8Array(least);
  }

  /** Nobody has it any more. */
  giveBack({ buffer }: Uint8Array): void {
    const { byteLength } = buffer;
    if (byteLength >= ROOM && byteLength <= LARGEST && this.#kept.length < MANY) this.#kept.push(buffer as ArrayBuffer);
  }
}

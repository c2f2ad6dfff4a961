/** Texts that come again and again: the names of calls and services. */

const PLACES = 1024;
/** In bytes. Longer ones are no names. */
const LONGEST = 64;

interface Name {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Makes each text once, as long as no other takes its place: to compare its bytes costs a quarter of making it. */
export class Names {
  readonly #names = new Array<Name | undefined>(PLACES).fill(undefined);

  /** The text of some bytes, UTF-8 decoded. */
  of(bytes: Buffer, from: number, to: number): string {
    const size = to - from;
    if (size > LONGEST || size === 0) return bytes.toString('utf8', from, to);
    // Many begin alike, few end alike.
    const sum =
      (bytes[from] as number) * 7 + (bytes[from + (size >> 1)] as number) * 31 + (bytes[to - 1] as number) * 127;
    const place = (sum + (bytes[to - (size >> 2) - 1] as number) * 17 + size * 61) % PLACES;
    const name = this.#names[place];
    if (name !== undefined && isAt(name.bytes, bytes, from, size)) return name.text;
    const text = bytes.toString('utf8', from, to);
    this.#names[place] = { text, bytes: Uint8Array.prototype.slice.call(bytes, from, to) };
    return text;
  }
}

function isAt(wanted: Uint8Array, bytes: Uint8Array, from: number, size: number): boolean {
  if (wanted.length !== size) return false;
  for (let at = 0; at < size; at++) if (wanted[at] !== bytes[from + at]) return false;
  return true;
}

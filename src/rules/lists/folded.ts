/** Texts as bytes, to be hashed: ASCII as it is, each other unit as a byte that ASCII does not have. */

const ASCII = 0x80;

let bytes = new Uint8Array(256);

/** The units of a text from `from` to `to`, until another text is folded. */
export function fold(text: string, from: number, to: number): Uint8Array {
  if (bytes.length < to - from) bytes = new Uint8Array((to - from) * 2);
  for (let at = from; at < to; at++) bytes[at - from] = foldUnit(text.charCodeAt(at));
  return bytes;
}

/** The byte for a unit. */
export function foldUnit(unit: number): number {
  return unit < ASCII ? unit : (unit & 0xff) | ASCII;
}

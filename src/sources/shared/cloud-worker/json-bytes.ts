/** Bytes of JSON: what they are, and what may follow what (RFC 8259). */

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;

/** White space of JSON (RFC 8259). */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** What may follow a backslash, but for `u`. */
export function isEscape(byte: number): boolean {
  return (
    byte === QUOTE ||
    byte === BACKSLASH ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  );
}

export function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

/**
 * Where a text cannot just go on: at a quote, a backslash, or a control character, one of which must come. Four bytes are
 * looked at at once, so that three more than those must be readable.
 */
export function endOfRun(bytes: DataView, from: number): number {
  for (let at = from; ; at += 4) {
    const four = bytes.getInt32(at, true);
    // With one bit flipped a quote stands right above the control characters. A byte that is less than what is taken from
    // it borrows; those after it may then be wrong, but the first one counts.
    const low = (four ^ 0x02020202) - 0x21212121;
    const backslash = (four ^ 0x5c5c5c5c) - 0x01010101;
    const found = (low | backslash) & ~four & HIGH_BITS;
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3);
  }
}

const HIGH_BITS = 0x80808080 | 0;

// Where one is in a number; 0 where it begins. From ZERO on it may end.
const MINUS = 1;
const POINT = 2;
const EXPONENT = 3;
const SIGN = 4;
const ZERO = 5;
const INTEGER = 6;
const FRACTION = 7;
const POWER = 8;

/** Where one is in a number after a byte of it; 0 where it cannot go on with that. `place` is 0 where it begins. */
export function inNumber(place: number, byte: number): number {
  return NEXT[place * KINDS + (KIND[byte] as number)] as number;
}

/** Whether a number ends where it cannot go on with that byte: what looks like one more digit ends none. */
export function endsNumber(place: number, byte: number): boolean {
  return place >= ZERO && KIND[byte] === 0;
}

const KINDS = 7;
const KIND = new Uint8Array(256);
for (const [kind, all] of ['', '0', '123456789', '-', '+', '.', 'eE'].entries()) {
  for (const each of all) KIND[each.charCodeAt(0)] = kind;
}
const NEXT = Uint8Array.from([
  // other, zero, digit, minus, plus, point, e
  ...[0, ZERO, INTEGER, MINUS, 0, 0, 0], // at its beginning
  ...[0, ZERO, INTEGER, 0, 0, 0, 0], // MINUS
  ...[0, FRACTION, FRACTION, 0, 0, 0, 0], // POINT
  ...[0, POWER, POWER, SIGN, SIGN, 0, 0], // EXPONENT
  ...[0, POWER, POWER, 0, 0, 0, 0], // SIGN
  ...[0, 0, 0, 0, 0, POINT, EXPONENT], // ZERO
  ...[0, INTEGER, INTEGER, 0, 0, POINT, EXPONENT], // INTEGER
  ...[0, FRACTION, FRACTION, 0, 0, 0, EXPONENT], // FRACTION
  ...[0, POWER, POWER, 0, 0, 0, 0], // POWER
]);

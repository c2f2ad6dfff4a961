/** 64-bit numbers in two halves: a BigInt for each event would cost twice what the event does (spec/performance.md §2). */

const TWO_32 = 0x1_0000_0000;

/** An unsigned number of 64 bits: a number while that is exact, else a bigint. */
export function unsigned(high: number, low: number): number | bigint {
  return high < 0x20_0000 ? high * TWO_32 + low : (BigInt(high) << 32n) | BigInt(low);
}

/** A signed number of 64 bits. `low` and `high` are its halves, unsigned. */
export function signed(high: number, low: number): number | bigint {
  const near = (high | 0) * TWO_32 + low;
  return Number.isSafeInteger(near) ? near : BigInt.asIntN(64, big(high, low));
}

/** `a - b` of two unsigned numbers in halves: exact, whatever their size. */
export function difference(aHigh: number, aLow: number, bHigh: number, bLow: number): number | bigint {
  const near = (aHigh - bHigh) * TWO_32 + (aLow - bLow);
  if (Number.isSafeInteger(near)) return near;
  return exact(big(aHigh, aLow) - big(bHigh, bLow));
}

/** An unsigned 64-bit number of its two halves. */
export function big(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The same integer as a number while that is exact. */
export function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Times as cloud services write them. */

const SHAPE = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(?:([Zz])|([+-]\d\d):?(\d\d))?$/;

/**
 * ns since the epoch of a time in RFC 3339 with any number of digits; also with a blank for the T, an offset without
 * colon (`+0000`), or none, which is UTC. Undefined where it is no such time.
 */
export function parseTimestamp(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined;
  const found = SHAPE.exec(value);
  if (found === null) return undefined;
  const [, date, clock, fraction = '', , hours, minutes] = found;
  const ms = Date.parse(`${date}T${clock}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

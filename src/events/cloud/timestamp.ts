/** Times as cloud services write them. */

const SHAPE = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(?:([Zz])|([+-]\d\d):?(\d\d))?$/;

/**
 * ns since the epoch of a time in RFC 3339 with any number of digits; also with a blank for the T, an offset without
 * colon (`+0000`), or none, which is UTC. Undefined where it is no such time.
 */
export function parseTimestamp(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined;
  const common = commonTime(value);
  if (common !== undefined) return BigInt(common) * 1_000_000n;
  const found = SHAPE.exec(value);
  if (found === null) return undefined;
  const [, date, clock, fraction = '', , hours, minutes] = found;
  const ms = Date.parse(`${date}T${clock}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

const COMMON = '0000-00-00T00:00:00Z';

/** ms since the epoch of a time as most services write it, `2026-03-02T10:15:01Z`: told without a regular expression. */
function commonTime(text: string): number | undefined {
  if (text.length !== COMMON.length) return undefined;
  for (let at = 0; at < COMMON.length; at++) {
    const [code, model] = [text.charCodeAt(at), COMMON.charCodeAt(at)];
    if (model === ZERO ? code < ZERO || code > ZERO + 9 : code !== model) return undefined;
  }
  const two = (at: number) => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - ZERO * 11;
  const [month, day, hour, minute, second] = [two(5), two(8), two(11), two(14), two(17)];
  // What does not stand in every calendar is looked at more closely.
  if (month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59) return undefined;
  const year = two(0) * 100 + two(2);
  return year < 100 ? undefined : Date.UTC(year, month - 1, day, hour, minute, second);
}

const ZERO = 0x30;

/** Times as Falco writes them (spec/falco-engine.md §3.2, §3.3, §4). Every argument is ns since the epoch. */

const SECOND = 1_000_000_000n;

const two = (value: number) => String(value).padStart(2, '0');

function parts(ns: bigint): { date: Date; fraction: string } {
  const rest = ((ns % SECOND) + SECOND) % SECOND;
  return { date: new Date(Number((ns - rest) / 1_000_000n)), fraction: String(rest).padStart(9, '0') };
}

const clock = (date: Date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
const day = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** `evt.time`: `14:03:07.000000042` in the local zone. */
export function clockTime(ns: bigint): string {
  const { date, fraction } = parts(ns);
  return `${clock(date)}.${fraction}`;
}

/** `evt.time.s`: `14:03:07` in the local zone. */
export function clockSeconds(ns: bigint): string {
  return clock(parts(ns).date);
}

/** `evt.datetime`: `2026-01-31 14:03:07.000000042` in the local zone. */
export function dateTime(ns: bigint): string {
  const { date, fraction } = parts(ns);
  return `${day(date)} ${clock(date)}.${fraction}`;
}

/** `evt.datetime.s`: `2026-01-31 14:03:07` in the local zone. */
export function dateTimeSeconds(ns: bigint): string {
  const { date } = parts(ns);
  return `${day(date)} ${clock(date)}`;
}

/** `evt.time.iso8601`: `2026-01-31T14:03:07.000000042+0000`. */
export function iso8601(ns: bigint): string {
  return `${utc(ns)}+0000`;
}

/** RFC 3339 with nine digits, as the `time` of an alert's JSON: `2026-01-31T14:03:07.000000042Z`. */
export function rfc3339(ns: bigint): string {
  return `${utc(ns)}Z`;
}

function utc(ns: bigint): string {
  const { date, fraction } = parts(ns);
  return `${date.toISOString().slice(0, 19)}.${fraction}`;
}

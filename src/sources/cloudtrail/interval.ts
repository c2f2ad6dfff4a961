/** Spans of time as Falco writes them (spec/cloud-sources.md §1.2b): `5d`, `5d-2d`, RFC 3339, `A-B`. */

const UNITS: Readonly<Record<string, number>> = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 };
const POINT = String.raw`\d+[wdhms]|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
const SHAPE = new RegExp(`^(${POINT})(?: *- *(${POINT}))?$`);

/** From and until, ms since the epoch, both included. */
export interface Interval {
  readonly from: number;
  readonly until: number;
}

/** The span that a text names, seen from `now` (ms since the epoch); undefined where it is none. */
export function parseInterval(text: string, now: number): Interval | undefined {
  const [, first, second] = SHAPE.exec(text.trim()) ?? [];
  if (first === undefined) return undefined;
  const from = point(first, now);
  const until = second === undefined ? now : point(second, now);
  return Number.isNaN(from) || Number.isNaN(until) || until < from ? undefined : { from, until };
}

function point(text: string, now: number): number {
  return text.endsWith('Z')
    ? Date.parse(text)
    : now - Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? Number.NaN);
}

/** Whether it is one, as far as that can be told without the time. */
export function isInterval(text: string): boolean {
  return parseInterval(text, Date.now()) !== undefined;
}

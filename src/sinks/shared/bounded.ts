/** Alerts within the size that a receiver takes: what is too long is cut, and says that it was. */

import type { Value } from '../../core/event.ts';
import { Alert } from '../../events/alert.ts';
import { alertFields } from '../../events/alert-fields.ts';
import { textOf } from './json.ts';

/** At most so many UTF-16 code units (64 at least) of a text; what was cut says how much is missing. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  // The mark gets the room that it needs with the longest count.
  const kept = text.slice(0, most - mark(text.length).length).replace(/[\ud800-\udbff]$/, '');
  return kept + mark(text.length - kept.length);
}

/** The output field that tells how many others were left out. */
export const LEFT_OUT = 'falco_pipe.left_out';

const SHORTEST = 64; // code units, below which fields are left out rather than cut further
const LEAST = 8; // bytes of a field, its name and what is around both

/**
 * What `write` makes of an alert, in at most `most` bytes of UTF-8 (4,000 at least): where that is more, the longest texts
 * are cut, the more the less that helps; where it still is, output fields are left out, and LEFT_OUT has their number.
 * `write` has in it every text that it is given: what is longer than `most` as it is, is not written to find that out.
 */
export function bounded(alert: Alert, most: number, write: (alert: Alert) => string): string {
  const lengths = lengthsOf(alert);
  const all = lengths.fields.length;
  const tried = (longest: number, fields: number): string | undefined => {
    if (isLonger(lengths, longest, fields, most)) return undefined;
    const text = write(longest >= lengths.longest && fields === all ? alert : cut(alert, longest, fields));
    return Buffer.byteLength(text) <= most ? text : undefined;
  };
  const whole = tried(lengths.longest, all);
  if (whole !== undefined) return whole;
  const some = Math.min(all, Math.floor(most / LEAST));
  for (let longest = most >> 1; longest >= SHORTEST; longest >>= 1) {
    const text = longest < lengths.longest || some < all ? tried(longest, some) : undefined;
    if (text !== undefined) return text;
  }
  for (let fields = some >> 1; fields > 0; fields >>= 1) {
    const text = tried(SHORTEST, fields);
    if (text !== undefined) return text;
  }
  return write(cut(alert, SHORTEST, 0));
}

const OWN = alertFields.map(({ name }) => name);

/** Code units of the texts of an alert: those of its own, and of its output fields with their names. */
interface Lengths {
  readonly own: readonly number[];
  readonly fields: readonly { readonly name: number; readonly value: number; readonly both: number }[];
  /** The longest of them all. */
  readonly longest: number;
}

function lengthsOf(alert: Alert): Lengths {
  const own = OWN.flatMap((name) => lengthOf(alert.fields[name] ?? null));
  const fields = Object.entries(alert.outputFields).map(([name, value]) => {
    const length = lengthOf(value);
    // What is null is not shown by all.
    return { name: name.length, value: length, both: value === null ? 0 : name.length + length };
  });
  const longest = fields.reduce((most, { name, value }) => Math.max(most, name, value), Math.max(0, ...own));
  return { own, fields, longest };
}

/** Numbers are short. */
function lengthOf(value: Value | null): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  return Array.isArray(value) ? textOf(value).length : 0;
}

/** Whether the texts alone, cut to `longest`, and those of the first `most` fields, are more than so many code units. */
function isLonger({ own, fields }: Lengths, longest: number, count: number, most: number): boolean {
  let sum = own.reduce((all, length) => all + Math.min(length, longest), 0);
  let left = count;
  for (const { name, value, both } of fields) {
    if (left === 0 || sum > most) break;
    if (name > longest) continue;
    sum += both - Math.max(0, value - longest);
    left--;
  }
  return sum > most;
}

/** An alert whose texts have at most `longest` code units, with at most so many output fields. */
function cut(alert: Alert, longest: number, most: number): Alert {
  const own = OWN.flatMap((name) => {
    const value = alert.fields[name];
    return value === undefined ? [] : [[name, cutValue(value, longest)] as const];
  });
  const all = Object.entries(alert.outputFields);
  const kept = all.filter(([name]) => name.length <= longest).slice(0, most);
  const fields = kept.map(([name, value]) => [name, value === null ? null : cutValue(value, longest)] as const);
  const left = all.length - kept.length;
  const told = left > 0 ? { [LEFT_OUT]: left } : {};
  return new Alert(alert.time, Object.fromEntries(own), { ...Object.fromEntries(fields), ...told }, () => alert.id);
}

function cutValue(value: Value, longest: number): Value {
  if (typeof value === 'string') return cutText(value, longest);
  if (value instanceof Uint8Array) return value.length <= longest ? value : cutText(textOf(value), longest);
  if (!Array.isArray(value)) return value;
  // The texts of a list share what one text may have.
  const text = textOf(value);
  return text.length <= longest ? value : [cutText(text, longest)];
}

/** Whether a text ends as `cutText` ends those that it cuts. */
export function isCut(text: string): boolean {
  return /… \(\d+ more characters cut\)$/.test(text);
}

function mark(missing: number): string {
  return `… (${missing} more characters cut)`;
}

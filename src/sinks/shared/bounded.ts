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

/**
 * What `write` makes of an alert, in at most `most` bytes of UTF-8 (4,000 at least): where that is more, the longest texts
 * are cut, the more the less that helps; where it still is, output fields are left out, and LEFT_OUT has their number.
 */
export function bounded(alert: Alert, most: number, write: (alert: Alert) => string): string {
  const fits = (text: string) => Buffer.byteLength(text) <= most;
  let text = write(alert);
  for (let longest = most >> 1; longest >= SHORTEST && !fits(text); longest >>= 1) {
    text = write(cut(alert, longest, Number.POSITIVE_INFINITY));
  }
  for (let fields = Object.keys(alert.outputFields).length >> 1; !fits(text); fields >>= 1) {
    text = write(cut(alert, SHORTEST, fields));
    if (fields === 0) break;
  }
  return text;
}

const OWN = alertFields.map(({ name }) => name);

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
  return textOf(value).length <= longest ? value : [cutText(textOf(value), longest)];
}

function mark(missing: number): string {
  return `… (${missing} more characters cut)`;
}

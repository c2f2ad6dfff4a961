/** Some conditions of many, kept so that few of thousands are small and quick to compare. */

import { MOST_CONDITIONS } from './generate.ts';

/** Pairs of the number of a group of `MOST_CONDITIONS` and the bits of its conditions; groups in order, none empty. */
export type Some = readonly number[];

export const NONE: Some = [];

/** The conditions with these places. */
export function someOf(places: Iterable<number>): Some {
  const bits = new Map<number, number>();
  for (const place of places) {
    const group = Math.floor(place / MOST_CONDITIONS);
    bits.set(group, (bits.get(group) ?? 0) | (1 << (place % MOST_CONDITIONS)));
  }
  return [...bits].sort(([a], [b]) => a - b).flat();
}

/** The places of conditions, in order. */
export function placesOf(some: Some): readonly number[] {
  if (some.length === 0) return NONE;
  const places: number[] = [];
  for (let at = 0; at < some.length; at += 2) {
    const first = (some[at] as number) * MOST_CONDITIONS;
    for (let left = some[at + 1] as number; left !== 0; left &= left - 1) {
      places.push(first + 31 - Math.clz32(left & -left));
    }
  }
  return places;
}

/** The conditions that are in both. */
export function both(a: Some, b: Some): Some {
  let found: number[] | undefined;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const left = a[i] as number;
    const right = b[j] as number;
    if (left === right) {
      const bits = (a[i + 1] as number) & (b[j + 1] as number);
      if (bits !== 0) (found ??= []).push(left, bits);
    }
    if (left <= right) i += 2;
    if (right <= left) j += 2;
  }
  return found ?? NONE;
}

/** The conditions that are in one of them. */
export function either(a: Some, b: Some): Some {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const found: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const left = a[i] ?? Number.POSITIVE_INFINITY;
    const right = b[j] ?? Number.POSITIVE_INFINITY;
    const bits = (left <= right ? (a[i + 1] as number) : 0) | (right <= left ? (b[j + 1] as number) : 0);
    found.push(Math.min(left, right), bits);
    if (left <= right) i += 2;
    if (right <= left) j += 2;
  }
  return found;
}

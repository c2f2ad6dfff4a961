/** Hashes of texts, the same of a string and of its units (FNV-1a). */

import { randomInt } from 'node:crypto';
import type { Units } from './items-scan.ts';

/** The hash of the empty text: another one in each process, so that nobody can choose texts that collide. */
export const hashStart = randomInt(2 ** 31);

/** The hash of a text that goes on with a UTF-16 unit. */
export function hashNext(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

/** The hash of a text, or of its first units, as it grows from unit to unit. */
export function hashByUnit(text: string, length: number): number {
  let hash = hashStart;
  for (let index = 0; index < length; index++) hash = hashNext(hash, text.charCodeAt(index));
  return hash;
}

/** As `hashByUnit`. */
export function hashUnits(units: Units, start: number, end: number): number {
  let hash = hashStart;
  for (let at = start; at < end; at++) hash = hashNext(hash, units[at] as number);
  return hash;
}

/** The hash of a whole text: two units at a time, since each step waits for the one before. */
export function hashOf(text: string): number {
  const { length } = text;
  let hash = hashStart ^ length;
  let at = 0;
  for (; at + 1 < length; at += 2) hash = hashPair(hash, text.charCodeAt(at), text.charCodeAt(at + 1));
  return at === length ? hash : hashNext(hash, text.charCodeAt(at));
}

/** As `hashOf`. */
export function hashOfUnits(units: Units, start: number, end: number): number {
  let hash = hashStart ^ (end - start);
  let at = start;
  for (; at + 1 < end; at += 2) hash = hashPair(hash, units[at] as number, units[at + 1] as number);
  return at === end ? hash : hashNext(hash, units[at] as number);
}

function hashPair(hash: number, first: number, second: number): number {
  const next = hashNext(hash, first | (second << 16));
  return next ^ (next >>> 15);
}

/** The low bits of a hash depend on the last units most: all bits are mixed before they choose a place. */
export function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

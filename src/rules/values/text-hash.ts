/** Hashes of texts, which grow from unit to unit (FNV-1a), and of addresses. */

import { randomInt } from 'node:crypto';

/** The hash of the empty text: another one in each process, so that nobody can choose texts that collide. */
export const hashStart = randomInt(2 ** 31);

/** The hash of a text that goes on with a UTF-16 unit. */
export function hashNext(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

/** The hash of a text that goes on with some bytes. */
export function hashOn(before: number, bytes: Uint8Array, start: number, end: number): number {
  // `| 0`: V8 keeps what begins as an integer in a register; what comes from elsewhere it would check in each round.
  let hash = before | 0;
  for (let at = start | 0; at < end; at++) hash = hashNext(hash, bytes[at] as number);
  return hash;
}

/** The hash of what goes on with 32 bits. Words that collide can be made: what it finds is looked at whole. */
export function hashWord(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** The low bits of a hash depend on the last units most: all bits are mixed before they choose a place. */
export function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

/** Hashes of texts, which grow from unit to unit (FNV-1a), and of addresses. */

import { randomInt } from 'node:crypto';

/** The hash of the empty text: another one in each process, so that nobody can choose texts that collide. */
export const hashStart = randomInt(2 ** 31);

/** The hash of a text that goes on with a UTF-16 unit. */
export function hashNext(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
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

/** Bytes that are hashed at once. */
export const WORD = 4;

/** The hash of what goes on with some bytes. Texts of different lengths may share it: who compares by it compares lengths, too. */
export function hashBytes(before: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < WORD) return hashWord(before, partAt(bytes, start, end));
  const last = end - WORD;
  let hash = before;
  for (let at = start; at < last; at += WORD) hash = hashWord(hash, wordAt(bytes, at));
  // It may have some of the bytes before once more.
  return hashWord(hash, wordAt(bytes, last));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function partAt(bytes: Uint8Array, at: number, end: number): number {
  let part = 0;
  for (let from = at; from < end; from++) part |= (bytes[from] as number) << ((from - at) * 8);
  return part;
}

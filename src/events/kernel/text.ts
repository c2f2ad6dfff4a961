/** Texts out of a slab: decoded when asked for, and short ones kept, since paths and names come again and again. */

import { joinPath } from '../paths.ts';

/** Bytes with the views that reading them quickly takes. All begin at the same, 8-aligned place. */
export interface Bytes {
  readonly buffer: Buffer;
  readonly words: Uint32Array;
  readonly view: DataView;
}

/** Longest text that is kept, in bytes. */
const WIDTH = 128;
const SLOT_BITS = 13;
const SLOTS = 1 << SLOT_BITS;

const kept = new DataView(new ArrayBuffer(SLOTS * WIDTH));
const keptLengths = new Uint8Array(SLOTS);
const keptTexts: string[] = new Array(SLOTS).fill('');
/** The text of a slot as a normalised path, once it was asked for. */
const keptPaths: (string | undefined)[] = new Array(SLOTS).fill(undefined);

/**
 * The text in UTF-8 at `start`, of `length` bytes; invalid bytes become U+FFFD. The cache compares bytes, so two texts
 * that share a slot only displace each other. The same string object comes back for the same bytes: its hash is known.
 */
export function textAt(bytes: Bytes, start: number, length: number): string {
  if (length === 0) return '';
  if (length > WIDTH) return bytes.buffer.toString('utf8', start, start + length);
  return keptTexts[slotOf(bytes, start, length)] as string;
}

/** As `textAt`, for an absolute path: normalised (paths.ts). */
export function pathAt(bytes: Bytes, start: number, length: number): string {
  if (length === 0 || length > WIDTH) return joinPath('', textAt(bytes, start, length));
  const slot = slotOf(bytes, start, length);
  let path = keptPaths[slot];
  if (path === undefined) keptPaths[slot] = path = joinPath('', keptTexts[slot] as string);
  return path;
}

/** The slot that keeps this text; one that kept another text before gives it up. */
function slotOf(bytes: Bytes, start: number, length: number): number {
  const { view } = bytes;
  const slot = hash(view, start, length);
  if (keptLengths[slot] !== length || !same(view, start, slot * WIDTH, length)) keep(bytes, start, length, slot);
  return slot;
}

/** Of a long text its end and two places before: paths differ there, and `same` looks at the rest. */
function hash(view: DataView, start: number, length: number): number {
  let sum = length;
  let at = 0;
  if (length > 24) {
    at = length - 16;
    sum = mix(sum, view.getUint32(start + (at >> 2), true));
    sum = mix(sum, view.getUint32(start + (at >> 1), true));
  }
  for (; at + 4 <= length; at += 4) sum = mix(sum, view.getUint32(start + at, true));
  for (; at < length; at++) sum = mix(sum, view.getUint8(start + at));
  return sum >>> (32 - SLOT_BITS);
}

function mix(sum: number, next: number): number {
  const mixed = Math.imul(sum ^ next, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function same(view: DataView, start: number, slot: number, length: number): boolean {
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    if (view.getUint32(start + at, true) !== kept.getUint32(slot + at, true)) return false;
  }
  for (; at < length; at++) if (view.getUint8(start + at) !== kept.getUint8(slot + at)) return false;
  return true;
}

function keep({ buffer, view }: Bytes, start: number, length: number, slot: number): void {
  let at = 0;
  for (; at + 4 <= length; at += 4) kept.setUint32(slot * WIDTH + at, view.getUint32(start + at, true), true);
  for (; at < length; at++) kept.setUint8(slot * WIDTH + at, view.getUint8(start + at));
  keptLengths[slot] = length;
  keptPaths[slot] = undefined;
  keptTexts[slot] = buffer.toString('utf8', start, start + length);
}

/** Names of threads that were read lately, by their four words. */
const NAME_WORDS = 4;
const NAME_BITS = 10;
const names: string[] = new Array(1 << NAME_BITS).fill('');
const nameWords = new Uint32Array(NAME_WORDS << NAME_BITS);

/** The text in a field of 16 bytes, at a place that 4 divides, that ends at the first NUL, if there is one. */
export function nameAt(bytes: Bytes, start: number): string {
  const { words } = bytes;
  const at = start >>> 2;
  const a = words[at] as number;
  const b = words[at + 1] as number;
  const c = words[at + 2] as number;
  const d = words[at + 3] as number;
  const slot = mix(mix(mix(mix(0, a), b), c), d) >>> (32 - NAME_BITS);
  const kept = slot * NAME_WORDS;
  if (nameWords[kept] !== a || nameWords[kept + 1] !== b || nameWords[kept + 2] !== c || nameWords[kept + 3] !== d) {
    names[slot] = fixedTextAt(bytes, start, 4 * NAME_WORDS);
    nameWords.set([a, b, c, d], kept);
  }
  return names[slot] as string;
}

function fixedTextAt(bytes: Bytes, start: number, size: number): string {
  let length = 0;
  while (length < size && bytes.view.getUint8(start + length) !== 0) length++;
  return textAt(bytes, start, length);
}

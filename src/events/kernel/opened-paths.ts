/**
 * The ways in which paths were opened lately: what was decoded of each, and the verdicts on it. Two records share one only
 * when all bytes are the same that readers of the path and of how it was opened look at.
 */

import type { Slot } from '../field.ts';
import type { KernelEvent } from './event.ts';
import { FLAGS, KIND, OPEN, OPEN_TEXTS } from './layout.ts';
import type { SplitPath } from './path-cache.ts';

/** What readers have decoded of one. */
export class OpenedPath implements Slot {
  kept: unknown = undefined;
  /** Undefined until it is asked for. */
  raw: string | undefined = undefined;
  /** Null until it is asked for. */
  name: string | undefined | null = null;
  real: string | undefined | null = null;
  parts: SplitPath | undefined = undefined;
}

/** Words of lengths and texts that are remembered; longer paths are rare. */
const WORDS = 64;
/** Numbers that are compared beside them. */
const NUMBERS = 7;
const ROW = NUMBERS + WORDS;
const SET_BITS = 11;
/** Rows of one set: of two the one that was not used last is given up. */
const WAYS = 2;
const ROWS = WAYS << SET_BITS;

const LENGTHS = OPEN_TEXTS.lengths >>> 2;
const FLAG_BITS = FLAGS.path_partial | FLAGS.path_outside | FLAGS.unread;

const rows = new Uint32Array(ROWS * ROW);
const paths: OpenedPath[] = Array.from({ length: ROWS }, () => new OpenedPath());
const lastUsed = new Uint8Array(1 << SET_BITS);
const numbers = new Uint32Array(NUMBERS);

const MEMO_OPENED = 0;

/** How the path of an open is opened; undefined when it is long, and for other events. */
export function openedPath(event: KernelEvent): OpenedPath | undefined {
  return event.memo(MEMO_OPENED, find);
}

function find(event: KernelEvent): OpenedPath | undefined {
  if (event.kind !== KIND.open) return undefined;
  const { words, view } = event.memory;
  const { offset } = event;
  const start = (offset >>> 2) + LENGTHS;
  const bytes =
    OPEN_TEXTS.first -
    OPEN_TEXTS.lengths +
    view.getUint16(offset + OPEN_TEXTS.lengths, true) +
    view.getUint16(offset + OPEN_TEXTS.lengths + 2, true) +
    view.getUint16(offset + OPEN_TEXTS.lengths + 4, true);
  const whole = bytes >>> 2;
  if (whole >= WORDS) return undefined;
  // What lies behind the last text is anything.
  const tail = (words[start + whole] as number) & ((1 << ((bytes & 3) * 8)) - 1);
  readNumbers(words, offset >>> 2, bytes);
  const set = hash(words, start, whole, tail);
  const used = set * WAYS + (lastUsed[set] as number);
  if (isSame(used, words, start, whole, tail)) return paths[used];
  const other = used ^ 1;
  lastUsed[set] = other & 1;
  if (!isSame(other, words, start, whole, tail)) remember(other, words, start, whole, tail);
  return paths[other];
}

function readNumbers(words: Uint32Array, record: number, bytes: number): void {
  const failed = ((words[record + OPEN.ret / 4 + 1] as number) & 0x8000_0000) !== 0;
  numbers[0] = bytes;
  numbers[1] = ((words[record] as number) >>> 16) & FLAG_BITS;
  numbers[2] = failed ? (words[record + OPEN.ret / 4] as number) : 0;
  numbers[3] = words[record + OPEN.nr / 4] as number;
  numbers[4] = words[record + OPEN.open_flags / 4] as number;
  numbers[5] = words[record + OPEN.mode / 4] as number;
  numbers[6] = (words[record + OPEN.resolve / 4] as number) ^ ((words[record + OPEN.created / 4] as number) << 31);
}

/** Of its end, where paths differ, and of some places before: `isSame` looks at the rest. */
function hash(words: Uint32Array, start: number, whole: number, tail: number): number {
  let sum = mix(tail, numbers[4] as number);
  const step = Math.max(1, whole >>> 2);
  for (let at = start; at < start + whole; at += step) sum = mix(sum, words[at] as number);
  for (let at = start + Math.max(0, whole - 4); at < start + whole; at++) sum = mix(sum, words[at] as number);
  return sum >>> (32 - SET_BITS);
}

function mix(sum: number, next: number): number {
  const mixed = Math.imul(sum ^ next, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function isSame(row: number, words: Uint32Array, start: number, whole: number, tail: number): boolean {
  let at = row * ROW;
  if (rows[at + NUMBERS + whole] !== tail) return false;
  for (let number = 0; number < NUMBERS; number++) if (rows[at + number] !== numbers[number]) return false;
  at += NUMBERS;
  for (let word = 0; word < whole; word++) if (rows[at + word] !== words[start + word]) return false;
  return true;
}

function remember(row: number, words: Uint32Array, start: number, whole: number, tail: number): void {
  const at = row * ROW;
  rows.set(numbers, at);
  for (let word = 0; word < whole; word++) rows[at + NUMBERS + word] = words[start + word] as number;
  rows[at + NUMBERS + whole] = tail;
  // Not the same object: an event of another batch may still read the one before.
  paths[row] = new OpenedPath();
}

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

const MEMO_OPENED = 0;

/** How the path of an open is opened; undefined when it is long, and for other events. */
export function openedPath(event: KernelEvent): OpenedPath | undefined {
  return event.memo(MEMO_OPENED, find);
}

function find(event: KernelEvent): OpenedPath | undefined {
  if (event.kind !== KIND.open) return undefined;
  const { words } = event.memory;
  const record = event.offset >>> 2;
  const start = record + LENGTHS;
  const bytes = textBytes(words[start] as number, words[start + 1] as number);
  const whole = bytes >>> 2;
  if (whole >= WORDS) return undefined;
  // What lies behind the last text is anything.
  const tail = (words[start + whole] as number) & ((1 << ((bytes & 3) * 8)) - 1);
  const set = hash(words, start, whole, tail);
  const used = set * WAYS + (lastUsed[set] as number);
  if (isSame(used, words, record, whole, tail)) return paths[used];
  const other = used ^ 1;
  lastUsed[set] = other & 1;
  if (!isSame(other, words, record, whole, tail)) remember(other, words, record, whole, tail);
  return paths[other];
}

/** How long the texts are together with the three u16 that say how long each is. */
function textBytes(first: number, second: number): number {
  return 6 + (first & 0xffff) + (first >>> 16) + (second & 0xffff);
}

const RET = OPEN.ret / 4;
const NR = OPEN.nr / 4;
const OPEN_FLAGS = OPEN.open_flags / 4;
const MODE = OPEN.mode / 4;
const RESOLVE = OPEN.resolve / 4;
const CREATED = OPEN.created / 4;

/** The error of an open that failed; 0 for all that did not, whatever descriptor they gave. */
function errorOf(words: Uint32Array, record: number): number {
  return (words[record + RET + 1] as number) >>> 31 === 0 ? 0 : (words[record + RET] as number);
}

function flagsOf(words: Uint32Array, record: number): number {
  return ((words[record] as number) >>> 16) & FLAG_BITS;
}

/** Of its end, where paths differ, and of some places before: `isSame` looks at the rest. */
function hash(words: Uint32Array, start: number, whole: number, tail: number): number {
  let sum = tail;
  const step = Math.max(1, whole >>> 2);
  for (let at = start; at < start + whole; at += step) sum = mix(sum, words[at] as number);
  for (let at = start + Math.max(0, whole - 4); at < start + whole; at++) sum = mix(sum, words[at] as number);
  return sum >>> (32 - SET_BITS);
}

function mix(sum: number, next: number): number {
  const mixed = Math.imul(sum ^ next, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function isSame(row: number, words: Uint32Array, record: number, whole: number, tail: number): boolean {
  const at = row * ROW;
  const texts = at + NUMBERS;
  const start = record + LENGTHS;
  if (rows[texts + whole] !== tail) return false;
  for (let word = 0; word < whole; word++) if (rows[texts + word] !== words[start + word]) return false;
  return (
    rows[at] === flagsOf(words, record) &&
    rows[at + 1] === errorOf(words, record) &&
    rows[at + 2] === words[record + NR] &&
    rows[at + 3] === words[record + OPEN_FLAGS] &&
    rows[at + 4] === words[record + MODE] &&
    rows[at + 5] === words[record + RESOLVE] &&
    rows[at + 6] === words[record + CREATED]
  );
}

function remember(row: number, words: Uint32Array, record: number, whole: number, tail: number): void {
  const at = row * ROW;
  rows[at] = flagsOf(words, record);
  rows[at + 1] = errorOf(words, record);
  rows[at + 2] = words[record + NR] as number;
  rows[at + 3] = words[record + OPEN_FLAGS] as number;
  rows[at + 4] = words[record + MODE] as number;
  rows[at + 5] = words[record + RESOLVE] as number;
  rows[at + 6] = words[record + CREATED] as number;
  const texts = at + NUMBERS;
  const start = record + LENGTHS;
  for (let word = 0; word < whole; word++) rows[texts + word] = words[start + word] as number;
  rows[texts + whole] = tail;
  // Not the same object: an event of another batch may still read the one before.
  paths[row] = new OpenedPath();
}

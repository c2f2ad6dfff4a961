/** Whether an event is the same as the one before it in its slab, in all that a look at its bytes depends on. */

import type { KernelEvent } from './event.ts';
import { HEADER, HEADER_SIZE, OPEN, OPEN_TEXTS } from './layout.ts';

const COMM = HEADER.comm >>> 2;
const HEADER_END = HEADER_SIZE >>> 2;
const RET = OPEN.ret >>> 2;
/** What the call was asked for, and whether it made the file. */
const NR = OPEN.nr >>> 2;
const CREATED_END = (OPEN.created + 4) >>> 2;
/** The lengths of the texts, and behind them the texts. */
const LENGTHS = OPEN_TEXTS.lengths >>> 2;
const LENGTHS_BYTES = OPEN_TEXTS.first - OPEN_TEXTS.lengths;

/** Of an open behind an open. The descriptors that they returned may differ, and what is known of the file. */
export function repeatsOpen(event: KernelEvent): boolean {
  const { words, offsets } = event.memory;
  const here = event.offset >>> 2;
  const back = here - ((offsets[event.index - 1] as number) >>> 2);
  const texts = here + LENGTHS;
  const first = words[texts] as number;
  const second = words[texts + 1] as number;
  // The third length shares its word with the first bytes.
  if (first !== words[texts - back] || second !== words[texts + 1 - back]) return false;
  const bytes = LENGTHS_BYTES + (first & 0xffff) + (first >>> 16) + (second & 0xffff);
  const whole = texts + (bytes >>> 2);
  // What lies behind the last text is anything.
  const tail = (1 << ((bytes & 3) * 8)) - 1;
  if ((((words[whole] as number) ^ (words[whole - back] as number)) & tail) !== 0) return false;
  // Paths differ where they end.
  for (let at = whole - 1; at > texts + 1; at--) if (words[at] !== words[at - back]) return false;
  for (let at = here + NR; at < here + CREATED_END; at++) if (words[at] !== words[at - back]) return false;
  for (let at = here + COMM; at < here + HEADER_END; at++) if (words[at] !== words[at - back]) return false;
  // Kind and flags.
  return words[here] === words[here - back] && errorAt(words, here + RET) === errorAt(words, here - back + RET);
}

/** The error of a call that failed; 0 of one that did not. */
function errorAt(words: Uint32Array, ret: number): number {
  return (words[ret + 1] as number) >>> 31 === 0 ? 0 : (words[ret] as number);
}

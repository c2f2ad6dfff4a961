/** Arguments and environments of running processes, which are longer than a scan record has room for, from /proc (proc(5)). */

import { closeSync, openSync, readSync } from 'node:fs';
import { EXEC_TAILS } from '../../events/kernel/layout.ts';
import type { Block, LongerBlock } from '../../events/kernel/strings.ts';

/** Longer than the kernel lets both be together (execve(2)): what says so is not read. */
const LONGEST = 8 << 20;

/** How much is kept of the beginning of each block, in bytes. */
export type Heads = Readonly<Record<Block, number>>;

/**
 * Reads of such a block what an exec record would have. It counts only when it is the one of which the scan has seen parts:
 * meanwhile the process may have ended, executed, or written to it.
 */
export function longerBlocks(heads: Heads): LongerBlock {
  return (tgid, block, kept, total) => {
    const room = heads[block] + TAIL;
    if (kept.length >= room || total > LONGEST) return kept;
    const whole = readBlock(`/proc/${tgid}/${block}`, total);
    if (whole === undefined || !isOf(whole, kept)) return kept;
    return total <= room ? whole : Buffer.concat([whole.subarray(0, heads[block]), whole.subarray(-TAIL)]);
  };
}

const TAIL = EXEC_TAILS.args;

function isOf(whole: Buffer, kept: Buffer): boolean {
  const gap = kept.length - TAIL;
  return kept.subarray(0, gap).equals(whole.subarray(0, gap)) && kept.subarray(gap).equals(whole.subarray(-TAIL));
}

/** The file, when it has just so many bytes. */
function readBlock(path: string, total: number): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const bytes = Buffer.alloc(total + 1);
    let length = 0;
    for (let more = 1; more > 0 && length < bytes.length; length += more)
      more = readSync(file, bytes, length, bytes.length - length, null);
    return length === total ? bytes.subarray(0, total) : undefined;
  } catch {
    return undefined; // gone, or kept from us: what the scan has seen is told, and said to be cut
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

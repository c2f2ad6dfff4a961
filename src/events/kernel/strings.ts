/** Blocks of texts that each end in NUL, as the kernel keeps argv and the environment (proc(5), cmdline). */

/** Texts of a block, of which the middle may be missing. */
export interface Strings {
  /** In their order. The one into which the gap falls has `mark` there, and behind it may be the end of another. */
  readonly list: readonly string[];
  /** How many of them are known to be the first of the block: infinity when nothing is missing. */
  readonly first: number;
  /** What stands for the bytes that are missing; empty when none is. */
  readonly mark: string;
  /** Bytes of the whole block. */
  readonly total: number;
}

/** The blocks of a process, named as the files in /proc that have them. */
export type Block = 'cmdline' | 'environ';

/** What there is of such a block of a process where a record had no room for all of its `total` bytes; at worst `kept`. */
export type LongerBlock = (tgid: number, block: Block, kept: Buffer, total: number) => Buffer;

/** The texts of a block that is there as a whole. */
export function wholeStrings(block: string, total: number): Strings {
  return { list: split(block), first: Number.POSITIVE_INFINITY, mark: '', total };
}

/**
 * The texts of a block of `total` bytes, of which there are only those in `kept`: the last `tail` of them are the end of
 * the block, the others its beginning. Where there are no more than `tail`, all are its beginning.
 */
export function cutStrings(kept: Buffer, total: number, tail: number): Strings {
  if (kept.length === 0) return { list: [], first: 0, mark: '', total };
  const gap = kept.length > tail ? kept.length - tail : kept.length;
  const head = kept.toString('utf8', 0, gap).split('\0');
  const [rest = '', ...behind] = split(kept.toString('utf8', gap));
  const mark = `[${total - kept.length} bytes cut]`;
  head.push(`${head.pop()}${mark}${rest}`);
  return { list: [...head, ...behind], first: head.length, mark, total };
}

export const isCut = ({ first }: Strings): boolean => first !== Number.POSITIVE_INFINITY;

function split(block: string): string[] {
  if (block === '') return [];
  return (block.endsWith('\0') ? block.slice(0, -1) : block).split('\0');
}

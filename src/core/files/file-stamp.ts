/** Whether a file is as it was, told without reading it. */

import type { BigIntStats } from 'node:fs';

/** A file may be written again, so many ns after it was, without another time in its inode. */
const SAME_TIME = 2_000_000_000n;

/**
 * What a file's inode says of its content: other texts are other contents, perhaps. Undefined while the file was written or
 * changed so lately that another content may come to look the same: it has to be read then. `now`: ms since 1970.
 */
export function stampOf(
  { dev, ino, size, mtimeNs, ctimeNs }: Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>,
  now: number,
): string | undefined {
  const settled = BigInt(Math.floor(now)) * 1_000_000n - SAME_TIME;
  if (mtimeNs >= settled || ctimeNs >= settled) return undefined;
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

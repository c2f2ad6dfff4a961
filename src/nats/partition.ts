/** Dividing a stream of events: those that are alike in some fields have one subject, and so come to one reader. */

/** The most partitions of a subject. */
export const MOST_PARTITIONS = 1024;

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * The partition of a key: FNV-1a (32 bit, of the text in UTF-8) modulo their number, as nats-server itself divides
 * subjects by `partition(n, …)`. The same on every machine and in every version.
 */
export function partitionOf(key: string, of: number): number {
  let hash = OFFSET;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, PRIME) >>> 0;
  return hash % of;
}

/** The subject of a partition: its number as one more word. */
export function partitionSubject(subject: string, partition: number): string {
  return `${subject}.${partition}`;
}

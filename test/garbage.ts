/** Memory that is in use, garbage left aside. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Memory in bytes, after garbage was collected: twice, for the second time gives back buffers that the first one finds. */
export function inUse(): NodeJS.MemoryUsage {
  collect();
  collect();
  return process.memoryUsage();
}

/** Bytes that values of ours take, on the heap and off it. */
export function heldBytes(): number {
  const { heapUsed, arrayBuffers } = inUse();
  return heapUsed + arrayBuffers;
}

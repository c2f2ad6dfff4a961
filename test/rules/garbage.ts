/** Memory that is in use, garbage left aside. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Memory in bytes, after garbage was collected: twice, for what the first time has only made ready to go. */
export function inUse(): NodeJS.MemoryUsage {
  collect();
  collect();
  return process.memoryUsage();
}

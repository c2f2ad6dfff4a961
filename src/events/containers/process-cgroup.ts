/** The cgroup of a process that runs, as /proc has it (cgroups(7)). */

import { readFileSync } from 'node:fs';

/**
 * The path that names the container: the memory controller's in a v1 hierarchy, else the v2 path, as the kernel programs
 * read it. Undefined when the process is gone.
 */
export function processCgroup(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return undefined;
  }
  let memory: string | undefined;
  let unified: string | undefined;
  for (const line of text.split('\n')) {
    const [hierarchy, controllers = '', ...path] = line.split(':');
    if (controllers.split(',').includes('memory')) memory = path.join(':');
    if (hierarchy === '0') unified = path.join(':');
  }
  return memory === undefined || memory === '/' ? (unified ?? memory) : memory;
}

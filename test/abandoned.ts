/** Temporary folders of runs of tests that were killed: the next run removes them. */

import { readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statOf } from './proc.ts';
import { remove } from './scratch.ts';

/** Says in a folder whose it is. */
export const OWNER = '.owner';

/** Writes into a folder that it is this process's; whoever looks meanwhile sees nothing, not half of it. */
export function own(folder: string): void {
  const path = join(folder, OWNER);
  writeFileSync(`${path}.new`, nameOf(process.pid));
  renameSync(`${path}.new`, path);
}

/** Removes folders in the temporary one whose process is gone, and whose names begin with `prefix`. */
export function removeAbandoned(prefix: string): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const folder = join(tmpdir(), name);
    try {
      if (isGone(readFileSync(join(folder, OWNER), 'utf8'))) remove(folder);
    } catch {
      // Another user's, one that is being made or removed by its run, or one that is written to still.
    }
  }
}

// A pid means one process only as long as its start is the same, on this boot and in its namespace.
function nameOf(pid: number): string {
  return `${here()} ${pid} ${statOf(pid, 22)}`;
}

function here(): string {
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
}

/** Whether that process is known to be gone: not where it is in another namespace, of which nothing is known. */
function isGone(owner: string): boolean {
  const [boot, namespace, pid, start] = owner.split(' ');
  if (!start) return false;
  const [bootNow, namespaceNow] = here().split(' ');
  if (boot !== bootNow) return true;
  if (namespace !== namespaceNow) return false;
  try {
    return nameOf(Number(pid)) !== owner;
  } catch {
    return true;
  }
}

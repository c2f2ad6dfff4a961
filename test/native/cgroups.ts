/** Cgroups of the tests' own. */

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the hierarchies are mounted that name containers: v1's memory controller where there is one, and v2. */
export function cgroupRoots(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const parsed = mounts.map((line) => line.split(' '));
  const unified = parsed.find(([, , type]) => type === 'cgroup2')?.[1];
  const memory = parsed.find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('memory'))?.[1];
  return [memory, unified].filter((root) => root !== undefined);
}

/** A cgroup in one hierarchy, below one that is this process's alone. */
export class Cgroup {
  readonly #folder: string;
  readonly #root: string;

  constructor(root: string, path: string) {
    this.#root = root;
    this.#folder = join(root, `falco-pipe-test-${process.pid}`, path);
    mkdirSync(this.#folder, { recursive: true });
  }

  /** The file that takes the ids of processes to move. */
  get procs(): string {
    return join(this.#folder, 'cgroup.procs');
  }

  move(pid: number): void {
    writeFileSync(this.procs, String(pid));
  }

  /** Its processes go back to the root first. */
  remove(): void {
    for (const pid of readFileSync(this.procs, 'utf8').split('\n').filter(Boolean))
      writeFileSync(join(this.#root, 'cgroup.procs'), pid);
    for (let folder = this.#folder; folder !== this.#root; folder = dirname(folder)) rmdirSync(folder);
  }
}

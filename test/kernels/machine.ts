/**
 * A virtual machine without a disk: a kernel, and in memory what the agent needs, which is Node.js, the built program,
 * busybox and the shared libraries of all of them.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { scratch } from '../scratch.ts';
import { boot, pack } from './emulate.ts';

const repository = join(import.meta.dirname, '../..');
/** Where the repository is in the machine. */
const HOME = '/falco-pipe';
const PARTS = ['bin', 'dist', 'prebuilds', 'package.json'];
/** MiB: the system is unpacked there, too. */
const MEMORY = 1536;

/** The first process: mounts what a system has, does what the script says, and switches the machine off. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/opt HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tracefs trace /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
cd /root
sh /script
poweroff -f
`;

export class Machine {
  readonly #folder = scratch();
  readonly #archive = join(this.#folder, 'system.cpio');

  /**
   * @param files texts of files by their absolute paths; `/script` is what the machine does
   * @param programs paths of programs that are copied to /opt
   */
  constructor(files: Readonly<Record<string, string>>, programs: readonly string[]) {
    const root = join(this.#folder, 'root');
    const place = (path: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      return join(root, path);
    };
    for (const folder of ['proc', 'sys', 'dev', 'tmp', 'root']) mkdirSync(join(root, folder), { recursive: true });
    for (const part of PARTS) cpSync(join(repository, part), place(join(HOME, part)), { recursive: true });
    const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
    copyFileSync(busybox, place('/bin/busybox'));
    const copied = [process.execPath, ...programs];
    for (const program of copied) copyFileSync(program, place(join('/opt', basename(program))));
    const addon = join(repository, 'prebuilds', `linux-${process.arch}`, 'falco_pipe.node');
    for (const library of librariesOf([...copied, addon])) copyFileSync(library, place(library));
    for (const [path, text] of Object.entries(files)) writeFileSync(place(path), text);
    writeFileSync(place('/init'), INIT, { mode: 0o755 });
    symlinkSync(join(HOME, 'bin/falco-pipe'), join(root, 'bin/falco-pipe'));
    pack(root, this.#archive);
    rmSync(root, { recursive: true });
  }

  /** Boots a kernel; what the machine wrote to its console until it switched itself off, or was given up after `ms`. */
  run(kernel: string, ms: number): Promise<string> {
    return boot({ kernel, archive: this.#archive, memory: MEMORY }, ms);
  }
}

/** The shared libraries of programs, by their paths. */
function librariesOf(files: readonly string[]): ReadonlySet<string> {
  const told = files.map((file) => spawnSync('ldd', [file], { encoding: 'utf8' }).stdout).join('');
  return new Set([...told.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string));
}

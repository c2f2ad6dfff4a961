/**
 * A virtual machine without a disk: a kernel, and in memory what the agent needs, which is Node.js, the built program,
 * busybox and the shared libraries of all of them.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { scratch } from '../scratch.ts';
import { type Architecture, boot, pack, WRITTEN } from './emulate.ts';

const repository = join(import.meta.dirname, '../..');
/** Where the repository is in the machine. */
const HOME = '/falco-pipe';
const PARTS = ['bin', 'dist', 'package.json'];
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
${WRITTEN}
poweroff -f
`;

/** What a machine is made of, beside the built program. */
export interface Parts {
  readonly architecture: Architecture;
  readonly node: string;
  readonly busybox: string;
  /** The shared libraries that programs need: paths here by paths there. */
  readonly libraries: (programs: readonly string[]) => ReadonlyMap<string, string>;
}

/** Of what this machine has. */
export function partsHere(): Parts {
  const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
  return { architecture: 'x64', node: process.execPath, busybox, libraries: librariesOf };
}

/** Of what tools/fetch-arm64 has fetched into that folder. */
export function partsOfArm64(folder: string): Parts {
  const from = join(folder, 'usr/lib/aarch64-linux-gnu');
  const names = readdirSync(from).filter((name) => name.includes('.so.'));
  const libraries = new Map(names.map((name) => [join('/lib', name), join(from, name)]));
  const [node, busybox] = [join(folder, 'node/bin/node'), join(folder, 'usr/bin/busybox')];
  return { architecture: 'arm64', node, busybox, libraries: () => libraries };
}

export class Machine {
  readonly #architecture: Architecture;
  readonly #folder = scratch();
  readonly #archive = join(this.#folder, 'system.cpio');

  /**
   * @param files texts of files by their absolute paths; `/script` is what the machine does
   * @param programs paths of programs that are copied to /opt
   */
  constructor(files: Readonly<Record<string, string>>, programs: readonly string[], parts = partsHere()) {
    this.#architecture = parts.architecture;
    const root = join(this.#folder, 'root');
    const place = (path: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      return join(root, path);
    };
    for (const folder of ['proc', 'sys', 'dev', 'tmp', 'root']) mkdirSync(join(root, folder), { recursive: true });
    const prebuilt = join('prebuilds', `linux-${parts.architecture}`);
    for (const part of [...PARTS, prebuilt])
      cpSync(join(repository, part), place(join(HOME, part)), { recursive: true });
    copyFileSync(parts.busybox, place('/bin/busybox'));
    const copied = [parts.node, ...programs];
    for (const program of copied) copyFileSync(program, place(join('/opt', basename(program))));
    const libraries = parts.libraries([...copied, join(repository, prebuilt, 'falco_pipe.node')]);
    for (const [there, here] of libraries) copyFileSync(here, place(there));
    for (const [path, text] of Object.entries(files)) writeFileSync(place(path), text);
    writeFileSync(place('/init'), INIT, { mode: 0o755 });
    symlinkSync(join(HOME, 'bin/falco-pipe'), join(root, 'bin/falco-pipe'));
    pack(root, this.#archive);
    rmSync(root, { recursive: true });
  }

  /** Boots a kernel; what the machine wrote to its console until it switched itself off, or was given up after `ms`. */
  run(kernel: string, ms: number): Promise<string> {
    return boot({ architecture: this.#architecture, kernel, archive: this.#archive, memory: MEMORY }, ms);
  }
}

/** Of what runs here. */
function librariesOf(programs: readonly string[]): ReadonlyMap<string, string> {
  const told = programs.map((program) => spawnSync('ldd', [program], { encoding: 'utf8' }).stdout).join('');
  const paths = [...told.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  return new Map(paths.map((path) => [path, path]));
}
